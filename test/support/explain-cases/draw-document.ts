/** Documents in which everything that decides about a request meets everything else. */
import type { Draw } from "./draw.ts";
import { drawAggregate } from "./draw-aggregate.ts";
import { CONTRACT, DECISIONS, drawDecision, drawGraphql, drawValidate } from "./draw-guards.ts";
import { drawAsked, drawProviders, type Parties, RARE } from "./draw-providers.ts";
import { drawUpstreams, UPSTREAMS } from "./draw-upstreams.ts";
import { COOKIES, HEADERS, HOSTS, NAMES, QUERIES, SCOPES, SEGMENTS, SERVICES, TENANTS, VALUES } from "./words.ts";

type Json = Record<string, unknown>;

export const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] as const;

export function drawDocument(draw: Draw, parties: Parties): Json {
  const identity = drawProviders(draw, parties);
  const rare = RARE.filter((name) => name in identity);
  return {
    selvage: 1,
    name: "shop",
    gateway: {
      hosts: HOSTS,
      identity,
      decisions: DECISIONS,
      contracts: { [CONTRACT]: { openapi: "shop.yaml" } },
      upstreams: drawUpstreams(draw),
      ...draw.maybe(40, "cors", () => drawCors(draw)),
      ...draw.maybe(40, "clientIp", () => ({
        trustedProxies: ["10.0.0.0/8"],
        header: draw.one(["x-forwarded-for", "forwarded", "x-real-ip"]),
      })),
      ...draw.maybe(30, "versioning", () => ({
        ...draw.one([{ header: "api-version" }, { query: "page" }, { mediaType: "application/vnd.shop" }]),
        ...draw.maybe(50, "default", () => "1"),
      })),
      ...draw.maybe(30, "identityHeaders", () => ({
        "x-user": "{identity.sub}",
        "x-tenant": "{identity.claims.tenant}",
      })),
      ...draw.maybe(30, "context", () => ({
        tenant: "{identity.claims.tenant}",
        ...draw.maybe(30, "q", () => "{query.q}"),
      })),
      ...draw.maybe(15, "resources", () => [{ identifier: "https://api.shop.example/orders" }]),
      ...draw.maybe(15, "errorPages", () => [{ on: ["4xx"], json: { oops: "{error.code}" } }]),
      routes: drawRoutes(draw, rare),
    },
    mesh: {
      trustDomain: "shop.internal",
      services: Object.fromEntries(SERVICES.map((name) => [name, drawService(draw)])),
    },
  };
}

function drawCors(draw: Draw): Json {
  return {
    origins: draw.one([["*"], ["https://app.shop.example"], ["https://app.shop.example", "https://b.example"]]),
    ...draw.maybe(60, "methods", () => draw.some(METHODS)),
    ...draw.maybe(40, "allowHeaders", () => draw.some(["x-a", "content-type"])),
  };
}

function drawRoutes(draw: Draw, rare: readonly string[]): Json[] {
  const count = 2 + draw.below(7);
  return Array.from({ length: count }, (_, at) => `r${at}`).flatMap((name) =>
    draw.chance(12) ? drawSiblings(draw, name, rare) : [drawRoute(draw, name, drawMatch(draw), rare)],
  );
}

/** Routes that only who asks tells apart. */
function drawSiblings(draw: Draw, name: string, rare: readonly string[]): Json[] {
  const match = drawMatch(draw);
  const auth = { any: drawAsked(draw, rare), optional: true };
  const asked = [{ groups: ["staff"] }, { plan: ["gold"] }, { method: "anonymous" }, { scopes: ["read"] }, undefined];
  return draw.some(asked).map((identity, at) => {
    const { auth: _, maxBody: __, timeout: ___, cache: ____, ...route } = drawRoute(draw, `${name}-${at}`, match, rare);
    return { ...route, auth, match: { ...match, ...(identity !== undefined && { identity }) } };
  });
}

