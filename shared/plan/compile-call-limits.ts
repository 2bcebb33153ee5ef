import type { CallLimitConfig, CallLimitsConfig } from "../config/schema-call-limits.ts";
import { countingMode, inShadow } from "../config/shadow.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import { type CallLimit, type CallLimitPart, fieldOf } from "../policy/call-limits.ts";
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
    const name = limit.name ?? freeName(labelOf(by), taken);
    taken.add(name);
    const { cost: _, ...count } = compileCount(limit, timeoutMs);
    return {
      name,
      ...count,
      by,
      ...(limit.missing === "refuse" && { missing: limit.missing }),
      ...compileMode(limit),
      ...(inShadow(limit) && { shadow: true }),
    };
  });
}

/** Sorted, since a key is the same in whatever order its parts are written. */
function partsOf({ by }: CallLimitConfig): readonly CallLimitPart[] {
  const all = Array.isArray(by) ? by : [by];
  return sorted(
    all.map((part): CallLimitPart => (typeof part === "string" ? part : `header:${part.header.toLowerCase()}`)),
  );
}

/** Names of fields are nothing to tell callers. */
const labelOf = (by: readonly CallLimitPart[]): string =>
  by.map((part) => (fieldOf(part) === "" ? part : "header")).join("-");

/** What is the default is the same as none. */
function compileMode({
  mode: stated,
  onFailure,
  timeout,
}: CallLimitConfig): Pick<CallLimit, "mode" | "onFailure" | "timeoutMs"> {
  const mode = countingMode(stated);
  if (mode === undefined || mode === "local") return {};
  const timeoutMs = timeout === undefined ? undefined : parseDurationMs(timeout);
  const isOther = timeoutMs !== undefined && timeoutMs !== limits.meshLimits.waitMs;
  return {
    mode,
    ...(onFailure !== undefined && onFailure !== "share" && { onFailure }),
    ...(isOther && { timeoutMs }),
  };
}
