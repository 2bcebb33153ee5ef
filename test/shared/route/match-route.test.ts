import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { compareRoutes, hostRank, hostWithoutPort, type Matchable } from "../../../shared/route/compare-routes.ts";
import { compileRegexes } from "../../../shared/route/compile-regexes.ts";
import { explainRoutes } from "../../../shared/route/explain-routes.ts";
import { compileRoutes, matchRoute, type RouteRequest } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import { parsePath, parsePathRegex } from "../../../shared/route/parse-path.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";
import type { RouteMatch, ValueTest } from "../../../shared/route/route-match.ts";

type Conditions = Partial<Omit<RouteMatch, "path">>;

/** @param path a pattern, or an expression after `~` */
function route(
  name: string,
  path: string,
  { methods = [], hosts = [], headers = {}, ...rest }: Conditions = {},
): Matchable {
  const { pattern, fault } = path.startsWith("~") ? parsePathRegex(path.slice(1)) : parsePath(path);
  if (pattern === undefined) throw new Error(fault);
  return { name, match: { hosts, path: pattern, methods, headers, ...rest } };
}

function request(
  path: string,
  given: { host?: string; method?: string; headers?: Record<string, string>; query?: string; clientIp?: string } = {},
): RouteRequest {
  const { host = "api.example", method = "GET", headers = {}, ...rest } = given;
  return { host, method, path, header: (name) => headers[name], ...rest };
}

const tableOf = (routes: readonly Matchable[], hosts: string[] = []) =>
  compileRoutes(routes, hosts, compileRegexes(routes).regexes);
const find = (routes: readonly Matchable[], asked: RouteRequest, hosts: string[] = []) =>
  matchRoute(tableOf(routes, hosts), asked);
const explainAll = (routes: readonly Matchable[], asked: RouteRequest, hosts: string[] = []) =>
  explainRoutes(routes, hosts, asked, compileRegexes(routes).regexes);
const nameOf = (routes: readonly Matchable[], asked: RouteRequest) => find(routes, asked).route?.name;

describe("paths", () => {
  const routes = [
    route("tail", "/a/*"),
    route("param", "/a/{id}"),
    route("literal", "/a/b"),
    route("deep", "/a/{id}/c"),
    route("all", "/*"),
    route("slash", "/s/"),
    route("root", "/"),
  ];
  test.each([
    ["/a/b", "literal"],
    ["/a/x", "param"],
    ["/a/b/c", "deep"],
    ["/a/b/d", "tail"],
    ["/a/", "tail"],
    ["/a", "tail"],
    ["/", "root"],
    ["/s/", "slash"],
    ["/s", "all"],
    ["/ab", "all"],
  ])("%s goes to %s", (path, name) => expect(nameOf(routes, request(path))).toBe(name));

  test("parameters are decoded, the tail is not", () => {
    const { params } = find([route("r", "/u/{name}/*")], request("/u/a%20b%C3%A9/x%20y/z")) as { params: object };
    expect(params).toEqual({ name: "a bé", "*": "x%20y/z" });
  });
  test("a dead end goes back to the next best", () => {
    const routes = [route("deep", "/a/b/c/d"), route("param", "/a/{x}/c/e"), route("tail", "/a/*")];
    expect(nameOf(routes, request("/a/b/c/e"))).toBe("param");
    expect(nameOf(routes, request("/a/b/c/f"))).toBe("tail");
  });
});

