import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import type { BalanceSettings, BreakerSettings } from "../policy/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** How the instance is chosen; which one that is only the calling agent knows. */
export function explainBalance({ balance }: ServicePlan, at: Path): ExplainStep {
  const extra = [
    ...(balance.boundedLoad === undefined ? [] : [`up to ${balance.boundedLoad} times the mean load`]),
    ...(balance.weightLabel === undefined ? [] : [`weighted by label ${balance.weightLabel}`]),
    ...(balance.slowStart === undefined ? [] : [`new ones slowly over ${formatDuration(balance.slowStart.windowMs)}`]),
  ];
  const text = [describePolicy(balance), ...extra].join(", ");
  return step("balance", "note", `${text}; which instance it is, the calling agent knows`, [...at, "balance"]);
}

function describePolicy({ policy, hash }: BalanceSettings): string {
  if (policy === "round-robin") return "instances in turn";
  if (policy === "least-request") return "the less busy of two instances";
  if (policy === "peak-ewma" || hash === undefined) return "the faster and less busy of two instances";
  const [[kind, name] = []] = Object.entries(hash);
  return `by hash of ${kind} ${name}, without it the faster and less busy of two instances`;
}

/** What ejects an instance, and for how long. */
export function describeBreaker({ consecutiveFailures, successRate, ejectForMs }: BreakerSettings): string {
  const { percent, windowMs } = successRate;
  const rate = percent === 0 ? "" : `, or less than ${percent} % successes in ${formatDuration(windowMs)},`;
  return `${consecutiveFailures} failures in a row${rate} eject an instance for ${formatDuration(ejectForMs)}`;
}
