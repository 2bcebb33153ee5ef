/** The regular expressions of routes, ready to match by. Brings the engine along: hosts load this when a plan has one. */
import { parseRegex, type SafeRegex } from "../policy/safe-regex.ts";
import type { Matchable } from "./compare-routes.ts";
import { regexesOf } from "./value-test.ts";

export interface CompiledRegexes {
  readonly regexes: ReadonlyMap<string, SafeRegex>;
  /** Expressions that cannot be used, with the reason. */
  readonly faults: ReadonlyMap<string, string>;
}

export function compileRegexes(routes: readonly Matchable[]): CompiledRegexes {
  const regexes = new Map<string, SafeRegex>();
  const faults = new Map<string, string>();
  for (const source of new Set(routes.flatMap(({ match }) => regexesOf(match)))) {
    const parsed = parseRegex(source);
    if (typeof parsed === "string") faults.set(source, parsed);
    else regexes.set(source, parsed);
  }
  return { regexes, faults };
}
