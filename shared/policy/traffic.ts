/** Which subset of a service a request goes to, and which endpoints carry a subset's labels. */
import type { TrafficRule } from "./settings.ts";

export interface TrafficChoice {
  /** Absent: the rule names no subset, every endpoint may be used. */
  readonly subset?: string;
  /** Index of the rule that decided. */
  readonly rule: number;
}

/**
 * The subset by the first rule whose headers all match.
 * @param header value of a field by its lower-case name
 * @param random at least 0, below 1; decides among the weights of a split
 * @returns undefined when no rule matches: every endpoint may be used
 */
export function chooseSubset(
  rules: readonly TrafficRule[],
  header: (name: string) => string | undefined,
  random: number,
): TrafficChoice | undefined {
  for (let rule = 0; rule < rules.length; rule++) {
    const { headers, split } = rules[rule] as TrafficRule;
    if (!matches(headers, header)) continue;
    const subset = draw(split, random);
    return subset === undefined ? { rule } : { subset, rule };
  }
  return undefined;
}

function matches(wanted: TrafficRule["headers"], header: (name: string) => string | undefined): boolean {
  for (const name in wanted) if (header(name) !== wanted[name]) return false;
  return true;
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
