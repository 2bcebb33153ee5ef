import type { RouteConfig } from "../config/schema.ts";
import type { CallsConfig, CodeConfig } from "../config/schema-code.ts";
import type { CodeUse, HandlerTarget, RouteCode } from "../policy/custom-code.ts";
import { mapValues, sorted } from "./sorted.ts";
import { targetOf, type UpstreamNames } from "./target-of.ts";

export function compileCode(
  { policies = [], calls }: Pick<RouteConfig, "policies" | "calls">,
  upstreams: UpstreamNames,
): RouteCode {
  const named = calls === undefined ? {} : namedCalls(calls);
  return {
    ...(policies.length > 0 && { policies: policies.map(compileUse) }),
    ...(Object.keys(named).length > 0 && { calls: mapValues(named, (to) => targetOf(to, upstreams)) }),
  };
}

export function compileHandler(handler: NonNullable<RouteConfig["handler"]>): HandlerTarget {
  return { kind: "handler", code: compileUse(typeof handler === "string" ? { use: handler } : handler) };
}

/** Settings stay as they are written: what they mean is the code's own affair. */
function compileUse({ use, with: settings }: CodeConfig): CodeUse {
  return { file: use, ...(settings !== undefined && { settings }) };
}

const namedCalls = (calls: CallsConfig): Readonly<Record<string, string>> =>
  Array.isArray(calls)
    ? Object.fromEntries(sorted(calls).map((name) => [name, name]))
    : (calls as Record<string, string>);
