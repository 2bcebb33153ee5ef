/** Checks of what a route matches: patterns and expressions that can be used, hosts that are served, methods that arrive. */
import { limits } from "../limits.ts";
import { parseRegex } from "../policy/safe-regex.ts";
import { hostRank } from "../route/compare-routes.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkMatch(route: Cursor, gatewayHosts: readonly string[]): DocumentProblem[] {
  return [
    ...checkPath(route),
    ...checkHosts(route, gatewayHosts),
    ...expressionsOf(route).flatMap(({ source, at }) => checkRegex(source, at)),
    ...checkSpellings(route.get("match", "headers")),
  ];
}

function checkPath(route: Cursor): DocumentProblem[] {
  const path = route.get("match", "path");
  const { fault } = matchPattern(route);
  const written = path.get("regex").text ?? path.text;
  if (fault === undefined || written === undefined || (path.text !== undefined && !path.text.startsWith("/")))
    return [];
  return [error("SLV2001", path.path, `${quote(written)} is not a path pattern: ${fault}`)];
}

function checkHosts(route: Cursor, gatewayHosts: readonly string[]): DocumentProblem[] {
  const served = gatewayHosts.map((host) => host.toLowerCase());
  return route.get("match", "hosts").items.flatMap((host) => {
    const name = host.text?.toLowerCase();
    // A wildcard of a route may be wider than what is served: it takes what of it is.
    const isServed = name === undefined || served.length === 0 || served.includes(name) || overlaps(name, served);
    return isServed ? [] : [unknownName("SLV3010", "host", name, gatewayHosts, host.path)];
  });
}

function overlaps(name: string, served: readonly string[]): boolean {
  const sample = name.startsWith("*.") ? `any${name.slice(1)}` : name;
  return hostRank(served, sample) !== undefined || served.some((host) => hostRank([name], host) !== undefined);
}

interface Expression {
  readonly source: string;
  readonly at: Cursor;
}

function expressionsOf(route: Cursor): Expression[] {
  const match = route.get("match");
  const path = match.get("path");
  const inPath = (matchPattern(route).pattern?.segments ?? []).flatMap((segment) =>
    "param" in segment && segment.regex !== undefined ? [{ source: segment.regex, at: path }] : [],
  );
  const tests = ["headers", "query", "cookies"].flatMap((on) => match.get(on).entries.map(([, test]) => test));
  const named = [path, ...tests].flatMap((one) => [one.get("regex"), one.get("not", "regex")]);
  return [...inPath, ...named.flatMap((at) => (at.text === undefined ? [] : [{ source: at.text, at }]))];
}

function checkRegex(source: string, at: Cursor): DocumentProblem[] {
  const parsed = parseRegex(source);
  if (typeof parsed !== "string") return [];
  return [error("SLV3080", at.path, `${quote(source)} cannot be used: ${parsed}`, { expected: "the syntax of RE2" })];
}

/** Names of headers compare without case: of two spellings one would be lost. */
function checkSpellings(headers: Cursor): DocumentProblem[] {
  const seen = new Set<string>();
  return headers.entries.flatMap(([name, { path }]) => {
    const lower = name.toLowerCase();
    if (!seen.has(lower)) {
      seen.add(lower);
      return [];
    }
    return [error("SLV3009", path, `the header ${lower} is asked for twice`, { at: "key" })];
  });
}

/** How many different expressions all routes have together. */
export function checkRegexCount(routes: readonly Cursor[]): DocumentProblem[] {
  const { regexesMax } = limits.route;
  const seen = new Set<string>();
  for (const { source, at } of routes.flatMap(expressionsOf)) {
    seen.add(source);
    if (seen.size <= regexesMax) continue;
    const message = `more than ${regexesMax} different regular expressions in what routes match`;
    return [error("SLV3080", at.path, message, { expected: "literals, parameters and lists where they will do" })];
  }
  return [];
}

/** What the runtime of the gateway (workerd) knows; it answers 501 to any other method by itself. */
const METHODS_OF_RUNTIME = new Set([
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "PURGE", "SEARCH", "REPORT", "MERGE"],
  ...["COPY", "MOVE", "LOCK", "UNLOCK", "MKCOL", "PROPFIND", "PROPPATCH", "ACL", "MKACTIVITY", "CHECKOUT"],
  ...["MSEARCH", "BAN", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"],
]);

/** Methods of the gateway's routes that never arrive there. Agents take any. */
export function checkMethods(routes: readonly Cursor[]): DocumentProblem[] {
  return routes.flatMap((route) =>
    route.get("match", "methods").items.flatMap(({ text, path }) => {
      if (text === undefined || METHODS_OF_RUNTIME.has(text) || text === "CONNECT" || text === "TRACE") return [];
      return [
        warning("SLV3081", path, `${quote(text)} never arrives: the runtime of the gateway answers 501 to it`, {
          expected: `one of ${[...METHODS_OF_RUNTIME].join(", ")}; or \`expose\` of a service, whose agents take any`,
        }),
      ];
    }),
  );
}
