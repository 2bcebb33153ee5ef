import type { Path } from "../config/problem.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import type { FaultRule } from "../policy/settings.ts";
import { matches } from "../policy/traffic.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { type Routed, routedRequest } from "./explain-traffic.ts";
import type { ServicePlan } from "./plan.ts";

/** Which fault the request may get. @param nowMs milliseconds since the epoch */
export function explainFaults({ faults = [] }: ServicePlan, at: Path, request: Routed, nowMs: number): ExplainStep[] {
  const asked = routedRequest(request);
  for (const [index, fault] of faults.entries()) {
    if (nowMs >= fault.untilMs || !matches(fault, asked, (name) => request.header(name))) continue;
    return [faultStep(fault, [...at, "faults", index])];
  }
  return [];
}

/** What a fault that has not ended does to a request. */
export function faultStep(fault: FaultRule, at: Path): ExplainStep {
  const { untilMs, abort } = fault;
  const text = `until ${new Date(untilMs).toISOString()}: ${describeFault(fault)}`;
  return { ...step("faults", "note", text, at), ...(abort !== undefined && { aborts: abort }) };
}

/** What a fault does to how many. */
function describeFault({ delay, abort, reset, slowBody }: FaultRule): string {
  return [
    ...(delay === undefined ? [] : [`${delay.percent} % wait ${formatDuration(delay.delayMs)}`]),
    ...(abort === undefined ? [] : [`${abort.percent} % are answered with ${abort.status}`]),
    ...(reset === undefined ? [] : [`${reset.percent} % are broken off`]),
    ...(slowBody === undefined
      ? []
      : [`${slowBody.percent} % of the answers come at ${formatSize(slowBody.bytesPerSecond)} a second`]),
  ].join(", ");
}
