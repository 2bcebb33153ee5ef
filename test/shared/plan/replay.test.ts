import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { preparePlan } from "../../../shared/plan/explain.ts";
import type { Credential, ExplainRequest } from "../../../shared/plan/explain-step.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import { type Replay, replay } from "../../../shared/plan/replay.ts";
import type { RequestRecord } from "../../../shared/policy/request-record.ts";
import { recordOf } from "../../support/request-records.ts";

const NOW = Date.UTC(2026, 10, 20);
type Json = Record<string, unknown>;

const routes = {
  orders: { name: "orders", match: { path: "/orders/{id}" }, auth: "login", to: "orders" },
  items: {
    ...{ name: "items", match: { path: "/items/*" }, to: "items", rateLimit: { limit: "100/minute", by: "ip" } },
    ...{ cache: { ttl: "30s" } },
  },
  rest: { name: "rest", match: { path: "/*" }, to: "http://origin.example" },
};

function documentOf(given: Json[], more: { gateway?: Json; orders?: Json } = {}): Json {
  return {
    ...{ selvage: 1, name: "shop" },
    gateway: {
      hosts: ["api.shop.example"],
      identity: {
        login: { jwt: { issuer: "https://login.example/", audience: "shop" } },
        partners: { apiKey: { header: "x-api-key" } },
      },
      ...more.gateway,
      routes: given,
    },
    mesh: {
      trustDomain: "shop.internal",
      services: {
        orders: { port: 1, access: [{ from: "gateway" }], subsets: { v1: { v: "1" }, v2: { v: "2" } }, ...more.orders },
        items: { port: 1 },
      },
    },
  };
}

function planOf(source: Json): Plan {
  const { document, problems } = checkDocument(source);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document, {});
}

const alice: Credential = {
  kind: "token",
  header: { alg: "ES256" },
  claims: { iss: "https://login.example/", aud: "shop", sub: "alice", exp: NOW / 1000 + 60, scope: "read" },
};
const nobody: Credential = { kind: "none" };
const ask = (
  method: string,
  path: string,
  credential: Credential = nobody,
  headers: Record<string, string> = {},
  query = "",
): ExplainRequest => ({
  ...{ method, host: "api.shop.example", path, query, clientIp: "192.0.2.7", credential },
  headers: [
    ...Object.entries(headers),
    ...(credential.kind === "token" ? [["authorization", "Bearer x"] as const] : []),
  ],
});

const usual = documentOf(Object.values(routes));
const usualPlan = preparePlan(planOf(usual), undefined);
const records = (requests: readonly ExplainRequest[]): RequestRecord[] =>
  requests.map((request, at) => recordOf(usualPlan, request, NOW, at + 1));
const replayed = (given: readonly RequestRecord[], after: Json, before = usual): Replay =>
  replay(preparePlan(planOf(before), undefined, false), preparePlan(planOf(after), undefined, false), given);
const changed = (found: Replay) => found.groups.flatMap(({ requests }) => requests);
const told = (found: Replay): string[] =>
  (changed(found)[0]?.changes ?? []).map(({ kind, about, name, before, after }) =>
    [[kind, about, name].filter((one) => one !== "").join(" "), JSON.stringify(before), JSON.stringify(after)].join(
      " | ",
    ),
  );

test("a change that alters 3 of 200 recorded requests is reported as exactly these 3", () => {
  const requests = Array.from({ length: 200 }, (_, at) => {
    if (at % 3 === 0) return ask("GET", `/orders/${at}`, alice);
    return at % 3 === 1 ? ask("GET", `/items/${at}`) : ask("POST", `/more/${at}`);
  });
  const kept = records(requests);
  const after = documentOf([
    ...Object.values(routes),
    { name: "one-order", match: { path: "/orders/150" }, auth: "login", to: "orders" },
    { ...routes.items, name: "limited", match: { path: "/items/100" }, rateLimit: { limit: "5/minute", by: "ip" } },
    {
      ...routes.items,
      name: "items-of-cookies",
      match: { path: "/items/31" },
      cache: { ttl: "30s", key: { headers: ["accept-language"] } },
    },
  ]);
  const found = replayed(kept, after);
  expect(found).toMatchObject({ requests: 200, changed: 3, unexplained: 0 });
  expect(
    changed(found)
      .map(({ path }) => path)
      .sort(),
  ).toEqual(["/items/100", "/items/31", "/orders/150"]);
  expect(found.groups.map(({ kinds, requests: [first] }) => `${first?.path}: ${kinds.join(" ")}`).sort()).toEqual([
    "/items/100: route limit",
    "/items/31: route cache",
    "/orders/150: route",
  ]);
});