function drawPath(draw: Draw): string {
  const count = draw.below(4);
  const names = [...NAMES];
  const segments = Array.from({ length: count }, () => {
    if (draw.chance(65)) return draw.one(SEGMENTS);
    const [name] = names.splice(draw.below(names.length), 1);
    return draw.chance(30) ? `{${name}:[a-z]+}` : `{${name}}`;
  });
  return `/${segments.join("/")}${draw.chance(40) ? `${count > 0 ? "/" : ""}*` : ""}`;
}

export function drawMatch(draw: Draw): Json {
  return {
    path: drawPath(draw),
    ...draw.maybe(30, "methods", () => draw.some(METHODS)),
    ...draw.maybe(20, "hosts", () => [draw.one(HOSTS)]),
    ...draw.maybe(15, "headers", () => ({ [draw.one(HEADERS)]: drawTest(draw) })),
    ...draw.maybe(12, "query", () => ({ [draw.one(QUERIES)]: drawTest(draw) })),
    ...draw.maybe(10, "cookies", () => ({ [draw.one(COOKIES)]: drawTest(draw) })),
    ...draw.maybe(8, "version", () => draw.one(["1", "2"])),
    ...draw.maybe(10, "ip", () => draw.one([["192.0.2.0/24"], ["10.0.0.0/8", "198.51.100.7/32"]])),
  };
}

function drawTest(draw: Draw): unknown {
  return draw.one<unknown>([
    draw.one(VALUES),
    draw.some(VALUES),
    { prefix: draw.one(VALUES).slice(0, 1) },
    { regex: "[a-z]+" },
    { present: draw.chance(70) },
    { not: draw.one(VALUES) },
  ]);
}

