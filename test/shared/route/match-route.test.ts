import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareRoutes, hostRank, hostWithoutPort, type Matchable } from "../../../shared/route/compare-routes.ts";
import { explainRoutes } from "../../../shared/route/explain-routes.ts";
import { compileRoutes, matchRoute, type RouteRequest } from "../../../shared/route/match-route.ts";
import { parsePath, shapeOf } from "../../../shared/route/parse-path.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";

interface Conditions {
  readonly methods?: string[];
  readonly hosts?: string[];
  readonly headers?: Record<string, string>;
}

function route(name: string, path: string, { methods = [], hosts = [], headers = {} }: Conditions = {}): Matchable {
  const { pattern, fault } = parsePath(path);
  if (pattern === undefined) throw new Error(fault);
  return { name, match: { hosts, path: pattern, methods, headers } };
}

function request(
  path: string,
  given: { host?: string; method?: string; headers?: Record<string, string> } = {},
): RouteRequest {
  const { host = "api.example", method = "GET", headers = {} } = given;
  return { host, method, path, header: (name) => headers[name] };
}

const find = (routes: readonly Matchable[], asked: RouteRequest, hosts: string[] = []) =>
  matchRoute(compileRoutes(routes, hosts), asked);
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
    for (const host of ["api.example", "API.EXAMPLE", "api.example:8443", "api.example.", "x.wild.example", "[::1]:80"])
      expect(find(routes, request("/", { host }), ["api.example", "*.wild.example", "::1"]).route?.name).toBe("r");
    for (const host of [
      "",
      "other",
      "wild.example",
      "a.b.wild.example",
      "api.example:80:80",
      "api.example@x",
      ".wild.example",
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

const segment = fc.constantFrom("a", "b", "{x}", "{y}");
const pathText = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([segments, tail]) => `/${[...segments, ...(tail ? ["*"] : [])].join("/")}`)
  .filter((path) => parsePath(path).pattern !== undefined);
const conditions = fc.record({
  methods: fc.subarray(["GET", "PUT"]),
  hosts: fc.subarray(["api.example", "*.example"]),
  headers: fc.constantFrom<Record<string, string>>({}, { h: "1" }, { h: "1", g: "2" }),
});
const routeList = fc
  .array(fc.tuple(pathText, conditions), { maxLength: 12 })
  .map((all) => all.map(([path, given], at) => route(`r${at}`, path, given)));
const anyRequest = fc
  .record({
    path: fc
      .array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 4 })
      .map((segments) => `/${segments.join("/")}`),
    host: fc.constantFrom("api.example", "b.example", "other"),
    method: fc.constantFrom("GET", "PUT", "POST"),
    headers: fc.constantFrom<Record<string, string>>({}, { h: "1" }, { h: "1", g: "2" }),
  })
  .map(({ path, ...given }) => request(path, given));

test("the trie agrees with asking every route on its own", () => {
  fc.assert(
    fc.property(routeList, anyRequest, (routes, asked) => {
      const explained = explainRoutes(routes, [], asked);
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

test("the cost follows the path, not the number of routes", () => {
  const visits = (count: number): number => {
    let asked = 0;
    const routes = Array.from({ length: count }, (_, at) => route(`r${at}`, `/s${at}/{id}`, { headers: { h: "1" } }));
    const header = (): string => {
      asked++;
      return "1";
    };
    expect(find(routes, { ...request("/s7/x"), header }).route?.name).toBe("r7");
    return asked;
  };
  expect(visits(10_000)).toBe(visits(10));
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
    const verdicts = explainRoutes(routes, [], request("/a/b", { headers: { h: "2" } })).map(({ verdict }) => verdict);
    expect(verdicts).toEqual([
      { kind: "matched" },
      { kind: "later", than: "winner" },
      { kind: "less_specific", than: "winner" },
      { kind: "host", hosts: ["other"] },
      { kind: "path", pattern: "/z" },
      { kind: "method", methods: ["PUT"] },
      { kind: "header", name: "h", value: "1", found: "2" },
    ]);
  });
  test("a host that is not served is the reason of every route", () => {
    const verdicts = explainRoutes(routes, ["api.example"], request("/a/b", { host: "x" })).map(
      ({ verdict }) => verdict.kind,
    );
    expect(new Set(verdicts)).toEqual(new Set(["host"]));
  });
});

describe("patterns", () => {
  test.each([
    "",
    "a",
    "/a//b",
    "/a*",
    "/*/a",
    "/{a",
    "/a}",
    "/{a}{b}",
    "/x{a}",
    "/{1}",
    "/{a}/{a}",
    "/..",
    "/a/./b",
    "/%2f",
    "/a b",
    "/\ud800",
    "/{constructor}",
    `/${"a/".repeat(40)}b`,
  ])("%j is no pattern", (text) => expect(parsePath(text).fault).toBeDefined());
  test("literals take the form that requests have", () => {
    expect(parsePath("/caf\u00e9/%7euser").pattern?.segments).toEqual([{ literal: "caf%C3%A9" }, { literal: "~user" }]);
  });
  test("equal shapes", () => {
    const shape = (text: string): string => shapeOf(parsePath(text).pattern ?? { text, segments: [], tail: false });
    expect(shape("/a/{x}/*")).toBe(shape("/a/{y}/*"));
    expect(shape("/a")).not.toBe(shape("/a/"));
    expect(shape("/*")).not.toBe(shape("/"));
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
