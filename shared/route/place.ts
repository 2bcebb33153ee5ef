/**
 * The routes of one host and path pattern, in precedence. Where there are many they are told apart by one value, such as a
 * header with the tenant: those that ask for a text there are found by it, and only the others are asked one by one.
 */
import { limits } from "../limits.ts";
import type { Matchable } from "./compare-routes.ts";
import type { RouteFacts } from "./value-test.ts";
import { type Condition, conditionsOf, fitsCondition, foundBy, type Regexes } from "./value-test.ts";

export interface Candidate<Route extends Matchable> {
  readonly route: Route;
  readonly conditions: readonly Condition[];
}

export function candidateOf<Route extends Matchable>(route: Route): Candidate<Route> {
  return { route, conditions: conditionsOf(route.match) };
}

export interface PlaceSearch {
  readonly request: RouteFacts & { readonly method: string };
  /** Methods of routes that fitted but for the method. */
  allow: Set<string> | undefined;
}

export class Place<Route extends Matchable> {
  readonly #regexes: Regexes;
  readonly #all: Candidate<Route>[] = [];
  #index: Index | undefined;

  constructor(regexes: Regexes) {
    this.#regexes = regexes;
  }

  /** @param candidate none that is there comes after it, by precedence */
  add(candidate: Candidate<Route>): void {
    this.#all.push(candidate);
    this.#index = undefined;
  }

  /** The first that fits in everything but host and path, which all share. */
  choose(search: PlaceSearch): Route | undefined {
    if (this.#all.length > limits.route.askedOneByOneMax) return this.#chooseByIndex(search);
    for (const candidate of this.#all) if (this.#takes(candidate, search)) return candidate.route;
    return undefined;
  }

  #chooseByIndex(search: PlaceSearch): Route | undefined {
    this.#index ??= indexOf(this.#all);
    const { by, byValue, others } = this.#index;
    const value = by && foundBy(by, search.request);
    const text = typeof value === "object" ? value[0] : value;
    const own = (text === undefined ? undefined : byValue.get(text)) ?? [];
    for (let at = 0, beside = 0; at < own.length || beside < others.length; ) {
      const isOwn = (own[at] ?? Infinity) < (others[beside] ?? Infinity);
      const candidate = this.#all[(isOwn ? own[at++] : others[beside++]) as number];
      if (candidate !== undefined && this.#takes(candidate, search)) return candidate.route;
    }
    return undefined;
  }

  #takes({ route, conditions }: Candidate<Route>, search: PlaceSearch): boolean {
    const { request } = search;
    for (const condition of conditions)
      if (!fitsCondition(condition, foundBy(condition, request), this.#regexes)) return false;
    const { methods } = route.match;
    if (methods.length === 0 || methods.includes(request.method)) return true;
    search.allow ??= new Set();
    for (const method of methods) search.allow.add(method);
    return false;
  }
}

interface Index {
  /** What most ask for a text of; absent: none does. */
  readonly by?: Condition;
  /** Positions of those that ask for the text, rising. */
  readonly byValue: ReadonlyMap<string, readonly number[]>;
  /** Positions of all others, rising. */
  readonly others: readonly number[];
}

function indexOf(all: readonly Candidate<Matchable>[]): Index {
  const counts = new Map<string, { condition: Condition; count: number }>();
  for (const { conditions } of all)
    for (const condition of conditions) {
      if (textsOf(condition) === undefined) continue;
      const entry = counts.get(keyOf(condition)) ?? { condition, count: 0 };
      entry.count++;
      counts.set(keyOf(condition), entry);
    }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  const byValue = new Map<string, number[]>();
  const others: number[] = [];
  if (most === undefined) return { byValue, others: all.map((_, at) => at) };
  const key = keyOf(most.condition);
  for (const [at, { conditions }] of all.entries()) {
    const texts = conditions.flatMap((condition) => (keyOf(condition) === key ? [textsOf(condition)] : []))[0];
    if (texts === undefined) others.push(at);
    for (const text of texts ?? []) byValue.set(text, [...(byValue.get(text) ?? []), at]);
  }
  return { by: most.condition, byValue, others };
}

function keyOf(condition: Condition): string {
  return condition.on === "ip" ? "ip" : `${condition.on} ${condition.name}`;
}

/** The texts that a value must be one of; undefined when more is possible. */
function textsOf(condition: Condition): readonly string[] | undefined {
  if (condition.on === "ip") return undefined;
  const { test } = condition;
  if (typeof test === "string") return [test];
  return "anyOf" in test ? [...new Set(test.anyOf)] : undefined;
}
