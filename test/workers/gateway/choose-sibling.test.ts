/** Routes that match the same requests and are told apart by who asks. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type PublicJwk, readPublicJwk } from "../../../shared/auth/jwk.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import type { RouteCache } from "../../../shared/cache/route-cache.ts";
import type { MatchConfig } from "../../../shared/config/schema-match.ts";
import { compileCache } from "../../../shared/plan/compile-cache.ts";
import { compileMatch } from "../../../shared/plan/compile-match.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { holdPlan, planHash } from "../../../workers/gateway/authority/held-plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { times } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const staffOnly = { any: ["staff"], scopes: [] };
const either = { any: ["staff", "partners"], scopes: [] };
const named = (name: string, match: MatchConfig, more: Partial<RoutePlan> = {}): RoutePlan =>
  route(name, "/", {
    match: compileMatch(name, match),
    auth: staffOnly,
    target: { kind: "forward", to: { origin: `http://${name}.example` } },
    ...more,
  });
const kept = compileCache(true, undefined, [], []) as RouteCache;
const optional = { any: ["staff"], scopes: [], optional: true } as const;
const out = { quarantine: "SLV3001: no such service" };
const routes = [
  named("gold", { path: "/shop/{id}", identity: { plan: "gold" } }),
  named("ops", { path: "/shop/{id}", identity: { groups: ["ops"], scopes: ["orders:read"] } }),
  named("rest", { path: "/shop/{id}" }),
  named("many", { path: "/l", identity: { plan: "gold" } }, { rateLimits: [limit("many", 100)] }),
  named("few", { path: "/l" }, { rateLimits: [limit("few", 1)] }),
  named("fresh", { path: "/c", methods: ["GET"], identity: { plan: "gold" } }),
  named("kept", { path: "/c", methods: ["GET"] }, { cache: { ...kept, ttlMs: 60_000 } }),
  named("write", { path: "/c", methods: ["PUT"] }),
  named(
    "tenant",
    { path: "/t/*", identity: { claims: { tenant: ["a", "b"] }, issuer: "urn:staff" } },
    { auth: either },
  ),
  named("partner", { path: "/t/*", identity: { issuer: ["urn:partners"] } }, { auth: either }),
  named("wide", { path: "/*" }, { auth: either }),
  named("known", { path: "/o", identity: { method: ["jwt"] } }, { auth: optional }),
  named("nobody", { path: "/o", identity: { method: "anonymous" } }, { auth: optional }),
  named("broken", { path: "/q", identity: { plan: "gold" } }, { ...out }),
  named("whole", { path: "/q" }),
];

let key: CryptoKey;
let gateway: Gateway;
beforeEach(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  key = pair.privateKey;
  const jwks = [readPublicJwk(await exportJWK(pair.publicKey)) as PublicJwk];
  const provider = (issuer: string): JwtProvider => ({
    kind: "jwt",
    issuer,
    audiences: ["api"],
    algorithms: ["ES256"],
    clockSkewMs: 0,
    keys: { jwks },
    claims: { plan: "tier" },
  });
  const identity = { staff: provider("urn:staff"), partners: provider("urn:partners") };
  gateway = await startGateway(plan(routes, { format: 4, identity }), (request) =>
    Response.json({ to: new URL(request.url).hostname.split(".")[0] }),
  );
});
afterEach(() => vi.restoreAllMocks());

const token = (claims: object = {}): Promise<string> =>
  new SignJWT({ iss: "urn:staff", aud: "api", sub: "alice", ...times(), ...claims })
    .setProtectedHeader({ alg: "ES256" })
    .sign(key);

/** Which route took it, or the refusal. */
async function taken(path: string, claims?: object | string, init: { headers?: object; method?: string } = {}) {
  const bearer = typeof claims === "object" ? await token(claims) : claims;
  const headers = { ...init.headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  const answer = await gateway.fetch(path, { ...init, headers });
  const said = (await answer.json()) as { to?: string; code?: string };
  return said.to ?? `${answer.status} ${said.code}`;
}

describe("the first that asks for who it is takes the request", () => {
  test.each<[string, object, string]>([
    ["/shop/1", { tier: "gold" }, "gold"],
    ["/shop/1", { tier: "gold", groups: ["ops"], scope: "orders:read" }, "gold"],
    ["/shop/1", { groups: ["users", "ops"], scope: "a orders:read" }, "ops"],
    ["/shop/1", { groups: ["ops"] }, "rest"],
    ["/shop/1", { tier: ["gold"] }, "rest"],
    ["/shop/1", {}, "rest"],
    ["/t/x", { tenant: "b" }, "tenant"],
    ["/t/x", { tenant: ["z", "a"] }, "tenant"],
    ["/t/x", { iss: "urn:partners", tenant: "a" }, "partner"],
    ["/t/x", { tenant: "c" }, "404 no_route"],
    ["/o", {}, "known"],
    ["/q", {}, "whole"],
    ["/q", { tier: "gold" }, "503 route_quarantined"],
  ])("%s of %j: %s", async (path, claims, expected) => expect(await taken(path, claims)).toBe(expected));

  test("who is nobody is one, too, where that may be", async () => expect(await taken("/o")).toBe("nobody"));
});

describe("what follows is by the route that took it", () => {
  test("limits and the log", async () => {
    expect(await taken("/l", {})).toBe("few");
    expect(gateway.logs.at(-1)).toMatchObject({ route: "few", sub: "alice" });
    expect(await taken("/l", {})).toBe("429 limit_exceeded");
    expect(await taken("/l", { tier: "gold" })).toBe("many");
    expect(gateway.logs.at(-1)).toMatchObject({ route: "many" });
  });
  test("the cache, which a change beside it makes invalid", async () => {
    const calls = async (claims: object): Promise<number> => {
      const before = gateway.sent.length;
      await taken("/c", claims);
      await gateway.settled();
      return gateway.sent.length - before;
    };
    const each = [await calls({}), await calls({}), await calls({ tier: "gold" }), await calls({ tier: "gold" })];
    expect(each).toEqual([1, 0, 1, 1]);
    expect(await taken("/c", {}, { method: "PUT" })).toBe("write");
    expect(await calls({})).toBe(1);
  });
});

test("caches behind it are told what the answers go by", async () => {
  const vary = async (path: string, bearer?: string): Promise<string | null> => {
    const answer = await gateway.fetch(path, { ...(bearer && { headers: { authorization: `Bearer ${bearer}` } }) });
    await answer.text();
    return answer.headers.get("vary");
  };
  expect([await vary("/o"), await vary("/t/x", await token({ iss: "urn:partners" }))]).toEqual(
    Array(2).fill("authorization, dpop"),
  );
  expect(await vary("/elsewhere", await token())).toBeNull();
});

describe("nobody gets a sibling's target by what they say themselves", () => {
  const forged = { "x-plan": "gold", plan: "gold", "x-consumer-groups": "ops", tier: "gold", "txn-token": "e30.e30." };
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"iss":"urn:staff","sub":"a","tier":"gold"}')}.`.replaceAll(
    "=",
    "",
  );
  test.each<[string, string, object | string | undefined, object, string]>([
    ["fields", "/shop/1", {}, forged, "rest"],
    ["the query", "/shop/1?plan=gold&tier=gold", {}, {}, "rest"],
    ["no token", "/shop/1", undefined, forged, "401 credentials_missing"],
    ["a token that nobody signed", "/shop/1", unsigned, {}, "401 credentials_invalid"],
    [
      "a token of a provider of another route",
      "/shop/1",
      { iss: "urn:partners", tier: "gold" },
      {},
      "401 credentials_invalid",
    ],
    ["a token that is over", "/shop/1", { tier: "gold", exp: 1 }, {}, "401 credentials_invalid"],
    ["a claim of what all objects have", "/shop/1", { tier: { toString: "gold" }, __proto__: null }, {}, "rest"],
    ["the tenant of another issuer", "/t/x", { iss: "urn:partners", tenant: "a" }, {}, "partner"],
    ["a group by its start", "/shop/1", { groups: ["opsx", "op"], scope: "orders:read" }, {}, "rest"],
    ["part of a scope", "/shop/1", { groups: ["ops"], scope: "orders:rea" }, {}, "rest"],
    ["nobody with fields", "/o", undefined, forged, "nobody"],
    ["a bad token where none is needed", "/o", "garbage", {}, "401 credentials_invalid"],
  ])("%s", async (_, path, claims, headers, expected) => {
    expect(await taken(path, claims, { headers })).toBe(expected);
    expect(gateway.sent.map(({ url }) => new URL(url).hostname)).not.toContain("gold.example");
    expect(gateway.sent.map(({ url }) => new URL(url).hostname)).not.toContain("tenant.example");
  });
});

test("an older gateway refuses such a plan by its format, and newer ones are refused here", async () => {
  const newer = { ...plan(routes), format: 6 as 4 };
  await expect(holdPlan(1, await planHash(newer), newer)).rejects.toThrow(/reads 1, 3, 4/);
});
