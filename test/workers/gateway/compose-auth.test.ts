/** `auth` of a route beyond a single provider: any, all, optional, and what it demands of who was found. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthSettings } from "../../../shared/auth/compose.ts";
import { type PublicJwk, readPublicJwk } from "../../../shared/auth/jwk.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { times } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const auth = (name: string, more: Partial<AuthSettings>) =>
  route(name, `/${name}/*`, { auth: { any: [], scopes: [], ...more } });
const routes = [
  auth("any", { any: ["staff", "partners"] }),
  auth("all", { all: ["staff", "billing"], scopes: ["orders:read"] }),
  auth("optional", { any: ["staff"], optional: true }),
  auth("claims", { any: ["staff"], claims: { tier: ["gold", "silver"], level: [3] } }),
  auth("groups", { any: ["staff"], groups: ["ops", "admins"] }),
  auth("when", {
    any: ["staff"],
    when: 'identity.claims.level >= 3 && request.method == "GET" && request.headers["x-env"] == "test"',
  }),
  auth("maybe", {
    any: ["staff"],
    optional: true,
    when: 'identity.method != "anonymous" || request.path == "/maybe/open"',
  }),
  auth("hidden", {
    any: ["staff"],
    when: '!("authorization" in request.headers) && !("txn-token" in request.headers)',
  }),
];

let key: CryptoKey;
let gateway: Gateway;
beforeEach(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  key = pair.privateKey;
  const jwks = [readPublicJwk(await exportJWK(pair.publicKey)) as PublicJwk];
  const provider = (issuer: string, audience: string): JwtProvider => ({
    kind: "jwt",
    issuer,
    audiences: [audience],
    algorithms: ["ES256"],
    clockSkewMs: 0,
    keys: { jwks },
    claims: { plan: "tier" },
  });
  const identity = {
    staff: provider("urn:staff", "api"),
    billing: provider("urn:staff", "billing"),
    partners: provider("urn:partners", "api"),
  };
  gateway = await startGateway(plan(routes, { identity }), () => Response.json({ ok: true }));
});
afterEach(() => vi.restoreAllMocks());

const token = (claims: object = {}): Promise<string> =>
  new SignJWT({ iss: "urn:staff", aud: "api", sub: "alice", ...times(), ...claims })
    .setProtectedHeader({ alg: "ES256" })
    .sign(key);

async function ask(path: string, bearer?: string, init: RequestInit = {}): Promise<[number, string | undefined]> {
  const headers = { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...init.headers };
  const response = await gateway.fetch(path, { ...init, headers });
  const { code } = (await response.json()) as { code?: string };
  return [response.status, code];
}
const ok = [200, undefined];

test("any: each issuer's tokens pass, a third one's do not", async () => {
  expect(await ask("/any/1", await token())).toEqual(ok);
  expect(await ask("/any/1", await token({ iss: "urn:partners", sub: "bob" }))).toEqual(ok);
  expect(gateway.logs.at(-1)).toMatchObject({ sub: "bob" });
  expect(await ask("/any/1", await token({ iss: "urn:else" }))).toEqual([401, "credentials_invalid"]);
  expect(await ask("/any/1")).toEqual([401, "credentials_missing"]);
});

test("all: a token must be good for each", async () => {
  const scope = "orders:read";
  expect(await ask("/all/1", await token({ aud: ["api", "billing"], scope }))).toEqual(ok);
  expect(await ask("/all/1", await token({ scope }))).toEqual([401, "credentials_invalid"]);
  expect(await ask("/all/1", await token({ aud: ["api", "billing"] }))).toEqual([403, "scope_missing"]);
});

describe("optional", () => {
  test("nobody passes as anonymous, somebody as who they are", async () => {
    expect(await ask("/optional/1")).toEqual(ok);
    expect(gateway.logs.at(-1)).toMatchObject({ sub: "anonymous" });
    expect(await ask("/optional/1", await token())).toEqual(ok);
    expect(gateway.logs.at(-1)).toMatchObject({ sub: "alice" });
    expect(gateway.sent.at(-1)?.headers.get("authorization")).toBeNull();
  });
  test("a bad credential is no missing one", async () => {
    for (const bad of ["", "garbage", await token({ exp: 1 })])
      expect(await ask("/optional/1", bad)).toEqual([401, "credentials_invalid"]);
  });
});

test("claims: each with one of its values", async () => {
  expect(await ask("/claims/1", await token({ tier: "gold", level: 3 }))).toEqual(ok);
  expect(await ask("/claims/1", await token({ tier: ["x", "silver"], level: 3 }))).toEqual(ok);
  for (const claims of [{ tier: "gold" }, { tier: "iron", level: 3 }, { tier: "gold", level: "3" }])
    expect(await ask("/claims/1", await token(claims))).toEqual([403, "not_permitted"]);
});

test("groups: one of them", async () => {
  expect(await ask("/groups/1", await token({ groups: ["users", "ops"] }))).toEqual(ok);
  expect(await ask("/groups/1", await token({ groups: ["users"] }))).toEqual([403, "not_permitted"]);
  expect(await ask("/groups/1", await token())).toEqual([403, "not_permitted"]);
});

describe("when", () => {
  const headers = { "x-env": "test" };
  test("true passes; false and what has no value do not, and the client hears no reason", async () => {
    expect(await ask("/when/1", await token({ level: 3 }), { headers })).toEqual(ok);
    expect(await ask("/when/1", await token({ level: 2 }), { headers })).toEqual([403, "not_permitted"]);
    expect(await ask("/when/1", await token({ level: 3 }), { headers, method: "POST" })).toEqual([
      403,
      "not_permitted",
    ]);
    expect(await ask("/when/1", await token(), { headers })).toEqual([403, "not_permitted"]);
    expect(gateway.logs.at(-1)).toMatchObject({ sub: "alice", reason: "the condition fails: No such key: level" });
    expect(await ask("/when/1", await token({ level: "3" }), { headers })).toEqual([403, "not_permitted"]);
  });
  test("may judge anonymous clients, who are asked for credentials then", async () => {
    expect(await ask("/maybe/open")).toEqual(ok);
    expect(await ask("/maybe/closed")).toEqual([401, "credentials_missing"]);
    expect(await ask("/maybe/closed", await token())).toEqual(ok);
  });
  test("sees neither credentials nor what a client forged", async () => {
    expect(await ask("/hidden/1", await token(), { headers: { "txn-token": "x" } })).toEqual(ok);
  });
});

test("a route whose condition cannot be used is out of service alone", async () => {
  expect(await ask("/any/1", await token())).toEqual(ok);
  const { plan: before } = gateway.control;
  const routes = [
    auth("any", { any: ["staff"], when: 'identity.sub.matches("x")' }),
    auth("other", { any: ["staff"] }),
  ];
  gateway.control.plan = plan(routes, { identity: before?.identity ?? {} });
  gateway.control.version = 2;
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_000);
  expect(await ask("/any/1", await token())).toEqual([503, "route_quarantined"]);
  expect(await ask("/other/1", await token())).toEqual(ok);
});
