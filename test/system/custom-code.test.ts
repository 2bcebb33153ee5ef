/** Code of the user's own as `selvage serve` runs it: before a service of the mesh and a plain server, both real. */
import type { ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveDocument } from "../support/serve.ts";
import { startAgent, stopAgents } from "../support/serve-agent.ts";
import { freePorts, root, run, until } from "../support/system.ts";

/** It says what it was asked. */
const ORDERS = `import { createServer } from "node:http";
createServer(({ method, url, headers }, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ price: 10, method, url, tenant: headers["x-tenant"], txn: headers["txn-token"] !== undefined }));
}).listen(Number(process.env.PORT), "127.0.0.1");
`;
const TENANT = `import { definePolicy } from "selvage/policy";
export default definePolicy(async (c, next) => {
  const tenant = c.req.query("tenant");
  if (tenant === undefined) return c.json({ error: "no tenant" }, 422);
  c.get("request").headers.set("x-tenant", tenant);
  c.get("log").info("a tenant", { tenant });
  await next();
  c.header("x-code", String(c.get("settings").mark));
});
`;
const QUOTE = `import { defineHandler } from "selvage/policy";
import { twice } from "./twice.ts";
export default defineHandler(async (c) => {
  const { orders, rates } = c.get("services");
  const [order, rate] = await Promise.all([
    orders.json<{ price: number }>("/orders/1"),
    rates.json<{ rate: number }>("/rates", { json: { to: "EUR" } }),
  ]);
  return c.json({ order, price: twice(order.price) * rate.rate });
});
`;
const SELF = `import { defineHandler } from "selvage/policy";
export default defineHandler((c) => c.get("services").self.fetch("/self"));
`;

