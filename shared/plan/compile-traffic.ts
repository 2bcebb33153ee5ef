import type { EdgeMatchConfig } from "../config/schema-edge-traffic.ts";
import type { MirrorConfig, TrafficRuleConfig } from "../config/schema-traffic.ts";
import type { MirrorRule, TrafficMatch, TrafficRule } from "../policy/settings.ts";
import { lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

/** Weights are relative, so 90 to 10 and 9 to 1 become the same, and 0 is as good as absent. */
export function compileTraffic(rule: TrafficRuleConfig): TrafficRule {
  const written = rule.split ?? (rule.to === undefined ? {} : { [rule.to]: 1 });
  const split = Object.fromEntries(Object.entries(written).filter(([, weight]) => weight > 0));
  const divisor = Object.values(split).reduce(greatestCommonDivisor, 0);
  return { ...compileMatch(rule.match), split: mapValues(split, (weight) => weight / divisor) };
}

/** One of a service's `mirror`. Methods that are not safe (RFC 9110 section 9.2.1) must be named to be copied. */
export function compileMirror({ match, to, percent }: MirrorConfig): MirrorRule {
  return { methods: ["GET", "HEAD", "OPTIONS"], ...compileMatch(match), subset: to, percent: percent ?? 100 };
}

/** What of a request must match; what is not asked for is absent. */
export function compileMatch(match: EdgeMatchConfig | undefined): TrafficMatch {
  const { headers, cookies, path, methods, claims, scopes } = match ?? {};
  const claimed = mapValues(claims ?? {}, (value) => value);
  const kept = mapValues(cookies ?? {}, (value) => value);
  return {
    headers: lowerCaseKeys(headers),
    ...(Object.keys(kept).length > 0 && { cookies: kept }),
    ...(path !== undefined && { path }),
    ...(methods !== undefined && { methods: sorted(methods) }),
    ...(Object.keys(claimed).length > 0 && { claims: claimed }),
    ...(scopes !== undefined && { scopes: sorted(scopes) }),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
