/** What `explain` says of a request in the mesh is what real agents make of it: drawn services, drawn callers, over sockets. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import { agentPlan } from "../../shared/plan/agent-face.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explain } from "../../shared/plan/explain.ts";
import type { ExplainRequest, Explanation, Result } from "../../shared/plan/explain-step.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { Draw } from "../support/explain-cases/draw.ts";
import { METHODS } from "../support/explain-cases/draw-document.ts";
import { drawMesh } from "../support/explain-cases/draw-mesh.ts";
import { HEADERS, SEGMENTS, TENANTS, VALUES } from "../support/explain-cases/words.ts";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl, TRUST_DOMAIN } from "./support/control-plane.ts";

const factor = Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);
const DOCUMENTS = 10 * factor;
const REQUESTS = 50;
/** At once. */
const BATCH = 10;
/** Another one finds other cases; what fails says which it was. */
const SEED = Number(process.env.SELVAGE_FUZZ_SEED ?? 1);

const fleet = new Fleet();
let control: TestControl;
let ingress: TestAgent;
/** Of subset v1, and of v2. */
let orders: readonly [TestAgent, TestAgent];
let users: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("gateway", { outbound: { orders: {} } });
  control.setPlan("orders", { outbound: { users: {} } });
  control.setPlan("users", {});
  const ordersOf = (at: 1 | 2) => fleet.run(`orders-${at}`, control.joinToken("orders"), ["--label", `version=v${at}`]);
  orders = [ordersOf(1), ordersOf(2)];
  users = fleet.run("users-1", control.joinToken("users"));
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([...orders, users, ingress].map((agent) => agent.ready()));
  await until("the ingress knows both instances", async () => {
    const { text } = await ingress.admin("/config");
    return text.includes("orders-1") && text.includes("orders-2");
  });
}, 60_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

function drawPlan(draw: Draw): Plan {
  const { document, problems } = checkDocument({
    selvage: 1,
    name: "shop",
    gateway: {
      hosts: ["localhost"],
      identity: { login: { jwt: { issuer: "https://login.example/", audience: "shop" } } },
      context: { tenant: "{identity.claims.tenant}" },
      routes: [{ name: "r1", match: { path: "/*" }, auth: { any: ["login"], optional: true }, to: "orders" }],
    },
    mesh: drawMesh(draw, TRUST_DOMAIN),
  });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document, {});
}

/** Gives every agent its face of the plan. @param version that they then have */
async function give(plan: Plan, version: number): Promise<void> {
  for (const service of ["gateway", "orders", "users"]) {
    const { outbound = {}, inbound } = agentPlan(plan, service) ?? {};
    control.setPlan(service, { outbound, ...(inbound?.access !== undefined && { access: inbound.access }) });
  }
  for (const agent of [...orders, users, ingress])
    await until(`${agent.name} has its plan`, async () => {
      const { text } = await agent.admin("/config");
      return (JSON.parse(text) as { plan: { version: number } }).plan.version === version;
    });
}

interface Asked {
  readonly request: ExplainRequest;
  /** What the gateway would say of it. */
  readonly token: { readonly scope: string; readonly sub: string; readonly tctx: Readonly<Record<string, string>> };
}

function drawAsked(draw: Draw): Asked {
  const method = draw.one(METHODS.filter((one) => one !== "HEAD"));
  const segment = (): string => draw.one([...SEGMENTS, "x", "a..b", "b%20c"]);
  const path = `/${Array.from({ length: draw.below(4) }, segment).join("/")}${draw.chance(10) ? ";v=1" : ""}`;
  const query = draw.chance(30) ? "?path=/orders" : "";
  const headers = HEADERS.flatMap((name) => (draw.chance(40) ? [[name, draw.one(VALUES)] as const] : []));
  const base = { method, host: "localhost", path, query, headers };
  if (draw.chance(20))
    return {
      request: { ...base, credential: { kind: "none" } },
      token: { scope: "", sub: "anonymous", tctx: { route: "r1" } },
    };
  const [sub, scopes] = [draw.one(["alice", "bob"]), draw.one([[], ["read"], ["read", "write"]])];
  const told = draw.maybe(60, "tenant", () => draw.one(TENANTS));
  return {
    request: { ...base, credential: { kind: "assumed", sub, scopes, claims: told } },
    token: { scope: scopes.join(" "), sub, tctx: { route: "r1", ...told } },
  };
}

