/** Which subset of a service a request goes to, and which endpoints carry a subset's labels. */
import { firstCookie } from "../http/cookies.ts";
import { claimText } from "./hash-key.ts";
import type { MirrorRule, TrafficMatch, TrafficRule } from "./settings.ts";

export interface TrafficChoice {
  /** Absent: the rule names no subset, every endpoint may be used. */
  readonly subset?: string;
  /** Index of the rule that decided. */
  readonly rule: number;
}

/** What rules are asked about. */
export interface TrafficRequest {
  readonly method: string;
  /** Origin-form; what follows `?` does not count. */
  readonly path: string;
  /** Of the end user's verified Txn-Token; undefined: there is none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly scopes: readonly string[] | undefined;
}

/**
 * The subset by the first rule of which everything matches.
 * @param header value of a field by its lower-case name
 * @param random at least 0, below 1; decides among the weights of a split
 * @returns undefined when no rule matches: every endpoint may be used
 */
export function chooseSubset(
  rules: readonly TrafficRule[],
  request: TrafficRequest,
  header: (name: string) => string | undefined,
  random: number,
): TrafficChoice | undefined {
  for (let rule = 0; rule < rules.length; rule++) {
    const one = rules[rule] as TrafficRule;
    if (!matches(one, request, header)) continue;
    const subset = draw(one.split, random);
    return subset === undefined ? { rule } : { subset, rule };
  }
  return undefined;
}

/**
 * The subset that gets a copy, by the first rule of which everything matches.
 * @param random at least 0, below 1
 */
export function chooseMirror(
  rules: readonly MirrorRule[],
  request: TrafficRequest,
  header: (name: string) => string | undefined,
  random: number,
): string | undefined {
  for (const rule of rules)
    if (matches(rule, request, header)) return random * 100 < rule.percent ? rule.subset : undefined;
  return undefined;
}

/** Whether a rule asks for the end user, who must then be known. */
export function asksForUser({ claims, scopes }: TrafficMatch): boolean {
  return claims !== undefined || scopes !== undefined;
}

/** Whether a request has all that is asked for. @param header value of a field by its lower-case name */
export function matches(
  rule: TrafficMatch,
  request: TrafficRequest,
  header: (name: string) => string | undefined,
): boolean {
  const { headers, cookies, path, methods, claims, scopes } = rule;
  for (const name in headers) if (header(name) !== headers[name]) return false;
  for (const name in cookies) if (firstCookie(header("cookie"), name) !== cookies[name]) return false;
  if (methods !== undefined && !methods.includes(request.method)) return false;
  if (path !== undefined && !coversPath(path, request.path)) return false;
  for (const name in claims) if (claimText(request.claims, name) !== claims[name]) return false;
  for (const scope of scopes ?? []) if (request.scopes?.includes(scope) !== true) return false;
  return true;
}

/** `/v2/*` covers `/v2`, `/v2/` and all below. */
export function coversPath(pattern: string, target: string): boolean {
  const query = target.indexOf("?");
  const length = query < 0 ? target.length : query;
  if (!pattern.endsWith("/*")) return length === pattern.length && target.startsWith(pattern);
  const stem = pattern.length - 2;
  if (length < stem || !target.startsWith(pattern.slice(0, stem))) return false;
  return length === stem || target.charCodeAt(stem) === 0x2f;
}

function draw(split: TrafficRule["split"], random: number): string | undefined {
  let total = 0;
  for (const name in split) total += split[name] as number;
  let left = random * total;
  let last: string | undefined;
  for (const name in split) {
    const weight = split[name] as number;
    if (weight <= 0) continue;
    last = name;
    left -= weight;
    if (left < 0) return name;
  }
  return last;
}

/** Whether an endpoint carries every label that a subset asks for. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  for (const name in wanted) if (labels[name] !== wanted[name]) return false;
  return true;
}