describe("conditions", () => {
  test("the nearer host first, then more headers, then the order", () => {
    const routes = [
      route("plain", "/x"),
      route("wild", "/x", { hosts: ["*.example"] }),
      route("exact", "/x", { hosts: ["api.example"] }),
      route("header", "/x", { headers: { a: "1" } }),
      route("last", "/x"),
    ];
    expect(nameOf(routes, request("/x"))).toBe("exact");
    expect(nameOf(routes, request("/x", { host: "b.example" }))).toBe("wild");
    expect(nameOf(routes, request("/x", { host: "other" }))).toBe("plain");
    expect(nameOf(routes, request("/x", { headers: { a: "1" } }))).toBe("exact");
    expect(nameOf(routes, request("/x", { host: "other", headers: { a: "1" } }))).toBe("header");
    expect(nameOf(routes, request("/x", { host: "other", headers: { a: "2" } }))).toBe("plain");
  });
  test("a route of the host beats a more specific path of every host; what it does not take falls through", () => {
    const routes = [route("all", "/x/y"), route("own", "/x/*", { hosts: ["api.example"], methods: ["GET"] })];
    expect(nameOf(routes, request("/x/y"))).toBe("own");
    expect(nameOf(routes, request("/x/y", { method: "PUT" }))).toBe("all");
  });
  test("named methods before every method, then headers, query, cookies, addresses", () => {
    const routes = [
      route("any", "/x"),
      route("ip", "/x", { ip: ["10.0.0.0/8"] }),
      route("cookie", "/x", { cookies: { a: "1" } }),
      route("query", "/x", { query: { a: "1" } }),
      route("header", "/x", { headers: { a: "1" } }),
      route("method", "/x", { methods: ["PUT"] }),
    ];
    const clientIp = "10.0.0.1";
    const all = { headers: { a: "1", cookie: "a=1" }, query: "?a=1", clientIp };
    expect(nameOf(routes, request("/x", { ...all, method: "PUT" }))).toBe("method");
    expect(nameOf(routes, request("/x", all))).toBe("header");
    expect(nameOf(routes, request("/x", { ...all, headers: { cookie: "a=1" } }))).toBe("query");
    expect(nameOf(routes, request("/x", { headers: { cookie: "b=2; a=1" }, clientIp }))).toBe("cookie");
    expect(nameOf(routes, request("/x", { clientIp }))).toBe("ip");
    expect(nameOf(routes, request("/x", { clientIp: "11.0.0.1" }))).toBe("any");
    expect(nameOf(routes, request("/x"))).toBe("any");
  });
  test("a value that comes several times must fit each time", () => {
    const routes = [
      route("one", "/x", { query: { a: "1" } }),
      route("none", "/x", { query: { a: { present: false } } }),
      route("rest", "/x"),
    ];
    expect(nameOf(routes, request("/x", { query: "?a=1&b=2&a=1" }))).toBe("one");
    expect(nameOf(routes, request("/x", { query: "?a=1&a=2" }))).toBe("rest");
    expect(nameOf(routes, request("/x", { query: "?b=1" }))).toBe("none");
    expect(nameOf(routes, request("/x", { query: "?%61=%31" }))).toBe("one");
    expect(
      nameOf([route("c", "/x", { cookies: { a: "1" } })], request("/x", { headers: { cookie: "a=1; a=2" } })),
    ).toBe(undefined);
  });
  test("the nearest wildcard first, for any number of labels", () => {
    const routes = [
      route("far", "/x", { hosts: ["*.example"] }),
      route("near", "/x", { hosts: ["*.b.example"] }),
      route("every", "/x/*"),
    ];
    expect(nameOf(routes, request("/x", { host: "a.b.example" }))).toBe("near");
    expect(nameOf(routes, request("/x", { host: "z.a.b.example" }))).toBe("near");
    expect(nameOf(routes, request("/x", { host: "b.example" }))).toBe("far");
    expect(nameOf(routes, request("/x", { host: "example" }))).toBe("every");
  });
  test("methods are told for what only the method misses", () => {
    const routes = [
      route("get", "/x", { methods: ["GET", "HEAD"] }),
      route("put", "/x", { methods: ["PUT"], headers: { a: "1" } }),
    ];
    expect(find(routes, request("/x", { method: "POST" }))).toEqual({
      missing: "method_not_allowed",
      allow: ["GET", "HEAD"],
    });
    expect(find(routes, request("/x", { method: "POST", headers: { a: "1" } }))).toEqual({
      missing: "method_not_allowed",
      allow: ["GET", "HEAD", "PUT"],
    });
    expect(find(routes, request("/y", { method: "POST" }))).toEqual({ missing: "no_route" });
  });
  test("a less specific route takes the methods that a more specific one does not", () => {
    expect(
      nameOf([route("one", "/x/{id}", { methods: ["GET"] }), route("all", "/x/*")], request("/x/1", { method: "PUT" })),
    ).toBe("all");
  });
  test("hosts that are not served", () => {
    const routes = [route("r", "/*")];
    for (const host of [
      "api.example",
      "API.EXAMPLE",
      "api.example:8443",
      "api.example.",
      "x.wild.example",
      "a.b.wild.example",
      "[::1]:80",
    ])
      expect(find(routes, request("/", { host }), ["api.example", "*.wild.example", "::1"]).route?.name).toBe("r");
    for (const host of [
      "",
      "other",
      "wild.example",
      "api.example:80:80",
      "api.example@x",
      ".wild.example",
      "a..wild.example",
      `${"a.".repeat(130)}wild.example`,
      "constructor",
    ])
      expect(find(routes, request("/", { host }), ["api.example", "*.wild.example"])).toEqual({
        missing: "unknown_host",
      });
  });
  test("a port and brackets are no part of a host", () => {
    expect(["A.b:1", "[::1]:8080", "::1", "a."].map(hostWithoutPort)).toEqual(["a.b", "::1", "::1", "a"]);
    expect(hostRank(["*.a"], "x.a")).toBe(1);
  });
});

