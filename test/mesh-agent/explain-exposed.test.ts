/** What `explain --exposed` says is what an agent makes of requests from the outside: drawn routes, drawn clients, over TLS. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import type { Document } from "../../shared/config/schema.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explainExposed } from "../../shared/plan/explain-expose.ts";
import type { Credential, ExplainRequest, Explanation } from "../../shared/plan/explain-step.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { otherAnswer } from "../support/explain-cases/compare-answer.ts";
import { Draw } from "../support/explain-cases/draw.ts";
import { drawExpose } from "../support/explain-cases/draw-expose.ts";
import { type Aim, type DrawnRequest, drawRequest } from "../support/explain-cases/draw-request.ts";
import { until } from "./support/agents.ts";
import { ExposedWorld } from "./support/exposed-world.ts";
import { HOST, type OutsideAnswer } from "./support/outside.ts";

const factor = Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);
const DOCUMENTS = 6 * factor;
const REQUESTS = 40;
/** At once. */
const BATCH = 8;
/** Another one finds other cases; what fails says which it was. */
const SEED = Number(process.env.SELVAGE_FUZZ_SEED ?? 1);
/** Fields of the connection, which the client of the tests has itself. */
const OWN = new Set(["connection", "upgrade", "sec-websocket-key", "sec-websocket-version"]);

let world: ExposedWorld;
beforeAll(async () => {
  world = await ExposedWorld.start();
}, 60_000);
afterAll(() => world.end());

function nextDocument(draw: Draw): Document {
  const identity = {
    login: { jwt: { issuer: world.issuer.url, audience: "shop-api", claims: { groups: "groups", plan: "plan" } } },
  };
  for (let tries = 0; ; tries++) {
    const { document, problems } = checkDocument({
      ...{ selvage: 1, name: "test", gateway: { hosts: ["localhost"], identity, routes: [] } },
      mesh: {
        trustDomain: "test.internal",
        services: { shop: { port: 8080, access: [], expose: drawExpose(draw, HOST) } },
      },
    });
    if (document !== undefined) return document;
    if (tries > 50) throw new Error(JSON.stringify(problems, null, 1));
  }
}

async function give(plan: Plan, version: number): Promise<void> {
  const { expose } = plan.mesh.services.shop ?? {};
  if (expose === undefined) throw new Error("nothing is exposed");
  world.control.setPlan("shop", { expose, access: [] });
  await until("the agent has its plan", async () => {
    const { text } = await world.agent.admin("/config");
    return (JSON.parse(text) as { plan: { version: number } }).plan.version === version;
  });
}

/** As it is sent and as it is explained. */
async function askedOf(draw: Draw, drawn: DrawnRequest) {
  const { method, path, query, shown, body } = drawn;
  const host = draw.chance(5) ? "evil.example" : HOST;
  const headers: Record<string, string> = Object.fromEntries(drawn.headers.filter(([name]) => !OWN.has(name)));
  let credential: Credential = { kind: "none" };
  if (shown.kind === "token") {
    const token = await world.issuer.token(shown.claims);
    headers.authorization = `Bearer ${token}`;
    credential = { kind: "token", header: { ...decodeProtectedHeader(token) }, claims: decodeJwt(token) };
  } else if (shown.kind !== "none") {
    headers.authorization = "Bearer no.token";
    credential = { kind: "malformed", reason: "the token is not a JWT" };
  }
  if (body !== undefined)
    Object.assign(headers, { "content-length": `${body.text.length}`, "content-type": body.type });
  const request: ExplainRequest = {
    ...{ method, host, scheme: "https", path, query, clientIp: "127.0.0.1", credential },
    headers: Object.entries(headers),
  };
  const options = { method, headers: { ...headers, host }, ...(body !== undefined && { body: body.text }) };
  return { request, send: () => world.ask(path + query, options) };
}

/** What the application is asked, by the words of the step. */
const targetOf = ({ steps }: Explanation): string | undefined =>
  steps.find(({ stage }) => stage === "target")?.text.split(" to http://")[0];

function endOf({ result }: Explanation): string {
  return result.outcome === "refuse" ? `${result.status} ${result.code}` : result.outcome;
}

function endBy(method: string, { status, json }: OutsideAnswer): string {
  if (status < 400) return json.name === undefined && method !== "HEAD" ? "answer" : "forward";
  return method === "HEAD" ? `${status}` : `${status} ${json.code}`;
}

async function compare(plan: Plan, draw: Draw, drawn: DrawnRequest, where: string): Promise<string> {
  const { request, send } = await askedOf(draw, drawn);
  const said = explainExposed(plan, "shop", request, Date.now());
  if (said === undefined) throw new Error("nothing is exposed");
  const answer = await send();
  const context = () => `${where}: ${JSON.stringify({ request, said, expose: plan.mesh.services.shop?.expose })}`;
  const end = endOf(said);
  const isHead = drawn.method === "HEAD";
  expect(endBy(drawn.method, answer), context()).toBe(isHead ? (end.split(" ")[0] ?? "") : end);
  if (end === "forward" && !isHead) expect(`${answer.json.method} ${answer.json.path}`, context()).toBe(targetOf(said));
  const fields = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const happened = { log: {}, status: answer.status, headers: new Headers(fields), sent: [] };
  expect(otherAnswer(said, happened), context()).toBe(undefined);
  return end;
}

test("no disagreement", async () => {
  const ends = new Map<string, number>();
  for (let at = 0; at < DOCUMENTS; at++) {
    const draw = new Draw(SEED * 1_000_003 + at);
    const document = nextDocument(draw);
    const plan = compile(document);
    await give(plan, at + 2);
    const routes = document.mesh?.services.shop?.expose?.routes ?? [];
    const aims = routes.map(({ match }): Aim => ({ ...match, path: String(match.path) }));
    const drawn = Array.from({ length: REQUESTS }, () => drawRequest(draw, aims, 1, Date.now()));
    for (let first = 0; first < REQUESTS; first += BATCH) {
      const batch = drawn.slice(first, first + BATCH);
      const found = await Promise.all(
        batch.map((one, number) => compare(plan, draw, one, `seed ${SEED}, document ${at}, request ${first + number}`)),
      );
      for (const end of found) ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  }
  // A run in which everything ends alike shows nothing.
  expect(ends.size, JSON.stringify([...ends])).toBeGreaterThan(6);
  expect(ends.get("forward")).toBeGreaterThan(DOCUMENTS);
});
