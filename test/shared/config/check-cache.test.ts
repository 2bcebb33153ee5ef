import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";

interface Around {
  /** More of the route. */
  readonly route?: string;
  readonly match?: string;
  /** More of the gateway. */
  readonly gateway?: string;
  readonly to?: string;
}

function load(cache: string, { route = "", match = "", gateway = "", to = 'to: "https://o.example"' }: Around = {}) {
  return loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity: { login: { jwt: { issuer: "https://i.example/", audience: a } } }
${gateway}
  routes:
    - { name: r, match: { path: /r, ${match} }, ${to}, ${route} ${cache === "" ? "" : `cache: ${cache}`} }
mesh:
  trustDomain: a.internal
  services:
    orders:
      port: 8080
      subsets: { v1: { version: v1 }, v2: { version: v2 } }
      traffic: [{ match: { headers: { X-Canary: "true" } }, to: v2 }, { to: v1 }]
      access: [{ from: gateway }]
    tiers:
      port: 8080
      subsets: { v1: { version: v1 }, v2: { version: v2 } }
      traffic: [{ match: { scopes: [beta] }, to: v2 }, { to: v1 }]
      access: [{ from: gateway }]
`,
    "f",
    () => undefined,
  );
}
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${path.join(".").replace("gateway.routes.0.", "")}`,
  );
const compiled = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document).gateway.routes[0]?.cache;
};
const AUTH = "auth: login,";

describe("what is compiled", () => {
  test("no cache where nothing is said, or false", () => {
    expect(compiled("")).toBeUndefined();
    expect(compiled("false")).toBeUndefined();
  });
  test("true: as answers say themselves", () => expect(compiled("true")).toEqual({}));
  test("everything stated", () => {
    const text = `{ ttl: 30s, override: true, errors: { 5xx: 1s, 404: 10s }, staleWhileRevalidate: 5m, staleIfError: 1h, tags: [b, a],
      key: { query: { only: [q, page], sort: true }, headers: [Accept-Language], cookies: ignore }, methods: [QUERY, GET],
      maxBody: 1MiB, reach: everywhere, collapse: everywhere, ignoreClient: true }`;
    expect(compiled(text)).toEqual({
      ttlMs: 30_000,
      override: true,
      errorTtlMs: { "404": 10_000, "5xx": 1_000 },
      staleWhileRevalidateMs: 300_000,
      staleIfErrorMs: 3_600_000,
      tags: ["a", "b"],
      query: { only: ["page", "q"], sort: true },
      keyFields: ["accept-language"],
      ignoreCookies: true,
      methods: ["GET", "QUERY"],
      bodyBytesMax: 1_048_576,
      reach: "everywhere",
      collapse: "everywhere",
      ignoreClient: true,
    });
  });
  test("what is the default is absent", () => {
    const text =
      "{ methods: [HEAD, GET], reach: near, collapse: isolate, ignoreClient: false, override: false, key: {} }";
    expect(compiled(text)).toEqual({});
  });
  test("the gateway's settings count where the route says nothing", () => {
    const gateway = "  cache: { ttl: 1m, tags: [all] }";
    expect(compiled("true", { gateway })).toEqual({ ttlMs: 60_000, tags: ["all"] });
    expect(compiled("{ ttl: 5s }", { gateway })).toEqual({ ttlMs: 5_000, tags: ["all"] });
    expect(compiled("", { gateway: `${gateway}` })).toBeUndefined();
  });
  test("fields that the route itself sets are its own word", () => {
    const route = `auth: login, identityHeaders: { X-User: "{identity.sub}" }, transform: { request: { headers: { set: { x-host: a }, add: { x-b: b } } } },`;
    expect(compiled("{ shared: false }", { route })).toEqual({ ownFields: ["x-host", "x-user"] });
  });
  test("identities share nothing where the target's traffic rules go by them", () => {
    const route = AUTH;
    expect(compiled("{ shared: true }", { route, to: "to: orders" })?.shared).toBe(true);
    expect(compiled("{ shared: true }", { route, to: "to: tiers" })?.shared).toBeUndefined();
  });
  test("headers that the target's traffic rules match on are in the key", () => {
    expect(compiled("true", { to: "to: orders" })).toEqual({ keyFields: ["x-canary"] });
    expect(compiled("{ key: { headers: [accept] } }", { to: "to: orders" })).toEqual({
      keyFields: ["accept", "x-canary"],
    });
  });
});

