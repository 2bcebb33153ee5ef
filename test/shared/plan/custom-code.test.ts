/** `policies`, `handler` and `calls` of a route: what is checked of them, what they become, and how they are explained. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { fieldFault } from "../../../shared/policy/custom-code.ts";

const load = (route: string, more = "", mesh = "") =>
  loadDocument(
    `selvage: 1
name: shop
gateway:
  hosts: [localhost]
  upstreams: { rates: { targets: [{ url: "https://rates.example" }] } }
  routes:
    - { name: rates, match: { path: /rates }, to: rates }
    - name: route
      match: { path: "/route/{id}" }
${route.replace(/^/gm, "      ")}
mesh:
  trustDomain: shop.internal
  services:
    orders: { port: 8080, access: [{ from: inventory }] }
    inventory: { port: 8080, access: [{ from: orders }] }
    ledger: { port: 8080, protocol: tcp, access: [{ from: orders }] }
${mesh.replace(/^/gm, "    ")}
${more}`,
    "selvage.yaml",
    () => undefined,
    { has: () => true, bytes: () => 64 },
  );

describe("a document", () => {
  test.each<[string, string, string, string]>([
    ["two targets", "handler: a.ts\nto: rates", "SLV2005", ""],
    ["a path out of the folder", "handler: ../a.ts", "SLV2001", "handler"],
    ["a path out of the folder, later", "handler: a/../../a.ts", "SLV2001", "handler"],
    ["an absolute path", "handler: /a.ts", "SLV2001", "handler"],
    ["no module", "handler: a.txt", "SLV2001", "handler"],
    ["an unknown key", "handler: { use: a.ts, wiht: {} }", "SLV2003", "handler.wiht"],
    ["settings that are a list", "handler: { use: a.ts, with: [] }", "SLV2001", "handler.with"],
    ["a call of nobody", "handler: a.ts\ncalls: [order]", "SLV3001", "calls.0"],
    ["a call of nobody by a name", "handler: a.ts\ncalls: { a: order }", "SLV3001", "calls.a"],
    ["a call of an origin without a name", 'handler: a.ts\ncalls: ["https://a.example"]', "SLV2001", "calls.0"],
    ["a call of a URL with a path", 'handler: a.ts\ncalls: { a: "https://a.example/b" }', "SLV2001", "calls.a"],
    ["a call of a service of TCP", "handler: a.ts\ncalls: [ledger]", "SLV3057", "calls.0"],
    ["a call that is named twice", "handler: a.ts\ncalls: [orders, orders]", "SLV3006", "calls.1"],
    ["calls without code", "to: rates\ncalls: [orders]", "SLV3158", "calls"],
    ["a cache", "handler: a.ts\ncache: true", "SLV3009", "cache"],
    ["a rewrite", "handler: a.ts\nrewrite: /b", "SLV3009", "rewrite"],
    ["traffic", "handler: a.ts\ntraffic: [{ to: rates }]", "SLV3009", "traffic"],
    [
      "a secret as a name",
      'handler: { use: a.ts, with: { "${secret:A}": "${env:A}" } }',
      "SLV4002",
      "handler.with.${secret:A}",
    ],
  ])("%s is an error", (_, route, code, at) => {
    const { document, problems } = load(route);
    expect(document).toBeUndefined();
    expect(problems.map((problem) => [problem.code, problem.path.slice(3).join(".")])).toContainEqual([code, at]);
  });

  test("has secrets in settings of code, at any depth", () => {
    const { problems } = load('handler: { use: a.ts, with: { key: "${secret:A}", more: [{ key: "${secret:B}" }] } }');
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("has no code on an exposed route", () => {
    const exposed = `exposed:
  port: 8080
  access: []
  expose: { hosts: [a.example], routes: [{ name: a, match: { path: /a }, policies: [{ use: a.ts }] }] }`;
    const { problems } = load("to: rates", "", exposed);
    expect(problems.map(({ code }) => code)).toContain("SLV3064");
  });

  test("grants code to owners by name, and what it calls as targets", () => {
    const owners = (grant: string) => `owners: { payments: { hosts: [localhost], ${grant} } }`;
    const owned = "owner: payments\nhandler: code/a.ts\ncalls: [orders]";
    const codesOf = (grant: string) =>
      load(`match: { path: /x, hosts: [localhost] }\n${owned}`.replace(/^match.*\n/, ""), owners(grant))
        .problems.filter(({ code }) => code === "SLV3085")
        .map(({ message }) => message);
    expect(codesOf("to: [orders]")).toContain("the owner payments is not granted the code code/a.ts");
    expect(codesOf("code: [code/*.ts], to: [rates]")).toContain("the owner payments is not granted the target orders");
    expect(codesOf("code: [code/*.ts], to: [orders]").filter((one) => /code|target/.test(one))).toEqual([]);
  });
});

describe("a plan", () => {
  const { document } = load(
    'policies: [{ use: p/a.ts }, { use: p/b.ts, with: { b: 1 } }]\nhandler: p/c.ts\ncalls: { there: rates, here: orders, far: "https://a.example/" }',
  );
  const plan = document && compile(document);

  test("has code by name, and its calls as targets", () => {
    const route = plan?.gateway.routes[1];
    expect(route).toMatchObject({
      policies: [{ file: "p/a.ts" }, { file: "p/b.ts", settings: { b: 1 } }],
      target: { kind: "handler", code: { file: "p/c.ts" } },
      calls: { far: { origin: "https://a.example" }, here: { service: "orders" }, there: { upstream: "rates" } },
    });
    expect(plan?.gateway.format).toBe(3);
  });

  test("gives the ingress what code calls", () => {
    expect(plan && Object.keys(agentPlan(plan, "gateway")?.outbound ?? {})).toEqual(["orders"]);
  });

  test("is explained without running anything", () => {
    const request = { method: "GET", host: "localhost", path: "/route/1", query: "", headers: [] };
    const explained = plan && explain(plan, { ...request, credential: { kind: "none" } }, 0);
    const steps = explained?.steps.filter(({ stage }) => ["policy", "handler", "calls"].includes(stage));
    expect(steps?.map(({ stage, text, path }) => [stage, text, path?.slice(3).join(".")])).toEqual([
      ["policy", "p/a.ts: what it decides is not known here", "policies.0"],
      ["policy", 'p/b.ts with {"b":1}: what it decides is not known here', "policies.1"],
      ["handler", "p/c.ts answers: with what is not known here", "handler"],
      ["calls", "code may call far (https://a.example), here (service orders), there (upstream rates)", "calls"],
    ]);
    expect(explained?.result.outcome).toBe("answer");
  });

  test("says of what is kept that code tells it apart", () => {
    const cached = load("policies: [{ use: p/a.ts }]\ncache: { ttl: 1m }\nto: rates").document;
    const request = { method: "GET", host: "localhost", path: "/route/1", query: "", headers: [] };
    const explained = cached && explain(compile(cached), { ...request, credential: { kind: "none" } }, 0);
    expect(explained?.steps.find(({ stage }) => stage === "cache")?.text).toContain("what code asks for otherwise");
  });
});

test.each<[string, string | undefined, boolean]>([
  ["x-tenant", "a", true],
  ["X-Tenant", undefined, true],
  ["authorization", "Bearer x", true],
  ["x-user", "a", false],
  ["X-User", undefined, false],
  ["Selvage-Plan", "1", false],
  ["selvage_plan", "1", false],
  ["txn-token", "x", false],
  ["x-forwarded-for", "1", false],
  ["forwarded", undefined, false],
  ["via", undefined, false],
  ["connection", "close", false],
  ["content-length", "1", false],
  ["host", "a", false],
  ["traceparent", "a", false],
  ["", "a", false],
  ["a:b", "a", false],
  ["x-a", "a\nb", false],
  ["x-a", "ä", false],
])("code may change %s to %j: %s", (name, value, may) => {
  expect(fieldFault(name, value, ["x-user"]) === undefined).toBe(may);
});
