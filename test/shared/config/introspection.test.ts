/** What a document says of introspection and of decision points: its checks, its plan, its explanation. */
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const client = { clientId: "gateway", clientSecret: "${secret:S}" };
const opaque = (more: object = {}) => ({ issuer: "https://i.example/", ...client, ...more });
const authzen = (more: object = {}) => ({ url: "https://pdp.example", ...more });

interface Parts {
  readonly opaque?: object;
  readonly authzen?: object;
  readonly auth?: unknown;
  readonly path?: string;
}

function load(parts: Parts) {
  const gateway = {
    hosts: ["h"],
    identity: { p: { introspection: parts.opaque ?? opaque() } },
    decisions: { pdp: { authzen: parts.authzen ?? authzen() } },
    routes: [{ name: "r", match: { path: parts.path ?? "/r/{id}" }, auth: parts.auth ?? "p", to: "https://o.example" }],
  };
  return loadDocument(stringify({ selvage: 1, name: "t", gateway }), "f", () => undefined, { has: () => true });
}
const codes = (parts: Parts): string[] =>
  load(parts).problems.map(({ code, path }) => `${code} ${path.slice(1).join(".")}`);
function planOf(parts: Parts) {
  const { document, problems } = load(parts);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
}

describe("introspection", () => {
  test("compiles with its defaults", () => {
    expect(planOf({}).gateway.identity.p).toEqual({
      kind: "introspection",
      issuer: "https://i.example/",
      client: { method: "client_secret_basic", id: "gateway", secret: "S" },
      subject: ["sub"],
      jwts: true,
      clockSkewMs: 60_000,
      timeoutMs: 2_000,
      rememberMs: 30_000,
    });
  });

  test("compiles with all its settings", () => {
    const more = {
      url: "https://i.example/introspect",
      clientAuth: "client_secret_post",
      audience: ["b", "a"],
      subject: ["sub", "client_id"],
      claims: { groups: "roles" },
      prefix: "t_",
      jwts: false,
      clockSkew: "0s",
      timeout: "1s",
      remember: "0s",
      onFailure: "stale",
    };
    expect(planOf({ opaque: opaque(more) }).gateway.identity.p).toMatchObject({
      url: "https://i.example/introspect",
      client: { method: "client_secret_post" },
      audiences: ["a", "b"],
      subject: ["sub", "client_id"],
      claims: { groups: "roles" },
      prefix: "t_",
      jwts: false,
      clockSkewMs: 0,
      timeoutMs: 1_000,
      rememberMs: 0,
      staleMs: 300_000,
    });
    const bearer = { issuer: "https://i.example/", bearer: "${secret:B}" };
    expect(planOf({ opaque: bearer }).gateway.identity.p).toMatchObject({ client: { method: "bearer", secret: "B" } });
  });

  test.each<[string, object, string]>([
    ["nobody's credentials", { issuer: "https://i.example/" }, "SLV2005 identity.p.introspection"],
    ["both kinds of them", opaque({ bearer: "${secret:B}" }), "SLV3009 identity.p.introspection.clientSecret"],
    ["a secret of nobody", opaque({ clientId: undefined }), "SLV3009 identity.p.introspection.clientSecret"],
    ["an id without secret", opaque({ clientSecret: undefined }), "SLV3009 identity.p.introspection.clientId"],
    ["a secret in clear text", opaque({ clientSecret: "secret" }), "SLV2001 identity.p.introspection.clientSecret"],
    ["a secret elsewhere", opaque({ prefix: "${secret:S}" }), "SLV4003 identity.p.introspection.prefix"],
    ["an issuer that is no place", opaque({ issuer: "urn:i" }), "SLV2001 identity.p.introspection.issuer"],
    ["discovery without TLS", opaque({ issuer: "http://i.example/" }), "SLV3014 identity.p.introspection.issuer"],
    ["an endpoint without TLS", opaque({ url: "http://i.example/" }), "SLV3014 identity.p.introspection.url"],
    ["credentials in the URL", opaque({ url: "https://a:b@i.example/" }), "SLV2001 identity.p.introspection.url"],
    ["stale without saying so", opaque({ staleFor: "1m" }), "SLV3009 identity.p.introspection.staleFor"],
    ["open", opaque({ onFailure: "open" }), "SLV2001 identity.p.introspection.onFailure"],
    ["remembered for a week", opaque({ remember: "7d" }), "SLV2001 identity.p.introspection.remember"],
    ["an unknown key", opaque({ ttl: "1m" }), "SLV2003 identity.p.introspection.ttl"],
  ])("refuses %s", (_, given, expected) => {
    expect(codes({ opaque: given })).toContain(expected);
  });

  test("takes an issuer of any form beside a URL, and local ones without TLS", () => {
    expect(codes({ opaque: opaque({ issuer: "urn:i", url: "http://127.0.0.1:1/introspect" }) })).toEqual([]);
  });
});

