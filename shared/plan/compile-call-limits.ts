import type { CallLimitConfig, CallLimitsConfig } from "../config/schema-call-limits.ts";
import type { CallLimit, CallLimitPart } from "../policy/call-limits.ts";
import { compileCount, freeName } from "./compile-limits.ts";
import { sorted } from "./sorted.ts";

/**
 * A service's limits on its calls from the mesh.
 * @param timeoutMs of the service: the longest that one of its requests runs
 */
export function compileCallLimits(config: CallLimitsConfig, timeoutMs: number): CallLimit[] {
  const all = Array.isArray(config) ? config : [config];
  const taken = new Set(all.flatMap(({ name }) => name ?? []));
  return all.map((limit) => {
    const by = partsOf(limit);
    const name = limit.name ?? freeName(by.join("-"), taken);
    taken.add(name);
    const { cost: _, ...count } = compileCount(limit, timeoutMs);
    return {
      name,
      ...count,
      by,
      ...(limit.missing === "refuse" && { missing: limit.missing }),
      ...(limit.shadow === true && { shadow: true }),
    };
  });
}

/** Sorted, since a key is the same in whatever order its parts are written. */
function partsOf({ by }: CallLimitConfig): readonly CallLimitPart[] {
  return sorted(typeof by === "string" ? [by] : by);
}