/** Who answered: an instance, with what it was asked; an agent, by the code of its refusal; a fault. */
async function send({ request, token }: Asked): Promise<{ readonly by: string; readonly instance?: string }> {
  const { method, path, query } = request;
  const { scope, ...claims } = token;
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const target = path + query;
  const own = { "txn-token": await control.txnToken(scope, claims), "selvage-service": "orders" };
  const headers = proven({ method, target, headers: { ...Object.fromEntries(request.headers), ...own } }, key);
  const answer = await fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}${target}`, { method, headers });
  const told = JSON.parse(await answer.text()) as { name?: string; method?: string; path?: string; code?: string };
  if (answer.ok) return { by: `${told.method} ${told.path}`, instance: String(told.name) };
  return { by: told.code === undefined ? `fault ${answer.status}` : `${answer.status} ${told.code}` };
}

function byOf(result: Result, { method, path, query }: ExplainRequest): string {
  if (result.outcome === "refuse") return `${result.status} ${result.code}`;
  return result.outcome === "answer" ? `fault ${result.status}` : `${method} ${path}${query}`;
}

/** Instances that may answer, by the words of the step. */
function instancesOf({ steps }: Explanation): string[] {
  const text = steps.findLast(({ stage }) => stage === "traffic")?.text ?? "";
  const named = [...text.matchAll(/([\d.]+) % to subset v(\d)/g)];
  return named.length === 0
    ? ["orders-1", "orders-2"]
    : named.flatMap(([, percent, at]) => (Number(percent) > 0 ? [`orders-${at}`] : []));
}

/** What an agreement was about. */
type Counts = Record<"refused" | "passed" | "fault" | "one" | "called" | "closed", number>;

async function compare(plan: Plan, asked: Asked, context: string, counts: Counts): Promise<void> {
  const said = explain(plan, asked.request, Date.now());
  const results = said.result.outcome === "drawn" ? said.result.among.map(({ result }) => result) : [said.result];
  const { by, instance } = await send(asked);
  expect(
    results.map((result) => byOf(result, asked.request)),
    context,
  ).toContain(by);
  if (instance === undefined) counts[by.startsWith("fault") ? "fault" : "refused"]++;
  else {
    counts.passed++;
    const among = instancesOf(said);
    if (among.length === 1) counts.one++;
    expect(among, context).toContain(instance);
  }
}

/** Whom the service behind the gateway may call itself, as far as that needs nothing of a request. */
async function compareNext(plan: Plan, context: string, counts: Counts): Promise<void> {
  const request = { method: "GET", host: "localhost", path: "/", query: "", headers: [], credential: { kind: "none" } };
  const { steps } = explain(plan, request as ExplainRequest, Date.now());
  const text = steps.find(({ stage }) => stage === "calls")?.text ?? "";
  if (text.includes("(")) return;
  const mayCall = text.includes("may itself call users");
  const callable = agentPlan(plan, "orders")?.outbound.users !== undefined;
  if (callable)
    await until("the caller knows the other service", async () =>
      (await orders[0].admin("/config")).text.includes(`"instance":"users-1"`),
    );
  const { status } = await orders[0].calls("http://users.mesh/x");
  expect(status === 200, `${context}: ${text}, and it was ${status}`).toBe(mayCall);
  counts[mayCall ? "called" : "closed"]++;
}

test("no disagreement", async () => {
  const counts: Counts = { refused: 0, passed: 0, fault: 0, one: 0, called: 0, closed: 0 };
  for (let at = 0; at < DOCUMENTS; at++) {
    const draw = new Draw(SEED * 1_000_003 + at);
    const plan = drawPlan(draw);
    await give(plan, at + 2);
    const where = `seed ${SEED}, document ${at}: ${JSON.stringify(plan.mesh.services)}`;
    const all = Array.from({ length: REQUESTS }, () => drawAsked(draw));
    for (let first = 0; first < REQUESTS; first += BATCH)
      await Promise.all(
        all
          .slice(first, first + BATCH)
          .map((asked) => compare(plan, asked, `${where} ${JSON.stringify(asked)}`, counts)),
      );
    await compareNext(plan, where, counts);
  }
  // A run in which everything ends alike shows nothing.
  expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(0);
  expect(Math.min(counts.refused, counts.passed, counts.fault, counts.one)).toBeGreaterThan(DOCUMENTS);
});
