import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import type { Secrets } from "../../../shared/config/references.ts";
import { compile } from "../../../shared/plan/compile.ts";

const bytes = (length: number): string => Buffer.alloc(length, 255).toString("base64url");
const ec = { kty: "EC", crv: "P-256", x: bytes(32), y: bytes(32), kid: "a" };
const jwt = (more: object) => ({ issuer: "https://i.example/", audience: "api", ...more });

function load(providers: Record<string, object>, auth?: unknown, secrets?: Secrets, more: object = {}) {
  const identity = Object.fromEntries(Object.entries(providers).map(([name, one]) => [name, { jwt: one }]));
  const route = {
    name: "r",
    match: { path: "/r" },
    to: "https://o.example",
    ...(auth !== undefined && { auth }),
    ...more,
  };
  const text = stringify({ selvage: 1, name: "t", gateway: { hosts: ["h"], identity, routes: [route] } });
  return loadDocument(text, "f", () => undefined, secrets);
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ code, path }) => `${code} ${path.slice(3).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document).gateway;
};

describe("providers", () => {
  test("each source of keys compiles, with its own default of algorithms", () => {
    const { identity } = planOf({
      discovered: jwt({}),
      url: jwt({ issuer: "urn:i", jwks: "https://i.example/keys" }),
      fixed: jwt({ issuer: "urn:i", keys: [{ ...ec, use: "sig", x5t: "x" }] }),
      shared: jwt({ issuer: "partner", secret: "${secret:PARTNER}" }),
      full: jwt({
        requireExp: false,
        maxTokenAge: "1h",
        claims: { plan: "tier", groups: "roles" },
        algorithms: ["ES256"],
      }),
    });
    const asymmetric = ["ES256", "EdDSA", "PS256", "RS256"];
    expect(identity).toMatchObject({
      discovered: { issuer: "https://i.example/", algorithms: asymmetric },
      url: { keys: { url: "https://i.example/keys" }, algorithms: asymmetric },
      fixed: { keys: { jwks: [ec] }, algorithms: asymmetric },
      shared: { keys: { secret: "PARTNER" }, algorithms: ["HS256"] },
      full: { unexpiring: true, tokenAgeMsMax: 3_600_000, claims: { plan: "tier", groups: "roles" } },
    });
    expect(Object.keys(identity.discovered ?? {}).sort()).toEqual([
      "algorithms",
      "audiences",
      "clockSkewMs",
      "issuer",
      "kind",
    ]);
  });

  test.each<[string, object, string]>([
    ["two sources", { jwks: "https://i.example/keys", keys: [ec] }, "SLV3009 jwt.keys"],
    ["an issuer that is no place, without keys", { issuer: "urn:i" }, "SLV2001 jwt.issuer"],
    ["HMAC with public keys", { algorithms: ["ES256", "HS256"] }, "SLV3009 jwt.algorithms.1"],
    ["signatures with a secret", { secret: "${secret:S}", algorithms: ["RS256"] }, "SLV3009 jwt.algorithms.0"],
    ["none", { algorithms: ["none"] }, "SLV2001 jwt.algorithms.0"],
    ["a secret in clear text", { secret: "0123456789abcdef0123456789abcdef" }, "SLV2001 jwt.secret"],
    ["a reference with something beside it", { secret: "x${secret:S}" }, "SLV2001 jwt.secret"],
    ["an environment variable as the secret", { secret: "${env:S:-x}" }, "SLV2001 jwt.secret"],
    ["a secret elsewhere", { audience: "${secret:S}" }, "SLV4003 jwt.audience"],
    ["a private key", { keys: [{ ...ec, d: bytes(32) }] }, "SLV3014 jwt.keys.0"],
    ["a symmetric key", { keys: [{ kty: "oct", k: bytes(32) }] }, "SLV3014 jwt.keys.0"],
    ["RSA with exponent 1", { keys: [{ kty: "RSA", n: bytes(256), e: "AQ" }] }, "SLV3014 jwt.keys.0"],
    ["no key", { keys: [] }, "SLV2001 jwt.keys"],
    ["a kid twice", { keys: [ec, ec] }, "SLV3006 jwt.keys.1.kid"],
    ["too many keys", { keys: Array.from({ length: 17 }, () => ec) }, "SLV1003 jwt.keys"],
    ["keys without TLS", { jwks: "http://i.example/keys" }, "SLV3014 jwt.jwks"],
    ["a token age of nothing", { maxTokenAge: "0s" }, "SLV2001 jwt.maxTokenAge"],
    ["a clock that is off by hours", { clockSkew: "1h" }, "SLV2001 jwt.clockSkew"],
    ["no audience", { audience: undefined }, "SLV2002 jwt.audience"],
    ["an unknown claim mapping", { claims: { role: "x" } }, "SLV2003 jwt.claims.role"],
  ])("%s", (_, more, expected) => {
    expect(codes({ p: jwt(more) })).toContain(expected);
  });

  test("local keys may come without TLS", () => {
    for (const host of ["localhost:1", "127.0.0.1:8789", "[::1]:1"])
      expect(codes({ p: jwt({ jwks: `http://${host}/keys` }) })).toEqual([]);
  });

  test("the length of a secret is checked where it is known", () => {
    const secrets = (length: number): Secrets => ({ has: () => true, bytes: () => length });
    const provider = { p: jwt({ secret: "${secret:S}" }) };
    expect(codes(provider, undefined, secrets(31))).toEqual(["SLV3014 jwt.secret"]);
    expect(codes(provider, undefined, secrets(32))).toEqual([]);
    expect(codes({ p: jwt({ secret: "${secret:S}", algorithms: ["HS512"] }) }, undefined, secrets(63))).toEqual([
      "SLV3014 jwt.secret",
    ]);
    expect(codes(provider, undefined, { has: () => false })).toEqual(["SLV4001 jwt.secret"]);
  });
});

