/** What a route asks of headers, query parameters, cookies and the client's address. */
import { isAddressIn } from "../http/address-list.ts";
import { serviceCookies } from "../http/cookies.ts";
import { queryValues } from "../http/query-parameters.ts";
import type { RouteMatch, ValueTest } from "./route-match.ts";

/** What conditions look at. */
export interface RouteFacts {
  /** Value of a request header. @param name in lower case */
  header(name: string): string | null | undefined;
  /** With its `?`; absent or empty: none. */
  readonly query?: string;
  /** Absent: nobody knows it, and no network has it. */
  readonly clientIp?: string | undefined;
}

/** Expressions by their source: whether a whole text matches. */
export type Regexes = ReadonlyMap<string, { matches(text: string): boolean }>;

export const noRegexes: Regexes = new Map();

export type Condition =
  | { readonly on: "header" | "query" | "cookie"; readonly name: string; readonly test: ValueTest }
  | { readonly on: "ip"; readonly networks: readonly string[] };

/** Everything that is asked beside host, path and method. */
export function conditionsOf({ headers, query, cookies, ip }: RouteMatch): Condition[] {
  const named = (on: "header" | "query" | "cookie", tests: Readonly<Record<string, ValueTest>> = {}): Condition[] =>
    Object.entries(tests).map(([name, test]) => ({ on, name, test }));
  const own = [...named("header", headers), ...named("query", query), ...named("cookie", cookies)];
  return ip === undefined ? own : [...own, { on: "ip", networks: ip }];
}

/** What there is of a value: nothing, one, or several of one name. */
export type Found = string | readonly string[] | undefined;

/** The values that a condition is about. A header has one, its lines with commas between. */
export function foundBy(condition: Condition, facts: RouteFacts): Found {
  switch (condition.on) {
    case "header":
      return facts.header(condition.name) ?? undefined;
    case "query":
      return oneOrAll(facts.query === undefined ? [] : queryValues(facts.query, condition.name));
    case "cookie":
      return oneOrAll(serviceCookies(facts.header("cookie"), condition.name));
    case "ip":
      return facts.clientIp;
  }
}

function oneOrAll(values: readonly string[]): Found {
  return values.length > 1 ? values : values[0];
}

/** Whether a condition holds. Of several values each must fit, for nobody knows which of them others would take. */
export function fitsCondition(condition: Condition, found: Found, regexes: Regexes): boolean {
  if (typeof found === "object") return found.every((value) => fitsCondition(condition, value, regexes));
  if (condition.on === "ip") return found !== undefined && isAddressIn(found, condition.networks);
  return fitsTest(condition.test, found, regexes);
}

function fitsTest(test: ValueTest, value: string | undefined, regexes: Regexes): boolean {
  if (typeof test === "string") return value === test;
  if ("not" in test) return !fitsTest(test.not, value, regexes);
  if ("present" in test) return (value !== undefined) === test.present;
  if (value === undefined) return false;
  if ("anyOf" in test) return test.anyOf.includes(value);
  if ("prefix" in test) return value.startsWith(test.prefix);
  return regexes.get(test.regex)?.matches(value) === true;
}

/** Every regular expression of a match, of its path too. */
export function regexesOf(match: RouteMatch): string[] {
  const { path } = match;
  const segments = path.segments.flatMap((segment) => ("param" in segment ? (segment.regex ?? []) : []));
  const tests = conditionsOf(match).flatMap((one) => (one.on === "ip" ? [] : regexOf(one.test)));
  return [...(path.regex === undefined ? [] : [path.regex]), ...segments, ...tests];
}

export function hasRegex(match: RouteMatch): boolean {
  return regexesOf(match).length > 0;
}

function regexOf(test: ValueTest): string[] {
  if (typeof test === "string") return [];
  if ("not" in test) return regexOf(test.not);
  return "regex" in test ? [test.regex] : [];
}

/** For people, after "must": `be "a"`, `begin with "a"`. */
function describeTest(test: ValueTest): string {
  if (typeof test === "string") return `be ${JSON.stringify(test)}`;
  if ("not" in test) return `not ${describeTest(test.not)}`;
  if ("present" in test) return test.present ? "be there" : "not be there";
  if ("anyOf" in test) return `be one of ${test.anyOf.map((text) => JSON.stringify(text)).join(", ")}`;
  return "prefix" in test ? `begin with ${JSON.stringify(test.prefix)}` : `match ${test.regex}`;
}

/** Why a condition does not hold, for people. */
export function describeMisfit(condition: Condition, found: Found): string {
  if (condition.on === "ip") {
    const where = `in none of ${condition.networks.join(", ")}`;
    return found === undefined
      ? `the client's address is not known, and so ${where}`
      : `the client ${found} is ${where}`;
  }
  const { on, name, test } = condition;
  const what = { header: "header", query: "query parameter", cookie: "cookie" }[on];
  const is = found === undefined ? "is missing" : `is ${JSON.stringify(found)}`;
  return `${what} ${name} ${is}, must ${describeTest(test)}`;
}