let folder: string;
let served: Served;
let rates: Server;
const asked: IncomingHttpHeaders[] = [];
let agents: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "selvage-code-"));
  mkdirSync(join(folder, "policies"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  file("policies/tenant.ts", TENANT);
  file("policies/quote.ts", QUOTE);
  file("policies/twice.ts", "export const twice = (price: number): number => 2 * price;\n");
  file("policies/self.ts", SELF);
  rates = createServer(({ headers }, response) => {
    response.setHeader("content-type", "application/json").end('{"rate":3}');
    asked.push(headers);
  });
  await new Promise<void>((done) => rates.listen(0, "127.0.0.1", done));
  const [gateway = 0, orders = 0, ingress = 0] = await freePorts(3);
  const document = (handler: string): string => `selvage: 1
name: shop
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - name: quotes
      match: { path: /quotes }
      policies: [{ use: policies/tenant.ts, with: { mark: here } }]
      handler: ${handler}
      calls: { orders: orders, rates: "http://127.0.0.1:${(rates.address() as AddressInfo).port}" }
    - name: orders
      match: { path: /orders/* }
      policies: [{ use: policies/tenant.ts }]
      to: orders
    - { name: self, match: { path: /self }, handler: policies/self.ts, calls: { self: "http://127.0.0.1:${gateway}" } }
mesh:
  trustDomain: shop.internal
  services: { orders: { port: ${orders}, access: [{ from: gateway }] } }
`;
  file("later.ts", QUOTE.replace("./twice.ts", "./policies/twice.ts"));
  file("later.yaml", document("later.ts"));
  served = await serveDocument(file("selvage.yaml", document("policies/quote.ts")), {}, [
    ...["--listen", `http://127.0.0.1:${gateway}`, "--ingress-url", `http://127.0.0.1:${ingress}`],
  ]);
  served = { ...served, url: `http://127.0.0.1:${gateway}` };
  agents = await Promise.all([
    startAgent(served, folder, "gateway", ["ingress", "--listen", `127.0.0.1:${ingress}`]),
    startAgent(served, folder, "orders", [
      ...["run", "--port", String(orders), "--", process.execPath, file("orders.mjs", ORDERS)],
    ]),
  ]);
  await until("the service is reached", async () => (await get("/orders/1?tenant=a")).status === 200, 40_000);
});
afterAll(async () => {
  await stopAgents(agents);
  await served?.stop();
  rates?.close();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${served.url}${path}`, { headers });

test("a policy refuses, or changes the request and the answer of a service of the mesh", async () => {
  expect((await get("/orders/1")).status).toBe(422);
  const response = await get("/orders/7?tenant=blue", { "x-tenant": "red" });
  expect(response.headers.get("x-code")).toBe("undefined");
  expect(await response.json()).toMatchObject({ url: "/orders/7?tenant=blue", tenant: "blue" });
});

test("a handler answers by calls into the mesh and outside, with the mesh's token for the one alone", async () => {
  const response = await get("/quotes?tenant=green", { authorization: "Bearer of-the-client", cookie: "a=b" });
  expect(response.headers.get("x-code")).toBe("here");
  expect(await response.json()).toEqual({
    order: { price: 10, method: "GET", url: "/orders/1", tenant: "green", txn: true },
    price: 60,
  });
  const headers = asked.at(-1) ?? {};
  expect(headers.traceparent).toBeDefined();
  for (const name of ["authorization", "cookie", "x-tenant", "txn-token"]) expect(headers[name]).toBeUndefined();
});

test("what code says is in the log, with the request's trace", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  await get("/quotes?tenant=traced", { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  const line = await until("the line", () =>
    served
      .log("gateway")
      .split("\n")
      .find((one) => one.includes('"kind":"code"') && one.includes("traced")),
  );
  expect(JSON.parse(line)).toMatchObject({ level: "info", traceId, route: "quotes", code: "policies/tenant.ts" });
});

test("a handler that calls its own gateway ends as every loop does", async () => {
  expect((await get("/self")).status).toBe(508);
});

test("a document that names code which was not deployed has that route out of service, and no other", async () => {
  const apply = (name: string) =>
    run(process.execPath, ["bin/selvage.mjs", "apply", join(folder, name), "--wait"], { SELVAGE_STATE: served.state });
  const { code, stderr } = await apply("later.yaml");
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("code is deployed");
  const response = await get("/quotes?tenant=a");
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, "route_quarantined"]);
  expect((await get("/orders/1?tenant=a")).status).toBe(200);
  await until("the reason is in the log", () => served.log("gateway").includes("deployed without the code later.ts"));
  expect((await apply("selvage.yaml")).code).toBe(0);
  expect((await get("/quotes?tenant=a")).status).toBe(200);
});

test("a built gateway has the code beside its modules, and keeps what else is there", async () => {
  const out = join(folder, "built");
  const build = (to: string) =>
    run(process.execPath, ["bin/selvage.mjs", "build", join(folder, "selvage.yaml"), "--out", to]);
  mkdirSync(out);
  for (const name of ["worker.mjs", "deployed-code.mjs", "chunk-old.mjs", "wrangler.toml", ".dev.vars"])
    writeFileSync(join(out, name), "# mine\n");
  const [{ code, stdout, stderr }, elsewhere] = await Promise.all([build(out), build(root)]);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/your code, 3 files +\d/);
  const { modules } = (await import(join(out, "deployed-code.mjs"))) as { modules: object };
  expect(Object.keys(modules)).toEqual(["policies/tenant.ts", "policies/quote.ts", "policies/self.ts"]);
  for (const name of ["wrangler.toml", ".dev.vars"]) expect(readFileSync(join(out, name), "utf8")).toBe("# mine\n");
  expect(existsSync(join(out, "chunk-old.mjs"))).toBe(false);
  expect(readFileSync(join(out, "worker.mjs"), "utf8")).not.toBe("# mine\n");
  const core = readdirSync(out).find((name) => name.startsWith("core-")) ?? "";
  expect(statSync(join(out, core)).size).toBeGreaterThan(100_000);
  expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining("something else than a gateway")]);
});
