import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (shedding: string, priority = "") =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
${shedding}
  identity: { login: { jwt: { issuer: "https://i.example/", audience: a, claims: { plan: tier } } } }
  routes: [{ name: r, match: { path: /r }, auth: login, ${priority} to: "https://o.example" }]
`,
    "f",
    () => undefined,
  );
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(1).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};

test("defaults, and everything stated", () => {
  expect(planOf("  shedding: {}").gateway.shedding).toEqual({
    mode: "enforce",
    tolerance: 1.2,
    concurrencyMin: 1,
    concurrencyMax: 10_000,
    plans: {},
  });
  const stated =
    "  shedding: { shadow: true, tolerance: 2.5, minConcurrency: 4, maxConcurrency: 8, plans: { gold: high, free: low } }";
  const { gateway } = planOf(stated, "priority: low,");
  expect(gateway.shedding).toEqual({
    mode: "shadow",
    tolerance: 2.5,
    concurrencyMin: 4,
    concurrencyMax: 8,
    plans: { free: "low", gold: "high" },
  });
  expect(gateway.routes[0]?.priority).toBe("low");
  expect(planOf("").gateway.shedding).toBeUndefined();
});

test.each<[string, string[], string?]>([
  ["  shedding: { minConcurrency: 9, maxConcurrency: 8 }", ["error SLV3009 shedding.minConcurrency"]],
  ["  shedding: { tolerance: 0.5 }", ["error SLV2001 shedding.tolerance"]],
  ["  shedding: { tolerance: '2' }", ["error SLV2001 shedding.tolerance"]],
  ["  shedding: { shadow: off }", ["error SLV2001 shedding.shadow"]],
  ["  shedding: { mode: on }", ["error SLV2001 shedding.mode"]],
  ["  shedding: { plans: { gold: highest } }", ["error SLV2001 shedding.plans.gold"]],
  ["  shedding: { maxConcurrency: 0 }", ["error SLV2001 shedding.maxConcurrency"]],
  ["  shedding: { concurrency: 3 }", ["error SLV2003 shedding.concurrency"]],
  ["  shedding: {}", ["error SLV2001 routes.0.priority"], "priority: urgent,"],
  ["", ["warning SLV3009 routes.0.priority"], "priority: low,"],
])("%s %j", (shedding, expected, priority) => {
  expect(codes(shedding, priority)).toEqual(expected);
});

test("explain says the priority and where it comes from", () => {
  const ask = (priority: string, tier?: string) => {
    const plan = planOf("  shedding: { shadow: true, plans: { gold: high } }", priority);
    const claims = tier === undefined ? {} : { tier };
    const credential = { kind: "assumed", sub: "ann", scopes: [], claims } as const;
    const request = { method: "GET", host: "localhost", path: "/r", query: "", headers: [], credential };
    return explain(plan, request, 0).steps.find(({ stage }) => stage === "shedding")?.text;
  };
  const rest =
    "where the upstream is overloaded, which is not known here; in shadow: would refuse, and nobody is refused";
  expect(ask("")).toBe(`normal priority (the default) ${rest}`);
  expect(ask("priority: low,")).toBe(`low priority (of the route) ${rest}`);
  expect(ask("priority: low,", "gold")).toBe(`high priority (of plan gold) ${rest}`);
});

describe("a service of the mesh", () => {
  const document = (shedding: string, gateway = "") => `selvage: 1
name: t
gateway:
  hosts: [localhost]
${gateway}  routes: [{ name: r, match: { path: /r }, priority: high, to: orders }]
mesh:
  trustDomain: t.internal
  services:
    orders: { port: 8080, access: [{ from: gateway }]${shedding} }
`;
  const problems = (shedding: string): string[] =>
    loadDocument(document(shedding), "f", () => undefined).problems.map(
      ({ severity, code, path }) => `${severity} ${code} ${path.join(".")}`,
    );
  const at = "mesh.services.orders.shedding";

  test.each<[string, string[]]>([
    ["", ["warning SLV3009 gateway.routes.0.priority"]],
    [", shedding: {}", []],
    [", shedding: { shadow: true, tolerance: 2, minConcurrency: 2, maxConcurrency: 9 }", []],
    [", shedding: { minConcurrency: 9, maxConcurrency: 8 }", [`error SLV3009 ${at}.minConcurrency`]],
    [", shedding: { plans: { gold: high } }", [`error SLV2003 ${at}.plans`]],
    [", shedding: { shadow: 1 }", [`error SLV2001 ${at}.shadow`]],
  ])("%s %j", (shedding, expected) => expect(problems(shedding)).toEqual(expected));

  test("is in the face of its own agent alone, and `explain` says whom it would refuse", () => {
    const { document: loaded } = loadDocument(document(", shedding: { shadow: true }"), "f", () => undefined);
    if (loaded === undefined) throw new Error("not loaded");
    const plan = compile(loaded);
    const settings = { mode: "shadow", tolerance: 1.2, concurrencyMin: 1, concurrencyMax: 10_000 };
    expect(agentPlan(plan, "orders")?.inbound?.shedding).toEqual(settings);
    expect(JSON.stringify(agentPlan(plan, "gateway"))).not.toContain("tolerance");
    const credential = { kind: "none" } as const;
    const request = { method: "GET", host: "localhost", path: "/r", query: "", headers: [], credential };
    const { steps } = explain(plan, request, 0);
    expect(steps.filter(({ stage }) => stage === "shedding")).toEqual([
      {
        stage: "shedding",
        verdict: "note",
        text: "high priority (of the route) where an instance of orders is overloaded, which is not known here; in shadow: would refuse, and nobody is refused",
        facts: { priority: "high", shadow: true },
        path: ["mesh", "services", "orders", "shedding"],
      },
    ]);
  });
});