function drawRoute(draw: Draw, name: string, match: Json, rare: readonly string[]): Json {
  const params = [...String(match.path).matchAll(/\{(\w+)/g)].map(([, one]) => one as string);
  const auth = drawAuth(draw, rare);
  const common = {
    name,
    match,
    ...(auth !== undefined && { auth }),
    ...draw.maybe(4, "quarantine", () => "too many errors"),
    ...draw.maybe(20, "maxBody", () => "8B"),
    ...draw.maybe(10, "lifecycle", () => ({ ...drawLifeCycle(draw), ...draw.maybe(25, "mode", () => "shadow") })),
    ...draw.maybe(25, "rateLimit", () => drawLimit(draw, auth !== undefined, params)),
    ...draw.maybe(12, "idempotency", () => ({
      ...draw.maybe(60, "required", () => true),
      ...draw.maybe(30, "mode", () => "shadow"),
    })),
    ...draw.maybe(8, "graphql", () => drawGraphql(draw)),
    ...draw.maybe(12, "validate", () => drawValidate(draw)),
    ...draw.maybe(50, "transform", () => ({
      request: drawEdits(draw, params),
      ...draw.maybe(40, "response", () => ({ headers: { set: { "x-told": "told" }, remove: ["x-inside"] } })),
    })),
  };
  if (draw.chance(25)) return { ...common, ...drawAggregate(draw, params) };
  if (draw.chance(8))
    return {
      ...common,
      respond: {
        status: draw.one([200, 204, 402, 418]),
        ...draw.maybe(40, "headers", () => ({ "x-own": drawValue(draw, params) })),
      },
    };
  if (draw.chance(8))
    return {
      ...common,
      redirect: {
        status: draw.one([301, 302, 307, 308]),
        host: "new.shop.example",
        ...draw.maybe(40, "path", () => "/moved"),
        ...draw.maybe(30, "query", () => "drop"),
      },
    };
  return {
    ...common,
    to: drawTarget(draw),
    ...drawForward(draw, String(match.path), params, auth !== undefined, common),
  };
}

const drawTarget = (draw: Draw): string =>
  draw.chance(65)
    ? draw.one(SERVICES)
    : draw.one(["http://origin.example:8080", "https://other.example", ...UPSTREAMS]);

function drawForward(draw: Draw, path: string, params: readonly string[], isAsked: boolean, common: Json): Json {
  const rest = path.endsWith("*") ? "/*" : "";
  const hasMethod = JSON.stringify(common.transform ?? {}).includes('"method":');
  return {
    ...draw.maybe(25, "rewrite", () =>
      draw.chance(70)
        ? `/${draw.one(SEGMENTS)}${params.map((one) => `/{${one}}`).join("")}${rest}`
        : { regex: draw.one(["^/([a-z]+)", "[0-9]+", "/items"]), to: draw.one(["/x", "/y/$1", "", "."]) },
    ),
    ...draw.maybe(25, "upgrades", () => ["websocket"]),
    ...draw.maybe(35, "traffic", () => drawTraffic(draw, isAsked)),
    ...draw.maybe(8, "faults", () => [
      {
        match: { headers: { "x-a": "b" } },
        until: "2100-01-01T00:00:00Z",
        abort: { percent: draw.one([100, 100, 50]), status: 503 },
      },
    ]),
    ...(hasMethod ? {} : draw.maybe(10, "cache", () => ({ ttl: "30s" }))),
  };
}

function drawTraffic(draw: Draw, isAsked: boolean): Json[] {
  const match = (): Json =>
    draw.one<Json>([
      { headers: { [draw.one(HEADERS)]: draw.one(VALUES) } },
      { methods: ["POST", "PUT"] },
      { cookies: { [draw.one(COOKIES)]: draw.one(VALUES) } },
      ...(isAsked
        ? [
            { scopes: [draw.one(SCOPES)] },
            { claims: { "tctx.tenant": draw.one(TENANTS) } },
            { claims: { sub: "alice" } },
          ]
        : []),
    ]);
  return Array.from({ length: 1 + draw.below(2) }, () => ({
    match: match(),
    ...(draw.chance(40)
      ? { to: drawTarget(draw) }
      : {
          split: { [SERVICES[0]]: 50, [SERVICES[1]]: 50 },
          ...draw.maybe(60, "sticky", () =>
            draw.one<unknown>(["ip", { header: "x-a" }, { cookie: "side" }, ...(isAsked ? ["identity"] : [])]),
          ),
        }),
  }));
}

export function drawAuth(draw: Draw, rare: readonly string[]): unknown {
  if (draw.chance(30)) return undefined;
  if (draw.chance(25)) return draw.one(["login", "partners", ...rare]);
  const optional = draw.chance(25);
  const asked = drawAsked(draw, rare);
  return {
    ...(draw.chance(12) ? { all: asked } : { any: asked }),
    ...draw.maybe(10, "decision", () => drawDecision(draw)),
    ...(optional && { optional }),
    ...(!optional && draw.maybe(40, "scopes", () => [draw.one(SCOPES)])),
    ...(!optional && draw.maybe(15, "groups", () => draw.some(["staff", "ops"]))),
    ...(!optional && draw.maybe(15, "claims", () => ({ tenant: draw.some(TENANTS) }))),
    ...draw.maybe(20, "when", () => draw.one(CONDITIONS)),
    ...draw.maybe(20, "mode", () => "shadow"),
  };
}

const CONDITIONS = [
  "request.method == 'GET'",
  "request.host == 'api.shop.example'",
  "request.path.startsWith('/orders')",
  "'x-a' in request.headers",
  "'authorization' in request.headers",
  "'x-api-key' in request.headers || identity.sub == 'alice'",
  "request.headers['x-forwarded-proto'] == 'http'",
  "identity.claims.tenant == 'acme'",
  "identity.method == 'anonymous'",
];

function drawLifeCycle(draw: Draw): Json {
  return draw.one<Json>([
    { deprecated: "2024-01-01T00:00:00Z" },
    { deprecated: "2024-01-01T00:00:00Z", sunset: "2025-01-01T00:00:00Z" },
    { deprecated: "2024-01-01T00:00:00Z", sunset: "2025-01-01T00:00:00Z", afterSunset: "serve" },
    { sunset: "2100-01-01T00:00:00Z", brownouts: [{ from: "2025-01-01T00:00:00Z", until: "2099-01-01T00:00:00Z" }] },
  ]);
}

export function drawLimit(draw: Draw, isAsked: boolean, params: readonly string[]): Json {
  return {
    limit: "100000/hour",
    mode: "local",
    by: draw.one<unknown>([
      "ip",
      "all",
      { header: draw.one([...HEADERS, "authorization", "x-api-key"]) },
      { query: draw.one([...QUERIES, "key"]) },
      { cookie: draw.one(COOKIES) },
      ...params.map((path) => ({ path })),
      ...(isAsked ? ["identity", "consumer", "plan", { claim: "tenant" }] : []),
    ]),
    ...draw.maybe(60, "missing", () => "refuse"),
    ...draw.maybe(20, "shadow", () => true),
  };
}

function drawValue(draw: Draw, params: readonly string[]): unknown {
  return draw.one<unknown>([
    "external",
    "{identity.sub}",
    "{identity.claims.tenant}",
    "{header.x-a}",
    "{header.authorization}",
    "{header.x-user}",
    "{header.x-forwarded-host}",
    "a {header.x-b} b",
    "{query.q}",
    "{query.key}",
    "{client.ip}",
    "{request.method} {request.host}",
    "{request.path}",
    "{request.query}",
    "{request.scheme}",
    ...params.map((name) => `{path.${name}}`),
    { cel: "request.method + '!'" },
    { cel: "'x-a' in request.headers ? 'there' : 'not'" },
  ]);
}

function drawEdits(draw: Draw, params: readonly string[]): Json {
  const fields = [...HEADERS, "x-new"];
  const pairs = (): Json => Object.fromEntries(draw.some(fields).map((name) => [name, drawValue(draw, params)]));
  return {
    ...draw.maybe(80, "headers", () => ({
      ...draw.maybe(30, "remove", () => [draw.one([...HEADERS, "cookie", "user-agent"])]),
      ...draw.maybe(25, "rename", () => ({ [draw.one(HEADERS)]: "x-renamed" })),
      ...draw.maybe(60, "set", pairs),
      ...draw.maybe(30, "add", pairs),
      ...draw.maybe(20, "append", pairs),
    })),
    ...draw.maybe(35, "query", () => ({
      ...draw.maybe(25, "allow", () => draw.some(QUERIES)),
      ...draw.maybe(25, "remove", () => [draw.one(QUERIES)]),
      ...draw.maybe(25, "rename", () => ({ [draw.one(QUERIES)]: "renamed" })),
      ...draw.maybe(40, "set", () => ({ [draw.one(QUERIES)]: drawValue(draw, params) })),
      ...draw.maybe(30, "add", () => ({ more: drawValue(draw, params) })),
    })),
    ...draw.maybe(10, "method", () => draw.one(["POST", "PUT", "GET"])),
  };
}

function drawService(draw: Draw): Json {
  return {
    port: 8080,
    ...draw.maybe(85, "access", () => Array.from({ length: draw.below(4) }, () => drawRule(draw))),
    ...draw.maybe(20, "subsets", () => ({ v1: { version: "v1" }, v2: { version: "v2" } })),
  };
}

/** One rule of who may call. */
export function drawRule(draw: Draw): Json {
  return {
    from: draw.one(["gateway", "gateway", "gateway", "*", SERVICES[1]]),
    ...draw.maybe(40, "methods", () => draw.some(METHODS)),
    ...draw.maybe(40, "paths", () => draw.some([...SEGMENTS.map((one) => `/${one}/*`), "/orders", "/x/*", "/*"])),
    ...draw.maybe(25, "scopes", () => [draw.one(SCOPES)]),
    ...draw.maybe(35, "claims", () =>
      draw.one([{ "tctx.tenant": draw.one(TENANTS) }, { sub: "alice" }, { "tctx.route": "r1" }]),
    ),
    ...draw.maybe(10, "mode", () => "shadow"),
    ...draw.maybe(10, "audit", () => true),
  };
}