describe("what a change is told as", () => {
  const orders = ask("GET", "/orders/1", alice);
  const items = ask("GET", "/items/1");
  const withRoute = (name: keyof typeof routes, change: Json): Json =>
    documentOf(Object.values({ ...routes, [name]: { ...routes[name], ...change } }));
  test.each<[string, ExplainRequest, Json, string[]]>([
    [
      "auth that is gone",
      orders,
      documentOf([{ ...routes.orders, auth: undefined }]),
      ['auth by | ["login"] | []', 'transform request field authorization | null | "\\"hidden\\""'],
    ],
    [
      "a scope that is missing",
      orders,
      withRoute("orders", { auth: { any: ["login"], scopes: ["write"] } }),
      ['auth verdict | "pass" | "scope_missing"', 'outcome ends | "forwarded" | "refused with 403 scope_missing"'],
    ],
    ["a scope that is there", orders, withRoute("orders", { auth: { any: ["login"], scopes: ["read"] } }), []],
    [
      "another provider",
      orders,
      withRoute("orders", { auth: "partners" }),
      [
        'auth verdict | "pass" | "credentials_missing"',
        'outcome ends | "forwarded" | "refused with 401 credentials_missing"',
      ],
    ],
    [
      "credentials that were never there",
      items,
      withRoute("items", { auth: "login" }),
      [
        'auth verdict | "pass" | "credentials_missing"',
        'outcome ends | "forwarded" | "refused with 401 credentials_missing"',
      ],
    ],
    [
      "the number of a limit",
      items,
      withRoute("items", { rateLimit: { limit: "50/minute", by: "ip" } }),
      ["limit ip limit | 100 | 50"],
    ],
    [
      "whom a limit counts by",
      items,
      withRoute("items", { rateLimit: { name: "ip", limit: "100/minute", by: "all" } }),
      ['limit ip by | ["ip"] | ["all"]', 'limit ip key | ["192.0.2.7"] | [""]'],
    ],
    ["a rewrite", items, withRoute("items", { rewrite: "/v2/*" }), ['transform request path | "/items/1" | "/v2/1"']],
    [
      "a header",
      items,
      withRoute("items", { transform: { request: { headers: { set: { "x-env": "b" } } } } }),
      ['transform request field x-env | null | "b"'],
    ],
    [
      "a header of the answer",
      items,
      withRoute("items", { transform: { response: { headers: { set: { "x-env": "b" } } } } }),
      ['transform response headers | null | {"says":"set x-env: b"}'],
    ],
    [
      "the key of the cache",
      items,
      withRoute("items", { cache: { ttl: "30s", key: { headers: ["accept-language"] } } }),
      ['cache key | "api.shop.example/items/1" | "api.shop.example/items/1, no accept-language"'],
    ],
    ["how long the cache keeps", items, withRoute("items", { cache: { ttl: "1m" } }), ["cache ttlMs | 30000 | 60000"]],
    [
      "who may call the service",
      orders,
      documentOf(Object.values(routes), { orders: { access: [{ from: "gateway", methods: ["POST"] }] } }),
      [
        'access orders verdict | "pass" | "access_denied"',
        'outcome ends | "forwarded" | "refused with 403 access_denied"',
      ],
    ],
    [
      "which subset gets it",
      orders,
      documentOf(Object.values(routes), { orders: { traffic: [{ split: { v1: 90, v2: 10 } }] } }),
      ['access orders subsets | {} | {"v1":90,"v2":10}'],
    ],
    [
      "a share for another target",
      items,
      withRoute("items", { traffic: [{ split: { items: 75, orders: 25 } }] }),
      [
        'transform request to | "service items" | "25 % service orders, 75 % service items"',
        'access orders | null | {"subsets":{}}',
      ],
    ],
    [
      "a method that is taken out",
      items,
      withRoute("items", { cache: undefined, match: { path: "/items/*", methods: ["POST"] } }),
      [
        'route name | "items" | "rest"',
        'limit ip | {"limit":100,"windowMs":60000,"mode":"leased","by":["ip"],"key":["192.0.2.7"]} | null',
        'transform request to | "service items" | "http://origin.example"',
        'cache | {"key":"api.shop.example/items/1","partition":"","ttlMs":30000} | null',
        'access items | {"subsets":{}} | null',
      ],
    ],
    [
      "a fault",
      items,
      withRoute("items", { faults: [{ until: "2100-01-01T00:00:00Z", abort: { percent: 10, status: 503 } }] }),
      [
        'outcome ends | "forwarded" | "10 % answered here with 503, 90 % forwarded"',
        'outcome faults | null | {"says":"until 2100-01-01T00:00:00.000Z: 10 % are answered with 503"}',
      ],
    ],
  ])("%s", (_, request, after, expected) => {
    expect(told(replayed(records([request]), after))).toEqual(expected);
  });
});

