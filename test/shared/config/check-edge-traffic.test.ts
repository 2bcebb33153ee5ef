import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (settings: string, { gateway = "", match = "path: '/orders/{id}'" } = {}) =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity: { login: { jwt: { issuer: "https://login.example", audience: a } } }
${gateway}
  routes: [{ name: r, match: { ${match} }, to: orders, ${settings} }]
mesh:
  trustDomain: a.internal
  services:
    orders: { port: 1, access: [{ from: gateway }], traffic: [{ match: { headers: { x-region: eu } }, to: eu }], subsets: { eu: { z: eu } } }
    orders-next: { port: 1, access: [{ from: gateway }], traffic: [{ match: { headers: { x-shard: a } }, to: a }], subsets: { a: { s: a } } }
`,
    "f",
    () => undefined,
  );
const codes = (settings: string, more?: { gateway?: string; match?: string }): string[] =>
  load(settings, more).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(1).join(".")}`);
const planOf = (settings: string, more?: { gateway?: string; match?: string }) => {
  const { document, problems } = load(settings, more);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const routeOf = (settings: string, more?: { gateway?: string; match?: string }) =>
  planOf(settings, more).gateway.routes[0];
const inRoute = (expected: readonly string[]): string[] => expected.map((one) => one.replace("R.", "routes.0."));

describe("traffic", () => {
  test("everything stated, in one form", () => {
    const settings =
      "auth: login, traffic: [{ match: { headers: { X-Canary: on }, cookies: { b: c }, claims: { sub: me } }, to: orders-next }," +
      "{ split: { orders: 90, orders-next: 10, 'https://old.example': 0 }, sticky: { cookie: ab, maxAge: 1d } }]";
    expect(routeOf(settings)?.traffic).toEqual([
      {
        headers: { "x-canary": "on" },
        cookies: { b: "c" },
        claims: { sub: "me" },
        variants: [{ name: "orders-next", to: { service: "orders-next" }, weight: 1 }],
      },
      {
        headers: {},
        variants: [
          { name: "orders", to: { service: "orders" }, weight: 9 },
          { name: "orders-next", to: { service: "orders-next" }, weight: 1 },
        ],
        sticky: { cookie: "ab", maxAgeMs: 86_400_000 },
      },
    ]);
  });

  test("a cache tells apart what any of the targets goes by", () => {
    const route = routeOf("cache: true, traffic: [{ split: { orders: 1, orders-next: 1 } }]");
    expect(route?.cache?.keyFields).toEqual(["x-region", "x-shard"]);
  });

  test.each([
    ["traffic: [{ to: order }]", ["error SLV3001 R.traffic.0.to"]],
    ["traffic: [{ split: { order: 1 } }]", ["error SLV3001 R.traffic.0.split.order"]],
    ["traffic: [{ to: 'https://x.example/path' }]", ["error SLV2001 R.traffic.0.to"]],
    ["traffic: [{ to: orders, split: { orders: 1 } }]", ["error SLV2005 R.traffic.0"]],
    ["traffic: [{}]", ["error SLV2005 R.traffic.0"]],
    ["traffic: [{ split: {} }]", ["error SLV3008 R.traffic.0.split"]],
    ["traffic: [{ split: { orders: 0 } }]", ["error SLV3008 R.traffic.0.split"]],
    ["traffic: [{ to: orders }, { to: orders-next }]", ["warning SLV3012 R.traffic.1"]],
    ["traffic: [{ match: { claims: { sub: a } }, to: orders }]", ["warning SLV3122 R.traffic.0.match.claims"]],
    ["traffic: [{ split: { orders: 1, orders-next: 1 }, sticky: identity }]", ["warning SLV3122 R.traffic.0.sticky"]],
    ["traffic: [{ to: orders-next, sticky: ip }]", ["warning SLV3009 R.traffic.0.sticky"]],
    ["traffic: [{ split: { orders: 1, orders-next: 1 }, sticky: {} }]", ["error SLV2005 R.traffic.0.sticky"]],
    [
      "traffic: [{ split: { orders: 1, orders-next: 1 }, sticky: { header: a, maxAge: 1d } }]",
      ["error SLV3009 R.traffic.0.sticky.maxAge"],
    ],
    ["traffic: [{ split: { orders: 1, orders-next: 1 }, sticky: user }]", ["error SLV2001 R.traffic.0.sticky"]],
    ["mirror: [{ to: nobody }]", ["error SLV3001 R.mirror.0.to"]],
    ["faults: [{ until: '2026-01-31T12:00:00Z' }]", ["error SLV2002 R.faults.0"]],
    ["faults: [{ until: soon, abort: { percent: 1, status: 500 } }]", ["error SLV2001 R.faults.0.until"]],
    ["faults: [{ until: '2026-01-31T12:00:00Z', abort: { percent: 60, status: 500 } }]", ["error SLV3009 R.faults.0"]],
    [
      "faults: [{ until: '2026-01-31T12:00:00Z', reset: { percent: 1 } }]",
      ["error SLV2002 R.faults.0", "error SLV2003 R.faults.0.reset"],
    ],
  ])("%s", (settings, expected) => {
    expect(codes(settings).sort()).toEqual(inRoute(expected).sort());
  });

  test("has no meaning for a composed answer", () => {
    const text = `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes: [{ name: r, match: { path: /r }, aggregate: { a: { get: "https://a.example/" } }, traffic: [{ to: "https://b.example" }] }]
`;
    const { problems } = loadDocument(text, "f", () => undefined);
    expect(problems.map(({ code, path }) => `${code} ${path.join(".")}`)).toEqual(["SLV3009 gateway.routes.0.traffic"]);
  });
});

describe("life cycles", () => {
  const DATES = "deprecated: '2026-06-01T00:00:00Z', sunset: '2027-01-01T00:00:00Z'";

  test("everything stated, in one form", () => {
    const brownouts =
      "[{ from: '2026-12-01T10:00:00Z', until: '2026-12-01T11:00:00Z', percent: 50 }, { from: '2026-11-01T10:00:00Z', until: '2026-11-01T11:00:00Z' }]";
    const more = "afterSunset: serve, successor: '/v2/orders/{id}', docs: 'https://d.example', policy: /policy";
    expect(routeOf(`lifecycle: { ${DATES}, ${more}, brownouts: ${brownouts} }`)?.lifeCycle).toEqual({
      deprecatedAtMs: Date.parse("2026-06-01T00:00:00Z"),
      sunsetAtMs: Date.parse("2027-01-01T00:00:00Z"),
      servesAfterSunset: true,
      successor: "/v2/orders/{id}",
      docs: "https://d.example",
      policy: "/policy",
      brownouts: [
        { fromMs: Date.parse("2026-11-01T10:00:00Z"), untilMs: Date.parse("2026-11-01T11:00:00Z"), percent: 100 },
        { fromMs: Date.parse("2026-12-01T10:00:00Z"), untilMs: Date.parse("2026-12-01T11:00:00Z"), percent: 50 },
      ],
    });
  });

  test.each([
    ["{}", ["error SLV2002 R.lifecycle"]],
    ["{ deprecated: '2027-06-01T00:00:00Z', sunset: '2027-01-01T00:00:00Z' }", ["error SLV3120 R.lifecycle.sunset"]],
    ["{ deprecated: '2026-02-30T00:00:00Z' }", ["error SLV2001 R.lifecycle.deprecated"]],
    ["{ deprecated: tomorrow }", ["error SLV2001 R.lifecycle.deprecated"]],
    ["{ docs: 'https://d.example' }", ["error SLV3009 R.lifecycle.docs"]],
    [`{ ${DATES}, successor: '/v2/{order}' }`, ["error SLV3004 R.lifecycle.successor"]],
    [`{ ${DATES}, successor: '/v2/*' }`, ["error SLV3004 R.lifecycle.successor"]],
    [
      `{ ${DATES}, brownouts: [{ from: '2026-12-01T10:00:00Z', until: '2026-12-01T10:00:00Z' }] }`,
      ["error SLV3120 R.lifecycle.brownouts.0.until"],
    ],
    [
      `{ ${DATES}, brownouts: [{ from: '2027-12-01T10:00:00Z', until: '2027-12-01T11:00:00Z' }] }`,
      ["warning SLV3120 R.lifecycle.brownouts.0.from"],
    ],
    [
      "{ brownouts: [{ from: '2027-12-01T10:00:00Z', until: '2027-12-01T11:00:00Z' }] }",
      ["warning SLV3120 R.lifecycle.brownouts"],
    ],
  ])("%s", (settings, expected) => {
    expect(codes(`lifecycle: ${settings}`)).toEqual(inRoute(expected));
  });
});

test("an expression has no parameters for a successor, and a rest", () => {
  const found = (successor: string) =>
    codes(`lifecycle: { sunset: '2027-01-01T00:00:00Z', successor: ${successor} }`, {
      match: "path: { regex: '/orders/[0-9]+' }",
    });
  expect(found("'/v2/{id}'")).toEqual(inRoute(["error SLV3004 R.lifecycle.successor"]));
  expect(found("'/v2/*'")).toEqual([]);
});

describe("versions", () => {
  const versioning = "  versioning: { header: Api-Version, default: '1' }";
  const match = "path: '/orders/{id}', version: '1'";

  test("are asked for by what the gateway says", () => {
    const { gateway } = planOf("maxBody: 1KiB", { gateway: versioning, match });
    expect(gateway.versioning).toEqual({ source: { header: "api-version" }, byDefault: "1" });
    expect(gateway.routes[0]?.match.headers).toEqual({ ":version": "1" });
  });

  test.each([
    ["", match, ["error SLV3121 routes.0.match.version"]],
    [versioning, "path: /a", ["warning SLV3121 versioning"]],
    ["  versioning: { header: a, query: b }", match, ["error SLV2005 versioning"]],
    ["  versioning: { header: a, default: '2' }", match, ["error SLV3121 versioning.default"]],
    ["  versioning: { mediaType: 'application/*' }", match, ["error SLV2001 versioning.mediaType"]],
  ])("%s with %s", (gateway, asked, expected) => {
    expect(codes("maxBody: 1KiB", { gateway, match: asked })).toEqual(expected);
  });
});

describe("explain", () => {
  const steps = (settings: string, nowMs: number, headers: [string, string][] = [], more = {}) => {
    const request = {
      method: "GET",
      host: "localhost",
      path: "/orders/7",
      query: "",
      headers,
      credential: { kind: "none" } as const,
    };
    const { result, steps: all, otherRoutes } = explain(planOf(settings, more), request, nowMs);
    return { result: result.text, otherRoutes, texts: all.map(({ stage, text }) => `${stage}: ${text}`) };
  };

  test("says where a request goes, and what is drawn", () => {
    const split =
      "traffic: [{ match: { headers: { x-canary: on } }, to: orders-next }, { split: { orders: 90, orders-next: 10 } }]";
    const canary = steps(split, 0, [["x-canary", "on"]]).texts;
    expect(canary).toContain("traffic: orders-next (rule 1: x-canary: on)");
    expect(canary).toContain("target: GET /orders/7 to service orders-next");
    const drawn = steps(split, 0);
    expect(drawn.result).toBe("90 % (orders) would be forwarded; 10 % (orders-next) would be forwarded");
    expect(drawn.texts).toContain(
      "traffic: 90 % to orders, 10 % to orders-next (rule 2: every request), drawn for each request",
    );
    expect(drawn.texts).toEqual(
      expect.arrayContaining(["orders", "orders-next"].map((to) => `target: GET /orders/7 to service ${to}`)),
    );
  });

  test("says what is told, refused and counted", () => {
    const ends = "lifecycle: { deprecated: '2026-06-01T00:00:00Z', sunset: '2027-01-01T00:00:00Z' }";
    expect(steps(ends, Date.parse("2026-07-01T00:00:00Z")).texts).toContain(
      "life cycle: answers say deprecation: @1780272000, sunset: Fri, 01 Jan 2027 00:00:00 GMT; the caller is counted",
    );
    expect(steps(ends, Date.parse("2027-01-01T00:00:00Z")).result).toBe("410 Gone: the route has ended");
  });

  test("says which version was asked for", () => {
    const more = { gateway: "  versioning: { header: api-version }", match: "path: '/orders/{id}', version: '2'" };
    expect(steps("maxBody: 1KiB", 0, [["api-version", "1"]], more).otherRoutes[0]?.why).toBe(
      "version 1 is asked for, this is 2",
    );
    expect(steps("maxBody: 1KiB", 0, [["api-version", "2"]], more).otherRoutes).toEqual([]);
  });
});
