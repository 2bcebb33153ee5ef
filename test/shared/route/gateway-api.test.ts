import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { compileRegexes } from "../../../shared/route/compile-regexes.ts";
import { compileRoutes, matchRoute } from "../../../shared/route/match-route.ts";
import { normalisePath } from "../../../shared/route/normalise-path.ts";
import {
  type ConformanceCase,
  type ConformanceSuite,
  conformanceSuites,
  DEFAULT_HOST,
  documentOf,
  hasVectors,
} from "../../support/gateway-api.ts";

const suites = conformanceSuites();

/** Suites of the Gateway API about which route takes a request; the others are about what becomes of it. */
const ABOUT_MATCHING = [
  "HTTPRouteExactPathMatching",
  "HTTPRouteHeaderMatching",
  "HTTPRouteHostnameIntersection",
  "HTTPRouteListenerHostnameMatching",
  "HTTPRouteMatching",
  "HTTPRouteMatchingAcrossRoutes",
  "HTTPRouteMethodMatching",
  "HTTPRouteNamedRule",
  "HTTPRoutePathMatchOrder",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteSimpleSameNamespace",
];

/** The backend that gets a request, or 404. */
function takenBy(suite: ConformanceSuite, { Request: { Host, Method, Path, Headers = {} } }: ConformanceCase): string {
  const { document, problems } = checkDocument(documentOf(suite));
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  if (document === undefined) throw new Error("not valid");
  const { routes, hosts } = compile(document).gateway;
  const headers = new Map(Object.entries(Headers).map(([name, value]) => [name.toLowerCase(), value]));
  const [path = "", query = ""] = Path.split("?");
  const found = matchRoute(compileRoutes(routes, hosts, compileRegexes(routes).regexes), {
    ...{ host: Host ?? DEFAULT_HOST, method: Method ?? "GET", query: `?${query}` },
    path: normalisePath(path).path ?? "",
    header: (name) => headers.get(name),
  });
  // A path that takes other methods is 405 here, with `Allow`; the Gateway API answers 404.
  if (found.route === undefined) return "404";
  const { target } = found.route;
  return target.kind === "forward" && "origin" in target.to ? new URL(target.to.origin).hostname : "?";
}

describe.skipIf(!hasVectors)("the Gateway API's cases of matching (skipped: no vectors)", () => {
  describe.each(ABOUT_MATCHING)("%s", (name) => {
    const suite = suites.get(name) as ConformanceSuite;
    const cases = (suite?.cases ?? []).map((one) => [JSON.stringify(one.Request), one] as const);
    test.each(cases)("%s", (_, one) => {
      const taken = takenBy(suite, one);
      if (one.Backend !== undefined) expect(taken).toBe(`${one.Backend}.test`);
      else if (one.Response?.StatusCode === 404) expect(taken).toBe("404");
      else expect(taken).toMatch(/^infra-backend-v\d\.test$/);
    });
  });
});
