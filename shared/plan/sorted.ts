import { hostWithoutPort } from "../route/compare-routes.ts";

/** A list that stands for a set: each member once, in one order. */
export function sorted<T extends string>(members: readonly T[]): T[] {
  return [...new Set(members)].sort();
}

/** A mapping of the same names to other values, in the order of the names. */
export function mapValues<From, To>(
  mapping: Readonly<Record<string, From>>,
  change: (value: From, name: string) => To,
): Record<string, To> {
  const names = sorted(Object.keys(mapping));
  return Object.fromEntries(names.map((name) => [name, change(mapping[name] as From, name)]));
}

type ClaimValue = string | number | boolean;

/** Values of a claim, of which one may stand for a list: each once, in one order. */
export function sortedValues(stated: ClaimValue | readonly ClaimValue[]): ClaimValue[] {
  const all = Array.isArray(stated) ? (stated as readonly ClaimValue[]) : [stated as ClaimValue];
  const order = (value: ClaimValue): string => `${typeof value} ${value}`;
  return [...new Set(all)].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** The same mapping with names in lower case; of two that become equal the later one stays. */
export function lowerCaseKeys(mapping: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const entries = Object.entries(mapping ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return mapValues(Object.fromEntries(entries), (value) => value);
}

/** Hosts as requests are compared with them. */
export function compileHosts(hosts: readonly string[] | undefined): string[] {
  return sorted((hosts ?? []).map((host) => hostWithoutPort(host) ?? host));
}
