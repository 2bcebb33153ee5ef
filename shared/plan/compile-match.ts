import { IDENTITY_TEXTS, type IdentityMatch } from "../auth/identity-match.ts";
import type { MatchConfig, ValueTestConfig } from "../config/schema-match.ts";
import { parsePath, parsePathRegex } from "../route/parse-path.ts";
import { VERSION_FIELD } from "../route/requested-version.ts";
import type { RouteMatch, ValueTest } from "../route/route-match.ts";
import { compileHosts, mapValues, sorted, sortedValues } from "./sorted.ts";

/** @param name of the route */
export function compileMatch(name: string, match: MatchConfig): RouteMatch {
  const { path, query, cookies, ip } = match;
  const { pattern, fault } = typeof path === "string" ? parsePath(path) : parsePathRegex(path.regex);
  if (pattern === undefined) throw new Error(`route ${name}: ${fault}`);
  const headers = Object.entries(match.headers ?? {}).map(([header, test]) => [header.toLowerCase(), test] as const);
  if (match.version !== undefined) headers.push([VERSION_FIELD, match.version]);
  return {
    hosts: compileHosts(match.hosts),
    path: pattern,
    methods: sorted(match.methods ?? []),
    headers: mapValues(Object.fromEntries(headers), compileTest),
    ...(query !== undefined && { query: mapValues(query, compileTest) }),
    ...(cookies !== undefined && { cookies: mapValues(cookies, compileTest) }),
    ...(ip !== undefined && { ip: sorted(ip) }),
    ...(match.identity !== undefined && { identity: compileIdentityMatch(match.identity) }),
  };
}

function compileIdentityMatch(match: NonNullable<MatchConfig["identity"]>): IdentityMatch {
  const { scopes, claims, groups } = match;
  const texts = IDENTITY_TEXTS.flatMap((member) => {
    const accepted = match[member];
    return accepted === undefined ? [] : [[member, sorted([accepted].flat())] as const];
  });
  return {
    ...((scopes ?? []).length > 0 && { scopes: sorted(scopes ?? []) }),
    ...(Object.keys(claims ?? {}).length > 0 && { claims: mapValues(claims ?? {}, (value) => sortedValues(value)) }),
    ...(groups !== undefined && { groups: sorted(groups) }),
    ...Object.fromEntries(texts),
  };
}

function compileTest(test: ValueTestConfig): ValueTest {
  if (typeof test === "string" || Array.isArray(test)) return compilePlain(test);
  if ("present" in test) return { present: test.present };
  return "not" in test ? { not: compilePlain(test.not) } : compilePlain(test);
}

type Plain = Exclude<ValueTestConfig, { not: unknown } | { present: unknown }>;

function compilePlain(test: Plain): Exclude<ValueTest, { not: unknown } | { present: unknown }> {
  if (!Array.isArray(test)) return test;
  const [only, ...others] = sorted(test);
  return only !== undefined && others.length === 0 ? only : { anyOf: sorted(test) };
}
