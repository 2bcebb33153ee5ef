import type { TrafficRuleConfig } from "../config/schema-traffic.ts";
import type { TrafficRule } from "../policy/settings.ts";
import { lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

/** Weights are relative, so 90 to 10 and 9 to 1 become the same, and 0 is as good as absent. */
export function compileTraffic(rule: TrafficRuleConfig): TrafficRule {
  const written = rule.split ?? (rule.to === undefined ? {} : { [rule.to]: 1 });
  const split = Object.fromEntries(Object.entries(written).filter(([, weight]) => weight > 0));
  const divisor = Object.values(split).reduce(greatestCommonDivisor, 0);
  const { headers, path, methods, claims, scopes } = rule.match ?? {};
  const claimed = mapValues(claims ?? {}, (value) => value);
  return {
    headers: lowerCaseKeys(headers),
    ...(path !== undefined && { path }),
    ...(methods !== undefined && { methods: sorted(methods) }),
    ...(Object.keys(claimed).length > 0 && { claims: claimed }),
    ...(scopes !== undefined && { scopes: sorted(scopes) }),
    split: mapValues(split, (weight) => weight / divisor),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
