/** What a service's own limits say of a call, in words; nothing is counted. */
import type { Path } from "../config/problem.ts";
import { type CallLimit, callLimitKey } from "../policy/call-limits.ts";
import { describeCount } from "./explain-limits.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** @param caller calling service, and the end user; absent: nobody has proven who it is */
export function explainCallLimits(
  { rateLimits = [] }: Pick<ServicePlan, "rateLimits">,
  at: Path,
  caller: Parameters<typeof callLimitKey>[1],
): ExplainStep[] {
  return rateLimits.map((limit, index) => {
    const path = [...at, "rateLimit", ...(rateLimits.length > 1 ? [index] : [])];
    const stage = `limit ${limit.name}`;
    const isLacking = callLimitKey(limit, caller) === undefined;
    if (isLacking && limit.shadow !== true)
      return step(stage, "deny", "the call is on behalf of no end user (`missing: refuse`)", path, "not_permitted");
    const shadow = limit.shadow === true ? "in shadow: nobody is refused; " : "";
    const each = `local: each instance counts for itself, so up to ${limit.limit} times their number`;
    const text = `${shadow}${describeCount(limit)}, ${each}, counted by ${describeParts(limit, caller)}; not counted now`;
    return step(stage, "note", text, path);
  });
}

function describeParts({ by }: CallLimit, { service, user }: Parameters<typeof callLimitKey>[1]): string {
  const words = {
    all: "nothing: everybody together",
    service: `calling service "${service}"`,
    identity: user === undefined ? "end user: none" : `end user "${user.sub}"`,
  };
  return by.map((part) => words[part]).join(" and ");
}