describe("decision points", () => {
  test("compile with their defaults; an origin gets the standard path", () => {
    expect(planOf({}).gateway.decisions).toEqual({
      pdp: {
        kind: "authzen",
        url: "https://pdp.example/access/v1/evaluation",
        headers: {},
        claims: [],
        timeoutMs: 1_000,
        rememberMs: 10_000,
        onFailure: "closed",
      },
    });
    const exact = { url: "https://pdp.example/x", headers: { "X-Key": "${secret:K}" }, claims: ["b", "a"] };
    expect(planOf({ authzen: exact }).gateway.decisions?.pdp).toMatchObject({
      url: "https://pdp.example/x",
      headers: { "x-key": "${secret:K}" },
      claims: ["a", "b"],
    });
  });

  test("are asked what the route says", () => {
    const auth = (decision: unknown) => planOf({ auth: { any: ["p"], decision } }).gateway.routes[0]?.auth?.decision;
    expect(auth("pdp")).toEqual({ by: "pdp" });
    const long = { by: "pdp", resource: { id: "x-{path.id}", properties: { b: true, a: "{query.q}" } } };
    expect(auth(long)).toEqual({
      by: "pdp",
      resource: { id: ["x-", ["path", "id"]], properties: { a: [["query", "q"]], b: true } },
    });
  });

  const by = (more: object) => ({ any: ["p"], decision: { by: "pdp", ...more } });
  test.each<[string, Parts, string]>([
    ["an unknown one", { auth: { any: ["p"], decision: "pdq" } }, "SLV3002 routes.0.auth.decision"],
    ["an unknown one in the long form", { auth: by({ by: "x" }) }, "SLV3002 routes.0.auth.decision.by"],
    ["a decision about nobody", { auth: { ...by({}), optional: true } }, "SLV3009 routes.0.auth.decision"],
    ["an open brace", { auth: by({ context: { a: "{x" } }) }, "SLV2001 routes.0.auth.decision.context.a"],
    [
      "an unknown root",
      { auth: by({ action: { name: "{ident.sub}" } }) },
      "SLV3004 routes.0.auth.decision.action.name",
    ],
    [
      "an unknown member",
      { auth: by({ subject: { id: "{identity.subject}" } }) },
      "SLV3004 routes.0.auth.decision.subject.id",
    ],
    [
      "claims without a name",
      { auth: by({ subject: { properties: { a: "{identity.claims}" } } }) },
      "SLV3004 routes.0.auth.decision.subject.properties.a",
    ],
    [
      "a header in upper case",
      { auth: by({ context: { a: "{request.headers.X-A}" } }) },
      "SLV3004 routes.0.auth.decision.context.a",
    ],
    [
      "an unknown parameter",
      { auth: by({ resource: { id: "{path.key}" } }) },
      "SLV3004 routes.0.auth.decision.resource.id",
    ],
    ["a list", { auth: by({ context: { a: ["x"] } }) }, "SLV2001 routes.0.auth.decision.context.a"],
    [
      "a secret in the question",
      { auth: by({ context: { a: "${secret:S}" } }) },
      "SLV4003 routes.0.auth.decision.context.a",
    ],
    ["no TLS", { authzen: authzen({ url: "http://pdp.example" }) }, "SLV3014 decisions.pdp.authzen.url"],
    [
      "a field of the gateway",
      { authzen: authzen({ headers: { Host: "x" } }) },
      "SLV3009 decisions.pdp.authzen.headers.Host",
    ],
    ["an unknown way to fail", { authzen: authzen({ onFailure: "stale" }) }, "SLV2001 decisions.pdp.authzen.onFailure"],
  ])("refuse %s", (_, parts, expected) => {
    expect(codes(parts)).toContain(expected);
  });

  test("suggest the nearest name", () => {
    const suggestion = (id: string) =>
      load({ auth: by({ resource: { id } }) }).problems.find(({ code }) => code === "SLV3004")?.suggestion;
    expect(suggestion("{identiy.sub}")).toBe("{identity.sub}");
    expect(suggestion("{request.methd}")).toBe("{request.method}");
  });

  test("take whatever a request has", () => {
    const all = [
      "{identity.sub}",
      "{identity.claims.a.b}",
      "{identity.groups}",
      "{request.headers.x-a}",
      "{request.ip}",
    ];
    const context = Object.fromEntries([...all, "{path.id}", "{query.q}"].map((text, at) => [`m${at}`, text]));
    expect(codes({ auth: by({ context }) })).toEqual([]);
  });
});

