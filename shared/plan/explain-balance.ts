import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { mayHedge } from "../policy/hedge.ts";
import type { Priority } from "../policy/load-shedding.ts";
import type { BalanceSettings, BreakerSettings, PoolSettings, ZoneSettings } from "../policy/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** How the instance is chosen; which one that is only the calling agent knows. */
export function explainBalance({ balance }: ServicePlan, at: Path): ExplainStep {
  const extra = [
    ...(balance.boundedLoad === undefined ? [] : [`up to ${balance.boundedLoad} times the mean load`]),
    ...(balance.weightLabel === undefined ? [] : [`weighted by label ${balance.weightLabel}`]),
    ...(balance.zones === undefined ? [] : [describeZones(balance.zones)]),
    ...(balance.slowStart === undefined ? [] : [`new ones slowly over ${formatDuration(balance.slowStart.windowMs)}`]),
  ];
  const text = [describePolicy(balance), ...extra].join(", ");
  return step("balance", "note", `${text}; which instance it is, the calling agent knows`, [...at, "balance"]);
}

/** @param what is chosen */
export function describePolicy(
  { policy, hash }: Pick<BalanceSettings, "policy"> & { readonly hash?: object },
  what = "instances",
): string {
  if (policy === "round-robin") return `${what} in turn`;
  if (policy === "least-request") return `the less busy of two ${what}`;
  if (policy === "peak-ewma" || hash === undefined) return `the faster and less busy of two ${what}`;
  const by = Object.entries(hash).map(([kind, name]) => (name === true ? kind : `${kind} ${name}`));
  return `by hash of ${by.join()}, without it the faster and less busy of two ${what}`;
}

/** The gateway's calls go by the zone of the ingress agent, which is known there alone. */
function describeZones({ sufficientPercent, failover }: ZoneSettings): string {
  const orders = Object.entries(failover).map(([own, order]) => `from ${own} ${[own, ...order].join(", ")}`);
  const then = orders.length === 0 ? "" : ` (${orders.join("; ")}; then all others)`;
  return `those of the caller's zone first while ${sufficientPercent} % of them are healthy${then}`;
}

/** When a second attempt leaves beside one that has no answer yet, for a request of this method. */
export function explainHedge({ hedge }: ServicePlan, method: string, priority: Priority, at: Path): ExplainStep[] {
  if (hedge === undefined) return [];
  const path = [...at, "hedge"];
  if (!mayHedge(hedge, { method, priority, callerRetries: false })) {
    const why = hedge.methods.includes(method) ? `of ${priority} priority` : `by ${method}`;
    return [step("hedge", "skip", `a request ${why} is not sent twice at a time`, path)];
  }
  const when =
    hedge.afterMs === undefined ? `p${hedge.percentile} of the service's latency` : formatDuration(hedge.afterMs);
  const most = hedge.max === 1 ? "another instance" : `up to ${hedge.max} other instances`;
  const text = `without an answer after ${when} it also goes to ${most}, for ${hedge.budgetPercent} % of requests at most`;
  return [step("hedge", "note", `${text}; how long it takes, the calling agent knows`, path)];
}

/** What ejects an instance, and for how long. */
export function describeBreaker(breaker: Omit<BreakerSettings, keyof PoolSettings>, what = "an instance"): string {
  const { consecutiveFailures, successRate, ejectForMs, maxRequests } = breaker;
  const { percent, windowMs } = successRate;
  const rate = percent === 0 ? "" : `, or less than ${percent} % successes in ${formatDuration(windowMs)},`;
  return `${consecutiveFailures} failures in a row${rate} eject ${what} for ${formatDuration(ejectForMs)}, at most ${maxRequests} requests at once to each`;
}