describe("auth", () => {
  const providers = { a: jwt({}), b: jwt({ audience: "b" }), c: jwt({ issuer: "https://c.example/" }) };

  test("compiles to what hosts ask for, in one form", () => {
    const auth = {
      any: ["c", "a"],
      all: ["b"],
      scopes: ["y", "x"],
      claims: { tier: "gold", level: [2, 1, 2] },
      groups: ["z", "y"],
      when: "identity.claims.level > 1",
    };
    expect(planOf(providers, auth).routes[0]?.auth).toEqual({
      any: ["c", "a"],
      all: ["b"],
      scopes: ["x", "y"],
      claims: { level: [1, 2], tier: ["gold"] },
      groups: ["y", "z"],
      when: "identity.claims.level > 1",
    });
    expect(planOf(providers, { any: ["a"], optional: true }).routes[0]?.auth).toEqual({
      any: ["a"],
      optional: true,
      scopes: [],
    });
    expect(planOf(providers, { any: ["a"], optional: false }).routes[0]?.auth).toEqual({ any: ["a"], scopes: [] });
  });

  test.each<[string, unknown, string]>([
    ["no provider", { scopes: ["x"] }, "SLV2005 auth"],
    ["an unknown one in all", { all: ["a", "x"] }, "SLV3002 auth.all.1"],
    ["one twice", { any: ["a"], all: ["a"] }, "SLV3006 auth.all.0"],
    ["tokens of two issuers at once", { all: ["a", "c"] }, "SLV3009 auth.all.1"],
    ["optional, with scopes", { any: ["a"], optional: true, scopes: ["x"] }, "SLV3009 auth.scopes"],
    ["optional, with claims", { any: ["a"], optional: true, claims: { x: "y" } }, "SLV3009 auth.claims"],
    ["optional, with groups", { any: ["a"], optional: true, groups: ["x"] }, "SLV3009 auth.groups"],
    ["an expression of other types", { any: ["a"], when: "identity.sub > 1" }, "SLV3013 auth.when"],
    ["an expression of other names", { any: ["a"], when: 'user.sub == "a"' }, "SLV3013 auth.when"],
    ["an expression that could hang", { any: ["a"], when: 'identity.sub.matches("(a+)+$")' }, "SLV3013 auth.when"],
    ["no expression", { any: ["a"], when: "" }, "SLV2001 auth.when"],
    ["a claim of nothing", { any: ["a"], claims: { x: [] } }, "SLV2001 auth.claims.x"],
    ["no group", { any: ["a"], groups: [] }, "SLV2001 auth.groups"],
  ])("%s", (_, auth, expected) => {
    expect(codes(providers, auth)).toContain(expected);
  });

  test("problems of expressions have a line, and say what is wrong", () => {
    const { problems } = load(providers, { any: ["a"], when: "identity.subject == 1" });
    expect(problems).toMatchObject([{ code: "SLV3013", line: expect.any(Number) }]);
    expect(problems[0]?.message).toContain("No such key: subject");
  });

  test("a limit by identity that anonymous clients share is a warning", () => {
    const limits = { rateLimit: { limit: "1/minute", by: "identity", onFailure: "closed" } };
    expect(codes(providers, { any: ["a"], optional: true }, undefined, limits)).toEqual(["SLV3009 rateLimit.by"]);
  });
});
