/** What `explain` says of a request in the mesh is what real agents make of it: drawn access lists, drawn callers, over sockets. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explain } from "../../shared/plan/explain.ts";
import type { ExplainRequest } from "../../shared/plan/explain-step.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { Draw } from "../support/explain-cases/draw.ts";
import { drawRule, METHODS } from "../support/explain-cases/draw-document.ts";
import { SEGMENTS, TENANTS } from "../support/explain-cases/words.ts";
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
let orders: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("gateway", { outbound: { orders: {} } });
  control.setPlan("orders", {});
  orders = fleet.run("orders-1", control.joinToken("orders"));
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([orders.ready(), ingress.ready()]);
  await until("the ingress knows the service", async () => (await ingress.admin("/config")).text.includes("orders-1"));
}, 30_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

function drawPlan(draw: Draw): Plan {
  const access = Array.from({ length: draw.below(4) }, () => drawRule(draw));
  const { document, problems } = checkDocument({
    selvage: 1,
    name: "shop",
    gateway: {
      hosts: ["localhost"],
      identity: { login: { jwt: { issuer: "https://login.example/", audience: "shop" } } },
      context: { tenant: "{identity.claims.tenant}" },
      routes: [{ name: "r1", match: { path: "/*" }, auth: { any: ["login"], optional: true }, to: "orders" }],
    },
    mesh: {
      trustDomain: TRUST_DOMAIN,
      services: { orders: { port: 8080, ...(draw.chance(90) && { access }) }, users: { port: 8081, access: [] } },
    },
  });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document, {});
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
  const base = { method, host: "localhost", path, query, headers: [] };
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

/** @returns code of the refusal, or what the application was asked */
async function send({ request, token }: Asked): Promise<string> {
  const { method, path, query } = request;
  const { scope, ...claims } = token;
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const target = path + query;
  const fields = { "txn-token": await control.txnToken(scope, claims), "selvage-service": "orders" };
  const headers = proven({ method, target, headers: fields }, key);
  const answer = await fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}${target}`, { method, headers });
  const text = await answer.text();
  const told = JSON.parse(text) as { method?: string; path?: string; code?: string };
  return answer.ok ? `${told.method} ${told.path}` : `${answer.status} ${told.code}`;
}

test("no disagreement", async () => {
  const counts = { refused: 0, passed: 0 };
  for (let at = 0; at < DOCUMENTS; at++) {
    const draw = new Draw(SEED * 1_000_003 + at);
    const plan = drawPlan(draw);
    const { access } = plan.mesh.services.orders ?? {};
    control.setPlan("orders", access === undefined ? {} : { access });
    await until("the service has its list", async () => {
      const { plan: held } = JSON.parse((await orders.admin("/config")).text) as { plan: { version: number } };
      return held.version === at + 2;
    });
    const all = Array.from({ length: REQUESTS }, () => drawAsked(draw));
    for (let first = 0; first < REQUESTS; first += BATCH)
      await Promise.all(
        all.slice(first, first + BATCH).map(async (asked) => {
          const { result } = explain(plan, asked.request, Date.now());
          const { method, path, query } = asked.request;
          const said = result.outcome === "refuse" ? `${result.status} ${result.code}` : `${method} ${path}${query}`;
          counts[result.outcome === "refuse" ? "refused" : "passed"]++;
          const context = `seed ${SEED}, document ${at}: ${JSON.stringify({ ...asked, access })}`;
          expect(await send(asked), context).toBe(said);
        }),
      );
  }
  // A run in which everything ends alike shows nothing.
  expect(Math.min(counts.refused, counts.passed)).toBeGreaterThan(DOCUMENTS);
});