describe("explain", () => {
  const ask = (parts: Parts, credential: Credential, headers: [string, string][] = [], path = "/r/7") => {
    const request = { method: "GET", host: "h", path, query: "?q=1", headers, credential };
    return explain(planOf(parts), request, 0);
  };
  const stepOf = (stage: string, ...given: Parameters<typeof ask>) =>
    ask(...given).steps.find((one) => one.stage === stage);
  const bearer = (token: string): [string, string][] => [["authorization", `Bearer ${token}`]];
  const none: Credential = { kind: "malformed", reason: "no JWT" };

  test("says that the issuer was not asked about a token, and judges its form", () => {
    const auth = { any: ["p"], scopes: ["a"] };
    expect(stepOf("auth", { auth }, none, bearer("abc"))?.text).toContain("ISSUER WAS NOT ASKED");
    expect(ask({ auth }, none, bearer("abc")).result.outcome).toBe("forward");
    expect(stepOf("auth", {}, none, bearer("a b"))).toMatchObject({ verdict: "deny", code: "credentials_invalid" });
    expect(stepOf("auth", {}, { kind: "none" })).toMatchObject({ verdict: "deny", code: "credentials_missing" });
    const jwt: Credential = { kind: "token", header: {}, claims: { iss: "https://other.example/" } };
    expect(stepOf("auth", {}, jwt, bearer("abc"))).toMatchObject({ verdict: "deny" });
  });

  test("takes somebody as assumed, with claims and scopes", () => {
    const ann: Credential = { kind: "assumed", sub: "ann", scopes: ["a"], claims: { groups: ["g"] } };
    expect(stepOf("auth", { auth: { any: ["p"], scopes: ["a"], groups: ["g"] } }, ann)?.text).toContain(
      "assumed to be ann",
    );
    expect(ask({ auth: { any: ["p"], scopes: ["b"] } }, ann).result).toMatchObject({ code: "scope_missing" });
  });

  test("says what a decision point would be asked, and that it was not", () => {
    const ann: Credential = { kind: "assumed", sub: "ann", scopes: [] };
    const found = stepOf("decision", { auth: { any: ["p"], decision: "pdp" } }, ann);
    expect(found?.verdict).toBe("note");
    expect(found?.text).toContain("pdp WAS NOT ASKED");
    expect(found?.text).toContain('"subject":{"id":"ann"');
    const missing = { auth: { any: ["p"], decision: { by: "pdp", resource: { id: "{query.none}" } } } };
    expect(ask(missing, ann).result).toMatchObject({ outcome: "refuse", code: "not_permitted" });
    expect(stepOf("decision", {}, ann)).toBeUndefined();
  });
});