describe("what is in shadow", () => {
  const orders = ask("GET", "/orders/1", alice);
  const post = ask("POST", "/orders/1", alice);
  const broken = ask("GET", "/orders/1", { kind: "malformed", reason: "no JWT" }, { authorization: "Bearer x" });
  const withOrders = (change: Json): Json =>
    documentOf(Object.values({ ...routes, orders: { ...routes.orders, ...change } }));
  const auth = (more: Json): Json => withOrders({ auth: { any: ["login"], ...more } });
  const keyed = (mode: string): Json => withOrders({ idempotency: { required: true, mode } });
  const limited = (shadow: boolean): Json =>
    withOrders({ rateLimit: { name: "own", limit: "9/minute", by: { header: "x-a" }, missing: "refuse", shadow } });
  const access = (more: Json): Json =>
    documentOf(Object.values(routes), { orders: { access: [{ from: "gateway", scopes: ["write"], ...more }] } });
  const shadow = { mode: "shadow" };
  const ends = (status: number, code: string): string =>
    `outcome ends | "refused with ${status} ${code}" | "forwarded"`;

  test.each<[string, ExplainRequest, Json, Json, string, string]>([
    [
      "auth",
      orders,
      auth({ scopes: ["write"] }),
      auth({ scopes: ["write"], ...shadow }),
      "auth verdict",
      "403 scope_missing",
    ],
    ["nobody's request", ask("GET", "/orders/1"), auth({}), auth(shadow), "auth verdict", "401 credentials_missing"],
    ["broken credentials", broken, auth({}), auth(shadow), "auth verdict", "401 credentials_invalid"],
    [
      "an idempotency key",
      post,
      keyed("enforce"),
      keyed("shadow"),
      "outcome idempotency verdict",
      "400 idempotency_key_missing",
    ],
    ["a limit", orders, limited(false), limited(true), "limit own verdict", "400 bad_request"],
    ["access", orders, access({}), access(shadow), "access orders verdict", "403 access_denied"],
  ])("%s: refuses by its mode, both ways", (_, request, enforced, watched, what, ended) => {
    const [status, code] = ended.split(" ");
    const past = (by: Json) => [recordOf(preparePlan(planOf(by), undefined), request, NOW, 1)];
    const opened = replayed(past(enforced), watched, enforced);
    expect(opened.unexplained).toBe(0);
    expect(told(opened)).toEqual(
      expect.arrayContaining([`${what} | "${code}" | "would-deny ${code}"`, ends(Number(status), `${code}`)]),
    );
    expect(opened.groups[0]?.kinds).toContain("outcome");
    const closed = replayed(past(watched), enforced, watched);
    expect(closed.unexplained).toBe(0);
    expect(told(closed)).toEqual(
      expect.arrayContaining([
        `${what} | "would-deny ${code}" | "${code}"`,
        `outcome ends | "forwarded" | "refused with ${ended}"`,
      ]),
    );
    // Against itself it changes nothing.
    expect(replayed(past(watched), watched, watched).changed).toBe(0);
  });

  test("a policy that is new in shadow is told, and ends nothing", () => {
    expect(told(replayed(records([orders]), auth({ scopes: ["write"], ...shadow })))).toEqual([
      'auth verdict | "pass" | "would-deny scope_missing"',
    ]);
    expect(told(replayed(records([post]), keyed("shadow")))).toEqual([
      'outcome idempotency | null | "would-deny idempotency_key_missing"',
    ]);
  });
});
