/** What holding requests to a contract adds to a request of the gateway, on plain `workerd serve` with access logs on. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { type CompareOptions, compare, cpuRatio, type Variant } from "./support/compare.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, type Stage, startUpstream } from "./support/stage.ts";

const PLAN: CompareOptions = { rounds: 9, durationMs: 1_000, warmUpMs: 1_000 };
const QUICK: CompareOptions = { rounds: 3, durationMs: 700, warmUpMs: 500 };

const ITEM = { sku: "a-1234567890", count: 2, price: 19.9, gift: false, note: "wrapped in paper, please" };
/** About 1 KB of JSON. */
const BODY = JSON.stringify({ customer: "c-42", items: Array.from({ length: 11 }, () => ITEM) });

/** What is compared with what: the same request on a route without a contract. */
const COMPARED = [
  ["parameters", "get", "parameters of path, query and head"],
  ["answers", "get", "answers in shadow, all of them"],
  ["body", "post", "1 KB of JSON"],
  ["watched", "post", "1 KB of JSON in shadow"],
] as const;

const bench: Bench = {
  question: "What does holding a request to its contract add? (CPU at the edge for each request)",
  run: (options) => onStage((stage) => measure(stage, options)),
};
export default bench;

async function measure({ system }: Stage, { quick, rounds, say }: BenchOptions): Promise<Figure[]> {
  const upstream = await startUpstream(system);
  writeFileSync(path.join(system.state, "orders.json"), JSON.stringify(description()));
  const { port, pid } = await startGateway(system, upstream, documentOf(`http://127.0.0.1:${upstream}`));
  const variantOf = (name: string): Variant => {
    const isPost = name === "post" || name === "body" || name === "watched";
    const load = isPost
      ? { path: `/${name}/orders`, method: "POST", body: BODY, headers: { "content-type": "application/json" } }
      : { path: `/${name}/orders/42?limit=10&expand=items,customer`, headers: { "x-tenant": "7" } };
    return { name, pids: [pid], load: { port, connections: 32, ...load } };
  };
  const variants = [...new Set(COMPARED.flatMap((one) => one.slice(0, 2)))].map(variantOf);
  for (const { load } of variants) await untilServed(load);
  const plan = quick ? QUICK : { ...PLAN, ...(rounds !== undefined && { rounds }) };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  const measured = await compare(variants, plan);
  return COMPARED.map(([name, peer, what]) => ({
    name: `${name}_cpu_ratio`,
    what: `${what}, CPU over the same without a contract`,
    spread: cpuRatio(measured.get(name), measured.get(peer)),
  }));
}

async function untilServed({ port, path: target, method = "GET", body, headers }: Variant["load"]): Promise<void> {
  const fields = typeof headers === "function" ? headers() : (headers ?? {});
  for (const end = Date.now() + 10_000; ; ) {
    const init = { method, headers: fields, ...(body !== undefined && { body }) };
    const response = await fetch(`http://127.0.0.1:${port}${target}`, init);
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${target} answers ${response.status}: ${text}`);
  }
}

function documentOf(origin: string): string {
  const routeOf = (name: string, validate: string): string =>
    `    - { name: ${name}, match: { path: /${name}/* }, to: "${origin}"${validate} }`;
  const held = (name: string, how = ""): string =>
    routeOf(name, `, validate: { contract: orders, basePath: /${name}${how} }`);
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  contracts: { orders: { openapi: orders.json } }
  routes:
${routeOf("get", "")}
${routeOf("post", "")}
${held("parameters")}
${held("answers", ", requests: off, responses: shadow")}
${held("body")}
${held("watched", ", requests: shadow")}
`;
}

function description(): object {
  const text = { type: "string", maxLength: 100 };
  const parameter = (name: string, place: string, schema: object, more: object = {}): object => ({
    ...{ name, in: place, schema, required: place === "path" },
    ...more,
  });
  const item = {
    type: "object",
    required: ["sku", "count"],
    properties: {
      ...{ sku: text, note: text, gift: { type: "boolean" } },
      count: { type: "integer", minimum: 1, maximum: 100 },
      price: { type: "number", minimum: 0 },
    },
    additionalProperties: false,
  };
  const items = { type: "array", items: { $ref: "#/components/schemas/Item" }, maxItems: 50 };
  const answer = { type: "object", required: ["id", "status"], properties: { id: text, status: text, items } };
  const order = { type: "object", required: ["items"], properties: { customer: text, items } };
  const json = (name: string): object => ({
    "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
  });
  return {
    openapi: "3.1.0",
    info: { title: "Orders", version: "1" },
    components: { schemas: { Item: item, Order: order, Answer: answer } },
    paths: {
      "/orders/{id}": {
        get: {
          parameters: [
            parameter("id", "path", { type: "integer", minimum: 1 }),
            parameter("limit", "query", { type: "integer", maximum: 100 }),
            parameter("expand", "query", { type: "array", items: text }, { explode: false }),
            parameter("x-tenant", "header", { type: "integer" }),
          ],
          responses: { 200: { description: "an order", content: json("Answer") } },
        },
      },
      "/orders": {
        post: {
          requestBody: { required: true, content: json("Order") },
          responses: { 200: { description: "an order", content: json("Answer") } },
        },
      },
    },
  };
}
