import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { compileMatch } from "../../../shared/plan/compile-match.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

const to = (name: string) => ({ kind: "forward", to: { origin: `http://${name}.example` } }) as const;
const named = (name: string, match: Parameters<typeof compileMatch>[1]) =>
  route(name, "/", { match: compileMatch(name, match), target: to(name) });

const routes = [
  named("rest", { path: "/*" }),
  named("number", { path: "/o/{id:[0-9]+}" }),
  named("items", { path: { regex: "/o/[a-z]+/items(/.*)?" } }),
  named("header", { path: "/h", headers: { "x-a": ["1", "2"], "x-b": { present: false } } }),
  named("query", { path: "/h", query: { "a b": { prefix: "v" } } }),
  named("cookie", { path: "/h", cookies: { beta: { regex: "(on|yes)" } } }),
  named("near", { path: "/h", ip: ["10.0.0.0/8"] }),
  named("asked", { path: "/q", methods: ["QUERY"] }),
  named("tenant", { path: "/*", hosts: ["*.tenants.example"] }),
];

let gateway: Gateway;
beforeEach(async () => {
  gateway = await startGateway(
    plan(routes, { format: 3, hosts: ["api.shop.example", "*.tenants.example"] }),
    (request) => Response.json({ to: new URL(request.url).hostname.split(".")[0], method: request.method }),
  );
});
afterEach(() => vi.restoreAllMocks());

const taken = async (path: string, init: Parameters<Gateway["fetch"]>[1] = {}): Promise<string> => {
  const response = await gateway.fetch(path, init);
  return response.ok ? ((await response.json()) as { to: string }).to : String(response.status);
};

test.each<[string, Parameters<Gateway["fetch"]>[1], string]>([
  ["/o/42", {}, "number"],
  ["/o/%34%32", {}, "number"],
  ["/o/4x", {}, "rest"],
  ["/o/x/items", {}, "items"],
  ["/o/x/items/1?a=b", {}, "items"],
  ["/o/X/items", {}, "rest"],
  ["/h", {}, "rest"],
  ["/h", { headers: { "x-a": "2" } }, "header"],
  ["/h", { headers: { "x-a": "2", "x-b": "" } }, "rest"],
  ["/h?a+b=v1", {}, "query"],
  ["/h?a%20b=v1&a+b=w", {}, "rest"],
  ["/h", { headers: { cookie: "a=b; beta=yes" } }, "cookie"],
  ["/h", { headers: { cookie: "beta=maybe" } }, "rest"],
  ["/h", { headers: { "cf-connecting-ip": "10.1.2.3" } }, "near"],
  ["/h", { headers: { "cf-connecting-ip": "192.0.2.1", "x-forwarded-for": "10.1.2.3" } }, "rest"],
  ["/q", { method: "QUERY", body: "select" }, "asked"],
  ["/q", {}, "rest"],
  ["/q", { host: "a.b.tenants.example" }, "tenant"],
  ["/q", { host: "tenants.example" }, "421"],
])("%s %j is taken by %s", async (path, init, name) => expect(await taken(path, init)).toBe(name));

describe("routes that are out of service", () => {
  const start = (...broken: RoutePlan[]) =>
    startGateway(plan([...broken, named("rest", { path: "/*" })], { format: 3 }), () => new Response("ok"));
  test("are answered 503, and no other route gets their requests", async () => {
    const own = await start({ ...named("r", { path: "/o/*" }), quarantine: "SLV3001: no such service" });
    const answer = await own.fetch("/o/1");
    expect([answer.status, (await own.fetch("/x")).status]).toEqual([503, 200]);
    expect(await answer.json()).toMatchObject({
      code: "route_quarantined",
      detail: expect.not.stringContaining("SLV"),
    });
    expect(own.logs).toContainEqual(expect.objectContaining({ error: "route_quarantined" }));
  });
  test("one whose expression this release cannot use leaves the others as they are", async () => {
    const auth = { any: [], scopes: [], when: "identity.(" };
    const rateLimits = [limit("l", 1, { by: ["ip", { cel: "identity.sub.matches('a+')" }] })];
    const own = await start(
      { ...named("r", { path: "/o/*" }), auth },
      { ...named("l", { path: "/l/*" }), rateLimits },
      named("s", { path: "/s/{id:(}" }),
    );
    // Loading the evaluators may take longer than a request waits for its plan: until then the last good one serves.
    await vi.waitFor(async () => expect((await own.fetch("/l/1")).status).toBe(503), { timeout: 10_000 });
    const statuses = ["/o/1", "/l/1", "/x", "/s/1"].map(async (path) => (await own.fetch(path)).status);
    expect(await Promise.all(statuses)).toEqual([503, 503, 200, 200]);
    expect(own.logs).toContainEqual(expect.objectContaining({ kind: "plan", route: "r" }));
    expect(own.logs).toContainEqual(expect.objectContaining({ kind: "plan", regex: "(" }));
  });
});

describe("hostile requests", () => {
  const long = "a".repeat(9_000);
  test.each<[string, Parameters<Gateway["fetch"]>[1], string]>([
    [`/o/${"9".repeat(12_000)}`, {}, "rest"],
    [`/o/${"9".repeat(17_000)}`, {}, "414"],
    [`/o/${long}/items`, {}, "rest"],
    ["/o/%ff", {}, "400"],
    ["/o/%E2%80", {}, "400"],
    ["/o/..%2fx", {}, "400"],
    ["/h?%", {}, "rest"],
    ["/h?a+b=%ff%fe&&&=&%zz", {}, "rest"],
    [`/h?${"a+b=v&".repeat(2_000)}`, {}, "query"],
    ["/h", { headers: { cookie: `beta=${"on".repeat(5_000)}` } }, "rest"],
    ["/h", { headers: { cookie: ";;=;beta;=on; beta=on;" } }, "cookie"],
    ["/h", { headers: { "cf-connecting-ip": "not an address" } }, "rest"],
  ])("%s", async (path, init, name) => expect(await taken(path, init)).toBe(name));
});