const segment = fc.constantFrom("a", "b", "{x}", "{y}", "{z:[ab]}", "{w:[a-z]+}");
const patternText = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([segments, tail]) => `/${[...segments, ...(tail ? ["*"] : [])].join("/")}`)
  .filter((path) => parsePath(path).pattern !== undefined);
const pathText = fc.oneof(
  { weight: 8, arbitrary: patternText },
  { weight: 1, arbitrary: fc.constantFrom("~/a(/.*)?", "~/a/[bc]", "~/(a|b)/.*", "~^/b/c$", "~/.*") },
);
const valueTest = fc.constantFrom<ValueTest>(
  "1",
  "2",
  { anyOf: ["1", "3"] },
  { prefix: "1" },
  { regex: "[0-9]+" },
  { present: true },
  { present: false },
  { not: "1" },
  { not: { regex: "1.*" } },
);
const tests = fc.dictionary(fc.constantFrom("h", "g"), valueTest, { maxKeys: 2, noNullPrototype: true });
const conditions = fc.record(
  {
    methods: fc.subarray(["GET", "PUT"]),
    hosts: fc.subarray(["api.example", "*.example", "*.deep.example"]),
    headers: fc.oneof(fc.constant({}), tests),
    query: tests,
    cookies: tests,
    ip: fc.constantFrom(["10.0.0.0/8"], ["10.1.0.0/16", "::1"]),
  },
  { requiredKeys: ["methods", "hosts", "headers"] },
);
const value = fc.constantFrom("1", "12", "2", "3", "");
const routeList = fc
  .array(fc.tuple(pathText, conditions), { maxLength: 30 })
  .map((all) => all.map(([path, given], at) => route(`r${at}`, path, given)));
const anyRequest = fc
  .record({
    path: fc
      .array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 4 })
      .map((segments) => `/${segments.join("/")}`),
    host: fc.constantFrom("api.example", "b.example", "c.deep.example", "other"),
    method: fc.constantFrom("GET", "PUT", "POST"),
    headers: fc.dictionary(fc.constantFrom("h", "g"), value, { noNullPrototype: true }),
    query: fc.array(fc.tuple(fc.constantFrom("h", "g"), value), { maxLength: 3 }),
    cookies: fc.array(fc.tuple(fc.constantFrom("h", "g"), value), { maxLength: 3 }),
    clientIp: fc.constantFrom("10.1.2.3", "10.2.0.1", "192.0.2.1", "::1"),
  })
  .map(({ path, headers, query, cookies, ...given }) => {
    const members = (pairs: [string, string][], between: string) => pairs.map((pair) => pair.join("=")).join(between);
    const fields = cookies.length === 0 ? headers : { ...headers, cookie: members(cookies, "; ") };
    return request(path, { ...given, query: `?${members(query, "&")}`, headers: fields });
  });

test("the trie agrees with asking every route on its own", () => {
  fc.assert(
    fc.property(routeList, anyRequest, (routes, asked) => {
      const explained = explainAll(routes, asked);
      const matched = explained.filter(({ verdict }) => verdict.kind === "matched").map(({ route }) => route.name);
      const found = find(routes, asked);
      expect(matched).toEqual(found.route === undefined ? [] : [found.route.name]);
      const onlyMethod = explained
        .filter(({ verdict }) => verdict.kind === "method")
        .flatMap(({ route }) => route.match.methods);
      if (found.route === undefined)
        expect(found.missing).toBe(onlyMethod.length > 0 ? "method_not_allowed" : "no_route");
      if (found.route === undefined && found.allow !== undefined)
        expect(found.allow).toEqual([...new Set(onlyMethod)].sort());
    }),
    { numRuns: 3_000 },
  );
});

