/** Checks of routes: names, providers, targets, templates, and routes that take each other's requests. */
import { parseRegex } from "../policy/safe-regex.ts";
import { paramsOf, parsePath } from "../route/parse-path.ts";
import { checkAggregate } from "./check-aggregate.ts";
import { checkAnswers, checkGatewayAnswers } from "./check-answers.ts";
import { checkAuth } from "./check-auth.ts";
import { checkCache, checkGatewayCache } from "./check-cache.ts";
import { callsOfCode, checkCode } from "./check-code.ts";
import { checkContracts, checkValidate } from "./check-contracts.ts";
import { checkEdgeTraffic, type NamedTarget, otherTargets } from "./check-edge-traffic.ts";
import { checkGraphql } from "./check-graphql.ts";
import { checkIdempotency } from "./check-idempotency.ts";
import { checkLifeCycle, checkVersions } from "./check-life-cycle.ts";
import { checkLimits } from "./check-limits.ts";
import { checkMatch, checkRegexCount } from "./check-match.ts";
import { unknownName } from "./check-mesh.ts";
import { checkOverlaps } from "./check-overlaps.ts";
import { checkTransform } from "./check-reshape.ts";
import { checkSiblings } from "./check-siblings.ts";
import { checkStreams } from "./check-streams.ts";
import { checkTranscode } from "./check-transcode.ts";
import type { Cursor } from "./cursor.ts";
import { matchPattern } from "./match-pattern.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate } from "./template.ts";

export function checkRoutes(top: Cursor): DocumentProblem[] {
  const routes = top.get("gateway", "routes").items;
  const targets = [...top.get("mesh", "services").keys, ...top.get("gateway", "upstreams").keys];
  const names = new Map<string, Cursor>();
  const problems = routes.flatMap((route) => [
    ...checkName(route, names),
    ...checkMatch(route, top.get("gateway", "hosts").texts),
    ...checkAuth(route, top.get("gateway", "identity")),
    ...checkLimits(route, top.get("gateway")),
    ...checkIdempotency(route, top.get("gateway", "cors")),
    ...checkCache(route, top.get("gateway")),
    ...checkTarget(route, targets),
    ...checkEdgeTraffic(route),
    ...checkLifeCycle(route),
    ...checkGraphql(route),
    ...checkValidate(route, top),
    ...checkTransform(route),
    ...checkAnswers(route),
    ...checkAggregate(route, targets),
    ...checkCode(route),
    ...checkStreams(route, top.get("mesh", "services")),
  ]);
  const gateway = top.get("gateway");
  return [
    ...problems,
    ...checkVersions(gateway),
    ...checkContracts(top),
    ...checkGatewayCache(gateway),
    ...checkRegexCount(routes),
    ...checkGatewayAnswers(gateway),
    ...checkTranscode(top),
    ...checkOverlaps(routes),
    ...checkSiblings(routes),
  ];
}

function checkName(route: Cursor, seen: Map<string, Cursor>): DocumentProblem[] {
  const name = route.get("name");
  if (name.text === undefined) return [];
  const other = seen.get(name.text);
  if (other !== undefined) {
    const message = `the route name ${quote(name.text)} is used twice`;
    return [error("SLV3006", name.path, message, { other: other.get("name").path })];
  }
  seen.set(name.text, route);
  return [];
}

/** What a route leads to. */
export const TARGETS = ["to", "aggregate", "respond", "redirect", "handler"];

function checkTarget(route: Cursor, targets: readonly string[]): DocumentProblem[] {
  const to = route.get("to");
  if (typeof route.value !== "object" || route.value === null || route.get("quarantine").exists) return [];
  if (TARGETS.filter((key) => route.get(key).exists).length !== 1) {
    const expected = TARGETS.map((key) => `\`${key}\``).join(", ");
    return [error("SLV2005", route.path, "a route needs exactly one target", { expected: `one of ${expected}` })];
  }
  const named = to.text === undefined ? [] : [{ name: to.text, place: to, at: "value" as const }];
  const others = [...otherTargets(route), ...callsOfCode(route)];
  return [...checkRewrite(route), ...[...named, ...others].flatMap((one) => checkNamed(one, targets))];
}

function checkNamed(named: NamedTarget, targets: readonly string[]): DocumentProblem[] {
  const { name, place, at } = named;
  if (/^https?:/.test(name)) return checkOrigin(named);
  return targets.includes(name) ? [] : [unknownName("SLV3001", "service or upstream", name, targets, place.path, at)];
}

function checkOrigin({ name: text, place: to }: NamedTarget): DocumentProblem[] {
  if (!URL.canParse(text)) return [error("SLV2001", to.path, `${quote(text)} is not a URL`)];
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    return [error("SLV2001", to.path, "a target cannot carry a user name or password", { suggestion: url.origin })];
  if (url.pathname === "/" && url.search === "" && url.hash === "") return [];
  return [
    error("SLV2001", to.path, `${quote(text)} has a path: \`to\` takes an origin, the path is chosen by \`rewrite\``, {
      suggestion: `to: ${url.origin} with rewrite: ${url.pathname.replace(/\/$/, "")}/*`,
    }),
  ];
}

function checkRewrite(route: Cursor): DocumentProblem[] {
  const rewrite = route.get("rewrite");
  if (!rewrite.exists) return [];
  if (route.get("aggregate").exists)
    return [
      error("SLV3009", rewrite.path, "`rewrite` has no meaning with `aggregate`: each part has its own path", {
        at: "key",
      }),
    ];
  if (rewrite.text === undefined) return checkRegex(rewrite);
  const own = parsePath(rewrite.text);
  const found = matchPattern(route);
  if (own.pattern === undefined)
    return [error("SLV2001", rewrite.path, `${quote(rewrite.text)} is not a path: ${own.fault}`)];
  if (found.pattern === undefined) return [];
  const known = paramsOf(found.pattern);
  const problems = holesOf(parseTemplate(rewrite.text).parts)
    .filter(([param]) => param !== undefined && !known.includes(param))
    .map(([param]) => unknownName("SLV3004", "path parameter", param, known, rewrite.path));
  if (own.pattern.tail && !found.pattern.tail)
    problems.push(error("SLV3004", rewrite.path, "`rewrite` ends in * but `match.path` does not"));
  return problems;
}

function checkRegex(rewrite: Cursor): DocumentProblem[] {
  const [regex, to] = [rewrite.get("regex"), rewrite.get("to")];
  if (regex.text === undefined || to.text === undefined) return [];
  const parsed = parseRegex(regex.text);
  if (typeof parsed === "string")
    return [error("SLV2001", regex.path, `${quote(regex.text)} cannot be used: ${parsed}`)];
  const missing = missingGroup(regex.text, to.text);
  if (missing === undefined) return [];
  return [error("SLV3004", to.path, `${quote(to.text)}: the expression has no group ${missing}`)];
}

/** Groups of what matches nothing are empty; what is no group is left as it is. */
function missingGroup(regex: string, to: string): string | undefined {
  const always = parseRegex(`(?:${regex})|`);
  if (typeof always === "string") return undefined;
  return /\$(?:\d+|<[^>]*>)/.exec(always.replaceAll("", to.replaceAll("$$", "")))?.[0];
}