test.each<[string, string, Around, string[]]>([
  ["nothing wrong", "{ ttl: 30s, tags: [orders] }", {}, []],
  ["an unknown key", "{ tll: 30s }", {}, ["error SLV2003 cache.tll"]],
  ["a text", "yes", {}, ["error SLV2001 cache"]],
  ["no duration", "{ ttl: 30 }", {}, ["error SLV2001 cache.ttl"]],
  ["longer than anything is kept", "{ ttl: 32d }", {}, ["error SLV2001 cache.ttl"]],
  ["a tag with a comma", '{ tags: ["a,b"] }', {}, ["error SLV2001 cache.tags.0"]],
  ["a success in errors", "{ errors: { 200: 1s } }", {}, ["error SLV2004 cache.errors.200"]],
  ["an error about who asks", "{ errors: { 401: 1s } }", {}, ["error SLV3009 cache.errors.401"]],
  ["override without ttl", "{ override: true }", {}, ["error SLV3009 cache.override"]],
  ["override with the gateway's ttl", "{ override: true }", { gateway: "  cache: { ttl: 1s }" }, []],
  ["only and ignore", "{ key: { query: { only: [a], ignore: [b] } } }", {}, ["error SLV3009 cache.key.query.ignore"]],
  ["the key has the host", "{ key: { headers: [host] } }", {}, ["error SLV3009 cache.key.headers.0"]],
  [
    "no credentials in a key",
    "{ key: { headers: [Authorization, cookie] } }",
    {},
    ["error SLV3009 cache.key.headers.0", "error SLV3009 cache.key.headers.1"],
  ],
  ["a header that never gets in", "{ key: { headers: [x-forwarded-for] } }", {}, ["error SLV3009 cache.key.headers.0"]],
  ["no method that is kept", "true", { match: "methods: [POST]" }, ["error SLV3012 cache"]],
  [
    "a method that the route does not take",
    "{ methods: [GET, QUERY] }",
    { match: "methods: [GET]" },
    ["error SLV3012 cache.methods.1"],
  ],
  ["a method that is never kept", "{ methods: [POST] }", {}, ["error SLV2001 cache.methods.0"]],
  ["a composed answer", "true", { to: 'aggregate: { a: { get: "orders:/a" } }' }, ["error SLV3009 cache"]],
  ["auth and not a word on sharing", "true", { route: AUTH }, ["warning SLV3040 cache"]],
  ["auth, not shared", "{ shared: false }", { route: AUTH }, []],
  ["auth, shared", "{ shared: true }", { route: AUTH }, []],
  ["shared without auth", "{ shared: true }", {}, ["warning SLV3009 cache.shared"]],
  [
    "shared, the upstream is told who asks",
    "{ shared: true }",
    { route: `${AUTH} identityHeaders: { x-user: "{identity.sub}" },` },
    ["warning SLV3041 cache.shared"],
  ],
  [
    "shared, the gateway tells who asks",
    "{ shared: true }",
    { route: AUTH, gateway: '  context: { tenant: "{identity.claims.tenant}" }' },
    ["warning SLV3041 cache.shared"],
  ],
  [
    "shared, the route tells nothing",
    "{ shared: true }",
    { route: `${AUTH} context: {},`, gateway: '  context: { tenant: "{identity.claims.tenant}" }' },
    [],
  ],
  ["settings that nobody takes", "", { gateway: "  cache: { ttl: 1s }" }, ["warning SLV3012 gateway.cache"]],
])("check: %s", (_, cache, around, expected) => {
  expect(codes(cache, around)).toEqual(expected);
});