test("precedence is a total order", () => {
  const compare = (a: Matchable, b: Matchable): number => compareRoutes(a, b, "api.example");
  fc.assert(
    fc.property(fc.array(fc.tuple(pathText, conditions), { minLength: 3, maxLength: 3 }), (three) => {
      const [a, b, c] = three.map(([path, given]) => route("r", path, given)) as [Matchable, Matchable, Matchable];
      expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
      if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2_000 },
  );
});

describe("the cost follows the request, not the number of routes", () => {
  const many: [string, (at: number) => Matchable, RouteRequest][] = [
    [
      "paths",
      (at) => route(`r${at}`, `/s${at}/{id}`, { headers: { h: "1" } }),
      request("/s7/x", { headers: { h: "1" } }),
    ],
    ["paths below a parameter", (at) => route(`r${at}`, `/{t}/s${at}/*`), request("/t/s7/x/y")],
    ["paths with an expression", (at) => route(`r${at}`, `/s${at}/{id:[0-9]+}`), request("/s7/42")],
    ["hosts", (at) => route(`r${at}`, "/*", { hosts: [`h${at}.example`] }), request("/x", { host: "h7.example" })],
    ["wildcards", (at) => route(`r${at}`, "/*", { hosts: [`*.h${at}.io`] }), request("/", { host: "a.b.h7.io" })],
    [
      "tenants by header",
      (at) => route(`r${at}`, "/*", { headers: { t: `t${at}` } }),
      request("/", { headers: { t: "t7" } }),
    ],
    ["tenants by query", (at) => route(`r${at}`, "/*", { query: { t: `t${at}` } }), request("/", { query: "?t=t7" })],
    [
      "tenants by cookie",
      (at) => route(`r${at}`, "/*", { cookies: { t: { anyOf: [`t${at}`, `u${at}`] } } }),
      request("/", { headers: { cookie: "t=t7" } }),
    ],
  ];
  test.each(many)("%s", (_, make, asked) => {
    const steps = (count: number): number => {
      const table = tableOf(Array.from({ length: count }, (__, at) => make(at)));
      matchRoute(table, asked);
      const looks = vi.spyOn(Map.prototype, "get");
      const header = vi.fn(asked.header);
      expect(matchRoute(table, { ...asked, header }).route?.name).toBe("r7");
      const counted = looks.mock.calls.length + header.mock.calls.length;
      looks.mockRestore();
      return counted;
    };
    expect(steps(10_000)).toBe(steps(10));
  });
});

describe("verdicts", () => {
  const routes = [
    route("winner", "/a/b"),
    route("later", "/a/b"),
    route("less", "/a/{x}"),
    route("host", "/a/b", { hosts: ["other"] }),
    route("path", "/z"),
    route("method", "/a/b", { methods: ["PUT"] }),
    route("header", "/a/b", { headers: { h: "1" } }),
  ];
  test("each route says why it lost", () => {
    const verdicts = explainAll(routes, request("/a/b", { headers: { h: "2" } })).map(({ verdict }) => verdict);
    expect(verdicts).toEqual([
      { kind: "matched" },
      { kind: "later", than: "winner" },
      { kind: "less_specific", than: "winner" },
      { kind: "host", hosts: ["other"] },
      { kind: "path", pattern: "/z" },
      { kind: "method", methods: ["PUT"] },
      { kind: "condition", condition: { on: "header", name: "h", test: "1" }, found: "2" },
    ]);
  });
  test("a host that is not served is the reason of every route", () => {
    const verdicts = explainAll(routes, request("/a/b", { host: "x" }), ["api.example"]).map(
      ({ verdict }) => verdict.kind,
    );
    expect(new Set(verdicts)).toEqual(new Set(["host"]));
  });
});

describe("expressions", () => {
  const routes = [
    route("literal", "/o/new"),
    route("number", "/o/{id:[0-9]+}"),
    route("year", "/o/{year:[0-9]{4}}"),
    route("any", "/o/{id}"),
    route("items", "~/o/[a-z]+/items(/.*)?"),
    route("tail", "/o/*"),
  ];
  test.each([
    ["/o/new", "literal"],
    ["/o/2026", "year"],
    ["/o/42", "number"],
    ["/o/%34%32", "number"],
    ["/o/x", "any"],
    ["/o/x/items", "items"],
    ["/o/x/items/1", "items"],
    ["/o/X/items", "tail"],
    ["/o/42/items", "tail"],
  ])("%s goes to %s", (path, name) => expect(nameOf(routes, request(normalisePath(path).path ?? ""))).toBe(name));
  test("the decoded value is what must match, the normalised path as a whole", () => {
    expect(nameOf([route("r", "/{name:[\\pL ]+}")], request("/caf%C3%A9%20x"))).toBe("r");
    expect(nameOf([route("r", "~/caf%C3%A9")], request("/caf%C3%A9"))).toBe("r");
  });
  test("a route whose expression is not there never matches", () => {
    const broken = route("broken", "/{id:[0-9]+}");
    expect(matchRoute(compileRoutes([broken, route("rest", "/*")]), request("/1")).route?.name).toBe("rest");
  });
});

test.each([
  ["/v1/{id}", { id: "a/b c" }, "/v1/a%2Fb%20c"],
  ["/v1/*", { "*": "x%20y/z" }, "/v1/x%20y/z"],
  ["/v1/*", { "*": "" }, "/v1"],
  ["/*", { "*": "" }, "/"],
  ["/*", { "*": "a" }, "/a"],
  ["/fixed", { "*": "a" }, "/fixed"],
])("%s rewritten with %j is %s", (rewrite, params, path) =>
  expect(rewritePath(rewrite, params as Record<string, string>)).toBe(path),
);
