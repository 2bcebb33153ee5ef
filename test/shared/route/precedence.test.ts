import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explainRoutes } from "../../../shared/route/explain-routes.ts";
import { parsePath } from "../../../shared/route/parse-path.ts";
import { byPrecedence } from "../../../shared/route/precedence.ts";

const route = (name: string, path: string, hosts: readonly string[] = [], methods: readonly string[] = []) => {
  const { pattern } = parsePath(path) as { pattern: NonNullable<ReturnType<typeof parsePath>["pattern"]> };
  return { name, match: { hosts, path: pattern, methods, headers: {} } };
};
const names = (routes: Parameters<typeof byPrecedence>[0], host?: string) =>
  byPrecedence(routes, host).map(({ route: { name } }) => name);

describe("the order in which routes are tried", () => {
  const routes = [
    route("rest", "/*"),
    route("order", "/orders/{id}"),
    route("export", "/orders/export"),
    route("named", "/*", ["api.shop.example"]),
    route("wild", "/*", ["*.shop.example"]),
  ];
  test("for a host: those that take it, the nearest first", () => {
    expect(names(routes, "api.shop.example:8080")).toEqual(["named", "wild", "export", "order", "rest"]);
    expect(names(routes, "www.shop.example")).toEqual(["wild", "export", "order", "rest"]);
    expect(names(routes, "other.example")).toEqual(["export", "order", "rest"]);
  });
  test("for none: all of them, by the nearest host that each names", () => {
    expect(names(routes)).toEqual(["named", "wild", "export", "order", "rest"]);
  });
  test("of equal ones that of the document that comes first, with its place there", () => {
    expect(byPrecedence([route("a", "/x"), route("b", "/x")], "h").map(({ index }) => index)).toEqual([0, 1]);
  });

  test("the first that fits is the one that a request gets", () => {
    const segment = fc.constantFrom("a", "b", "{p}");
    const path = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 2 }), fc.boolean());
    const hosts = fc.constantFrom([], ["x.y.z"], ["*.y.z"], ["*.z"]);
    const made = fc.record({ path, hosts, methods: fc.constantFrom([], ["GET"]) });
    const request = fc.record({
      host: fc.constantFrom("x.y.z", "q.y.z", "q.z", "q"),
      path: fc.constantFrom("/a", "/a/b", "/b"),
    });
    fc.assert(
      fc.property(fc.array(made, { minLength: 1, maxLength: 6 }), request, (given, asked) => {
        const all = given.map(({ path: [segments, tail], hosts: own, methods }, at) => {
          const named = segments.map((one, index) => (one === "{p}" ? `{p${index}}` : one));
          return route(`r${at}`, `/${named.join("/")}${tail ? "/*" : ""}`, own, methods);
        });
        const explained = explainRoutes(all, [], {
          method: "GET",
          headers: () => undefined,
          query: "",
          ...asked,
        } as never);
        const winner = explained.find(({ verdict }) => verdict.kind === "matched")?.route.name;
        const fitting = new Set(
          explained
            .filter(({ verdict }) => ["matched", "less_specific", "later"].includes(verdict.kind))
            .map((one) => one.route.name),
        );
        expect(names(all, asked.host).find((name) => fitting.has(name))).toBe(winner);
      }),
    );
  });
});
