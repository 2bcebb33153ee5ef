/** `identityHeaders`, `context` and `resources` of a document: what is wrong with them, and what they become. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const BASE = `selvage: 1
name: shop
mesh: { trustDomain: shop.internal, services: { orders: { port: 8080, access: [{ from: gateway }] } } }
gateway:
  hosts: [api.shop.example, "*.shop.example", localhost]
  identity:
    login: { jwt: { issuer: "https://login.shop.example/", audience: shop-api } }
    staff: { jwt: { issuer: "https://staff.shop.example", audience: shop-api } }
    partner: { jwt: { issuer: partner.example.net, audience: a, jwks: "https://partner.example.net/keys" } }
    keys: { apiKey: { header: X-Api-Key } }
    opaque: { introspection: { issuer: "https://opaque.shop.example", bearer: "\${secret:OPAQUE}" } }
`;
const ROUTE = "  routes:\n    - { name: orders, match: { path: '/orders/{id}' }, auth: login, to: orders, ";

const load = (rest: string) => loadDocument(BASE + rest, "f", () => undefined);
const codes = (rest: string): string[] =>
  load(rest).problems.map(
    ({ code, severity, path, at }) =>
      `${code}${severity === "warning" ? "?" : ""} ${path.slice(1).join(".")}${at === "key" ? " key" : ""}`,
  );
const planOf = (rest: string) => {
  const { document, problems } = load(rest);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const onRoute = (settings: string): string => `${ROUTE}${settings} }\n`;
const onGateway = (settings: string): string => `  ${settings}\n${onRoute("timeout: 1s")}`;

describe("identityHeaders", () => {
  test.each<[string, string[]]>([
    ['"{identity.sub}"', []],
    ['"{identity.claims.tenant}"', []],
    ['"{identity.claims.a.b}"', []],
    ['"urn:user:{identity.issuer}/{identity.sub}"', []],
    ['"{identity.name}"', ["SLV3004 routes.0.identityHeaders.x-told"]],
    ['"{identity.claims}"', ["SLV3004 routes.0.identityHeaders.x-told"]],
    ['"{identity.sub.x}"', ["SLV3004 routes.0.identityHeaders.x-told"]],
    ['"{path.id}"', ["SLV3004 routes.0.identityHeaders.x-told"]],
    ['"{identity.sub"', ["SLV2001 routes.0.identityHeaders.x-told"]],
    ["constant", ["SLV2001 routes.0.identityHeaders.x-told"]],
    ['"${secret:A}"', ["SLV4003 routes.0.identityHeaders.x-told", "SLV2001 routes.0.identityHeaders.x-told"]],
    ['"a\\nb {identity.sub}"', ["SLV2001 routes.0.identityHeaders.x-told"]],
    ["7", ["SLV2001 routes.0.identityHeaders.x-told"]],
  ])("the value %s", (value, expected) => {
    expect(codes(onRoute(`identityHeaders: { x-told: ${value} }`)).sort()).toEqual(expected.sort());
  });

  test.each([
    "authorization",
    "Cookie",
    "host",
    "content-type",
    "accept",
    "X-Forwarded-User",
    "Txn-Token",
    "selvage-user",
    "connection",
    "traceparent",
    "dpop",
    "signature-input",
    "if-match",
    "x-api-key",
  ])("the name %s is taken", (name) => {
    expect(codes(onRoute(`identityHeaders: { ${name}: "{identity.sub}" }`))).toEqual([
      `SLV3009 routes.0.identityHeaders.${name} key`,
    ]);
  });

  test.each<[string, string, string[]]>([
    ["a name with _", 'identityHeaders: { x_user: "{identity.sub}" }', ["SLV2004 routes.0.identityHeaders.x_user key"]],
    [
      "a name twice",
      'identityHeaders: { x-user: "{identity.sub}", X-User: "{identity.sub}" }',
      ["SLV3006 routes.0.identityHeaders.X-User key"],
    ],
    [
      "an edit of it",
      'identityHeaders: { x-user: "{identity.sub}" }, transform: { request: { headers: { set: { X-User: a }, add: { x_user: b }, remove: [x-user] } } }',
      [
        "SLV3009 routes.0.transform.request.headers.set.X-User key",
        "SLV3009 routes.0.transform.request.headers.add.x_user key",
        "SLV3009 routes.0.transform.request.headers.remove.0",
      ],
    ],
    ["none", "identityHeaders: {}", []],
  ])("%s", (_, settings, expected) => {
    expect(codes(onRoute(settings))).toEqual(expected);
  });

  test("a match that would go by the client's word", () => {
    const rest = `  identityHeaders: { x-user: "{identity.sub}" }
  routes: [{ name: a, match: { path: /a, headers: { x-user: bob } }, to: orders }]`;
    expect(codes(rest)).toEqual(["SLV3009 routes.0.match.headers.x-user key"]);
  });

  test("of a route without auth", () => {
    const rest = `  routes: [{ name: a, match: { path: /a }, to: orders, identityHeaders: { x-user: "{identity.sub}" } }]`;
    expect(codes(rest)).toEqual(["SLV3009 routes.0.identityHeaders key"]);
  });

  test("more than there may be", () => {
    const many = Array.from({ length: 17 }, (_, at) => `x-h${at}: "{identity.sub}"`).join(", ");
    expect(codes(onRoute(`identityHeaders: { ${many} }`))).toEqual(["SLV1003 routes.0.identityHeaders"]);
  });

  test("a route's own take the place of the gateway's; every name is kept from clients", () => {
    const { gateway } = planOf(`  identityHeaders: { X-User: "{identity.sub}" }
  routes:
    - { name: a, match: { path: /a }, auth: login, to: orders }
    - { name: b, match: { path: /b }, auth: login, to: orders, identityHeaders: { x-scopes: "s {identity.scopes}" } }
    - { name: c, match: { path: /c }, auth: login, to: orders, identityHeaders: {} }
    - { name: d, match: { path: /d }, to: orders }
`);
    expect(gateway.identityHeaders).toEqual(["x-scopes", "x-user"]);
    expect(gateway.routes.map(({ identityHeaders }) => identityHeaders)).toEqual([
      { "x-user": [["identity", "sub"]] },
      { "x-scopes": ["s ", ["identity", "scopes"]] },
      undefined,
      { "x-user": [["identity", "sub"]] },
    ]);
  });
});

describe("context", () => {
  test.each<[string, string[]]>([
    ["tenant: '{identity.claims.tenant}', kind: order, level: 2, big: true", []],
    ["order: '{path.id}'", ["SLV3021? routes.0.context.order"]],
    ["page: '{query.page}'", ["SLV3021? routes.0.context.page"]],
    ["order: '{path.ids}'", ["SLV3004 routes.0.context.order"]],
    ["page: '{query.a.b}'", ["SLV3004 routes.0.context.page"]],
    ["tenant: '{identity.tenant}'", ["SLV3004 routes.0.context.tenant"]],
    ["tenant: '{user.id}'", ["SLV3004 routes.0.context.tenant"]],
    ["tenant: 'a-{identity.sub}'", ["SLV2001 routes.0.context.tenant"]],
    ["tenant: '{identity.sub'", ["SLV2001 routes.0.context.tenant"]],
    ["route: other", ["SLV2004 routes.0.context.route key"]],
    ["tenant: [a]", ["SLV2001 routes.0.context.tenant"]],
    ["tenant: .inf", ["SLV2001 routes.0.context.tenant"]],
    [`tenant: ${"a".repeat(257)}`, ["SLV2001 routes.0.context.tenant"]],
    ["constructor: a", ["SLV2004 routes.0.context.constructor key"]],
  ])("{ %s }", (members, expected) => {
    expect(codes(onRoute(`context: { ${members} }`))).toEqual(expected);
  });

  test("the gateway's own names the identity alone, since its routes differ", () => {
    expect(codes(onGateway("context: { order: '{path.id}', tenant: '{identity.claims.tenant}' }"))).toEqual([
      "SLV3004 context.order",
    ]);
  });

  test("of a route that calls nobody in the mesh", () => {
    const rest = (to: string) =>
      `  routes: [{ name: a, match: { path: /a }, auth: login, ${to}, context: { kind: order } }]`;
    expect(codes(rest("to: https://a.example"))).toEqual(["SLV3009 routes.0.context key"]);
    expect(codes(rest("aggregate: { a: { get: 'https://a.example/' } }"))).toEqual(["SLV3009 routes.0.context key"]);
    expect(codes(rest("aggregate: { a: { get: 'https://a.example/' }, b: { get: 'orders:/' } }"))).toEqual([]);
  });

  test("compiled: constants keep their type, values of the request are told", () => {
    const [route] = planOf(onRoute("context: { kind: order, level: 2, order: '{path.id}' }")).gateway.routes;
    expect(route?.context).toEqual({
      members: { kind: { constant: "order" }, level: { constant: 2 }, order: { from: ["path", "id"] } },
      ofRequest: true,
    });
    const [other] = planOf(onGateway("context: { t: '{identity.claims.t}' }")).gateway.routes;
    expect(other?.context).toEqual({ members: { t: { from: ["identity", "claims", "t"] } }, ofRequest: false });
  });
});

describe("resources", () => {
  const identified = (identifier: string) => codes(onGateway(`resources: [{ identifier: "${identifier}" }]`));
  test.each<[string, string[]]>([
    ["https://api.shop.example", []],
    ["https://api.shop.example/", []],
    ["https://api.shop.example:8443/orders", []],
    ["https://eu.shop.example/orders/", []],
    ["http://localhost:8787/orders", []],
    ["http://api.shop.example/", ["SLV2001 resources.0.identifier"]],
    ["https://api.shop.example/a?b=c", ["SLV2001 resources.0.identifier"]],
    ["https://api.shop.example/a#b", ["SLV2001 resources.0.identifier"]],
    ["https://u:p@api.shop.example/", ["SLV2001 resources.0.identifier"]],
    ["https://API.shop.example/", ["SLV2001 resources.0.identifier"]],
    ["https://api.shop.example/a/../b", ["SLV2001 resources.0.identifier"]],
    ["https://api.shop.example/a//b", ["SLV2001 resources.0.identifier"]],
    ["https://other.example/", ["SLV3010 resources.0.identifier"]],
    ["https://api.shop.example/elsewhere", ["SLV3009? resources.0"]],
    ["api.shop.example", ["SLV2001 resources.0.identifier"]],
  ])("%s", (identifier, expected) => {
    expect(identified(identifier)).toEqual(expected);
  });

  test("one place twice", () => {
    const twice =
      'resources: [{ identifier: "https://api.shop.example" }, { identifier: "https://api.shop.example/" }]';
    expect(codes(onGateway(twice))).toEqual(["SLV3006 resources.1.identifier"]);
  });

  test("a route where the metadata stands", () => {
    const rest = `  resources: [{ identifier: "https://api.shop.example" }]
  routes:
    - { name: a, match: { path: /.well-known/oauth-protected-resource }, to: orders }
    - { name: b, match: { path: "/*" }, auth: login, to: orders }`;
    expect(codes(rest)).toEqual(["SLV3012? routes.0.match.path"]);
  });

  test.each<[string, string, Record<string, unknown>]>([
    ["bearer tokens alone", "", { bearer_methods_supported: ["header"] }],
    [
      "bound tokens, too",
      ", dpop: accepted",
      {
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: ["ES256", "Ed25519", "EdDSA", "PS256", "RS256"],
      },
    ],
    [
      "tokens bound to a key alone",
      ", dpop: required",
      {
        dpop_signing_alg_values_supported: ["ES256", "Ed25519", "EdDSA", "PS256", "RS256"],
        dpop_bound_access_tokens_required: true,
      },
    ],
    [
      "tokens bound to a certificate alone",
      ", certificateBound: required",
      { bearer_methods_supported: ["header"], tls_client_certificate_bound_access_tokens: true },
    ],
  ])("how tokens are shown: %s", (_, binding, members) => {
    const text = `${BASE}${onGateway('resources: [{ identifier: "https://api.shop.example" }]')}`;
    const { document, problems } = loadDocument(
      text.replace("audience: shop-api }", `audience: shop-api${binding} }`),
      "f",
      () => undefined,
    );
    if (document === undefined) throw new Error(JSON.stringify(problems));
    const [resource] = compile(document).gateway.resources ?? [];
    expect(resource?.metadata).toEqual({
      resource: "https://api.shop.example",
      authorization_servers: ["https://login.shop.example/"],
      ...members,
    });
  });

  test("metadata is gathered from the routes at and below each path", () => {
    const { gateway } = planOf(`  resources:
    - identifier: https://api.shop.example
      name: Shop API
      documentation: https://docs.shop.example/
    - { identifier: "https://api.shop.example/mcp", scopes: ["mcp:use"], terms: "https://shop.example/terms" }
    - { identifier: "https://eu.shop.example/a", authorizationServers: ["https://eu-login.shop.example"] }
  routes:
    - { name: orders, match: { path: /orders/* }, auth: { any: [login, keys, partner], scopes: [b, a] }, to: orders }
    - { name: items, match: { path: /items, hosts: [api.shop.example] }, auth: { all: [staff], scopes: [c] }, to: orders }
    - { name: mcp, match: { path: /mcp/* }, auth: { any: [staff, opaque], scopes: [d] }, to: orders }
    - { name: eu, match: { path: /eu, hosts: [eu.shop.example] }, auth: { any: [staff], scopes: [e] }, to: orders }
    - { name: keys, match: { path: /a/* }, auth: keys, to: orders }
`);
    expect(gateway.resources).toEqual([
      {
        host: "api.shop.example",
        path: "",
        metadataPath: "/.well-known/oauth-protected-resource",
        metadataUrl: "https://api.shop.example/.well-known/oauth-protected-resource",
        metadata: {
          resource: "https://api.shop.example",
          authorization_servers: ["https://login.shop.example/", "https://staff.shop.example"],
          scopes_supported: ["a", "b", "c"],
          bearer_methods_supported: ["header"],
          resource_name: "Shop API",
          resource_documentation: "https://docs.shop.example/",
        },
      },
      {
        host: "api.shop.example",
        path: "/mcp",
        metadataPath: "/.well-known/oauth-protected-resource/mcp",
        metadataUrl: "https://api.shop.example/.well-known/oauth-protected-resource/mcp",
        metadata: {
          resource: "https://api.shop.example/mcp",
          authorization_servers: ["https://opaque.shop.example", "https://staff.shop.example"],
          scopes_supported: ["mcp:use"],
          bearer_methods_supported: ["header"],
          resource_tos_uri: "https://shop.example/terms",
        },
      },
      {
        host: "eu.shop.example",
        path: "/a",
        metadataPath: "/.well-known/oauth-protected-resource/a",
        metadataUrl: "https://eu.shop.example/.well-known/oauth-protected-resource/a",
        metadata: {
          resource: "https://eu.shop.example/a",
          authorization_servers: ["https://eu-login.shop.example"],
        },
      },
    ]);
  });
});

describe("explain", () => {
  const ask = (rest: string, path: string, claims: Record<string, unknown> = {}, query = "") => {
    const credential: Credential = { kind: "assumed", sub: "alice", scopes: ["a"], claims };
    const headers: [string, string][] = [["x-user", "mallory"]];
    const request = { method: "GET", host: "api.shop.example", path, query, headers, credential };
    const { steps, result } = explain(planOf(rest), request, 0);
    const told = steps.filter(({ stage }) => stage === "identity headers" || stage === "context");
    return { told: told.map(({ verdict, text }) => `${verdict} ${text}`), result };
  };

  test("says what upstreams are told", () => {
    const rest = onRoute(
      `identityHeaders: { x-user: "{identity.sub}", x-tenant: "{identity.claims.tenant}" }, context: { id: "{path.id}" }`,
    );
    expect(ask(rest, "/orders/7").told).toEqual([
      "pass x-user: alice, without x-tenant",
      'pass transaction token with {"id":"7"}, which few other requests can share: one signature for each',
    ]);
    expect(ask(rest, "/orders/7", { tenant: "a b" }).told[0]).toBe("pass x-tenant: a%20b, x-user: alice");
  });

  test("refuses what the gateway refuses", () => {
    const rest = onRoute(`context: { id: "{path.id}", tenant: "{identity.claims.tenant}" }`);
    expect(ask(rest, `/orders/${"7".repeat(300)}`).result).toMatchObject({ code: "bad_request", status: 400 });
    expect(ask(rest, "/orders/7", { tenant: "t".repeat(300) }).result).toMatchObject({ code: "not_permitted" });
  });

  test("says that metadata is answered here", () => {
    const rest = onGateway('resources: [{ identifier: "https://api.shop.example/orders" }]');
    expect(ask(rest, "/.well-known/oauth-protected-resource/orders").result).toEqual({
      outcome: "answer",
      text: "would be answered here: metadata of https://api.shop.example/orders",
    });
    expect(ask(rest, "/.well-known/oauth-protected-resource").result).toMatchObject({ outcome: "refuse" });
  });

  test("goes by the gateway's own headers where the mesh decides by them", () => {
    const rest = BASE.replace(
      "port: 8080,",
      "port: 8080, subsets: { a: { v: a } }, traffic: [{ match: { headers: { x-user: alice } }, to: a }],",
    );
    const { document } = loadDocument(
      rest + onRoute('identityHeaders: { x-user: "{identity.sub}" }'),
      "f",
      () => undefined,
    );
    if (document === undefined) throw new Error("no document");
    const credential: Credential = { kind: "assumed", sub: "alice", scopes: [] };
    const headers: [string, string][] = [["x_user", "mallory"]];
    const request = { method: "GET", host: "localhost", path: "/orders/1", query: "", headers, credential };
    const { steps } = explain(compile(document), request, 0);
    expect(steps.find(({ stage }) => stage === "traffic")?.text).toContain("subset a");
  });
});
