/** What a service's own limits say of a call, in words; nothing is counted. */
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { limits } from "../limits.ts";
import { type Caller, type CallLimit, callLimitKey, fieldOf, isMeshLimit } from "../policy/call-limits.ts";
import { describeCount, limitFacts } from "./explain-limits.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** @param caller calling service, the end user (absent: nobody has proven who it is), and what the call says */
export function explainCallLimits(
  { rateLimits = [] }: Pick<ServicePlan, "rateLimits">,
  at: Path,
  caller: Caller,
): ExplainStep[] {
  return rateLimits.map((limit, index) => {
    const path = [...at, "rateLimit", ...(rateLimits.length > 1 ? [index] : [])];
    const stage = `limit ${limit.name}`;
    const key = callLimitKey(limit, caller);
    if (typeof key !== "string") {
      const lack = key.code === "not_permitted" ? "is on behalf of no end user" : "lacks a field that it is counted by";
      const verdict = limit.shadow === true ? "would-deny" : "deny";
      return step(stage, verdict, `the call ${lack} (\`missing: refuse\`)`, path, key.code);
    }
    const shadow = limit.shadow === true ? "in shadow: nobody is refused; " : "";
    const text = `${shadow}${describeCount(limit)}, ${describeMode(limit)}, counted by ${describeParts(limit, caller)}; not counted now`;
    return {
      ...step(stage, "note", text, path),
      facts: { ...limitFacts(limit), shadow: limit.shadow, by: limit.by, key: typeof key === "string" ? key : "none" },
    };
  });
}

function describeMode(limit: CallLimit): string {
  if (!isMeshLimit(limit)) return `local: each instance counts for itself, so up to ${limit.limit} times their number`;
  const { mode, onFailure, timeoutMs = limits.meshLimits.waitMs } = limit;
  const how = mode === "exact" ? "exact: each call is asked for" : "leased: instances hold tokens in advance";
  const failing = {
    share: "each instance lets its share through",
    open: "calls pass uncounted",
    closed: "calls are refused with 503",
  }[onFailure ?? "share"];
  return `over all instances, ${how}; where the count does not answer within ${formatDuration(timeoutMs)}, ${failing}`;
}

function describeParts({ by }: CallLimit, { service, user, path, header }: Caller): string {
  const words: Record<string, string> = {
    all: "nothing: everybody together",
    service: `calling service "${service}"`,
    identity: user === undefined ? "end user: none" : `end user "${user.sub}"`,
    path: `path "${path}"`,
  };
  const said = (name: string): string => (header(name) ? `${name} "${header(name)}"` : `${name}: none`);
  return by.map((part) => words[part] ?? `field ${said(fieldOf(part))}`).join(" and ");
}
