import type { Path } from "../config/problem.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { limits } from "../limits.ts";
import { mayHedge } from "../policy/hedge.ts";
import type { Priority } from "../policy/load-shedding.ts";
import { mayRepeat } from "../policy/retry.ts";
import type { HealthSettings, TargetSettings, UpstreamSettings } from "../policy/upstream-settings.ts";
import { describeBreaker, describePolicy } from "./explain-balance.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { GatewayPlan } from "./plan.ts";

/** What of a request its upstream's settings go by. */
export interface CalledUpstream {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly priority: Priority;
}

/** Which targets a request can go to, in which order, and whether it is sent again. How they are, only gateways know. */
export function explainUpstream({ upstreams }: GatewayPlan, name: string, request: CalledUpstream): ExplainStep[] {
  const upstream = upstreams !== undefined && Object.hasOwn(upstreams, name) ? upstreams[name] : undefined;
  if (upstream === undefined) return [step("upstream", "deny", `there is no upstream ${name}`, undefined, "internal")];
  const at: Path = ["gateway", "upstreams", name];
  return [
    {
      ...step("targets", "note", describeTargets(upstream), [...at, "targets"]),
      facts: { targets: upstream.targets.map(nameOfTarget) },
    },
    ...(upstream.health === undefined
      ? []
      : [step("checks", "note", describeHealth(upstream.health), [...at, "health"])]),
    explainRetries(upstream, at, request),
    ...explainHedge(upstream, at, request),
    step("breaker", "note", describeEjection(upstream), [...at, "breaker"]),
  ];
}

function describeTargets({ targets, balance }: UpstreamSettings): string {
  const groups = [...new Set(targets.map(({ group }) => group))].sort((one, other) => one - other);
  const enough =
    balance.sufficientPercent <= limits.upstreams.sufficientPercent
      ? "when none of them is healthy"
      : `in part when less than ${balance.sufficientPercent} % of them are healthy`;
  const listed = groups.map((group) =>
    targets
      .filter((one) => one.group === group)
      .map(describeTarget)
      .join(", "),
  );
  const order = listed.length === 1 ? "" : ", those of the first group";
  const bindings = targets.flatMap(({ binding }) => binding ?? []);
  const unknown = bindings.length === 0 ? "" : `; whether the Worker has ${bindings.join(", ")}, only it knows`;
  return `${listed.join(`; ${enough} `)}: ${describePolicy(balance, "targets")}${order}; how they are, gateways know${unknown}`;
}

const nameOfTarget = (target: TargetSettings): string =>
  target.group === 0 ? describeTarget(target) : `${describeTarget(target)} in group ${target.group}`;

const describeTarget = ({ name, weight }: TargetSettings): string =>
  weight === 1 ? name : `${name} (weight ${weight})`;

function describeHealth({ method, path, intervalMs, healthyAfter, unhealthyAfter }: HealthSettings): string {
  const often = `each is asked by ${method} ${path} every ${formatDuration(intervalMs)} while there are requests`;
  return `${often}; out after ${unhealthyAfter} failures in a row, back after ${healthyAfter} good answers`;
}

function explainRetries(
  { retries, timeoutMs }: UpstreamSettings,
  at: Path,
  { method, path }: CalledUpstream,
): ExplainStep {
  const within = timeoutMs === undefined ? "within the route's time" : `within ${formatDuration(timeoutMs)}`;
  const place = [...at, "retries"];
  if (retries.attempts === 0) return step("retries", "note", `sent once, ${within}`, place);
  if (!mayRepeat(retries, method, path))
    return step("retries", "skip", `sent once, ${within}: ${method} may have had an effect`, place);
  const perTry = retries.perTryMs === undefined ? "" : ` of ${formatDuration(retries.perTryMs)} each`;
  const on = [...retries.on, ...(retries.statuses ?? [])].join(", ");
  const body =
    method === "GET" || method === "HEAD"
      ? ""
      : `, with a body of a stated length up to ${formatSize(limits.upstreams.replayBytesMax)}`;
  return step("retries", "note", `up to ${retries.attempts} retries${perTry} on ${on}, ${within}${body}`, place);
}

function explainHedge({ hedge }: UpstreamSettings, at: Path, { method, priority }: CalledUpstream): ExplainStep[] {
  if (hedge === undefined) return [];
  const path = [...at, "hedge"];
  if (!mayHedge(hedge, { method, priority, callerRetries: false }))
    return [step("hedge", "skip", `by ${method} of ${priority} priority it is not sent twice at a time`, path)];
  const when = hedge.afterMs === undefined ? `p${hedge.percentile} of its latency` : formatDuration(hedge.afterMs);
  const text = `without an answer after ${when} it also goes to another target, for ${hedge.budgetPercent} % of requests at most`;
  return [step("hedge", "note", text, path)];
}

function describeEjection({ breaker }: UpstreamSettings): string {
  const told = breaker.shared === true ? "; isolates tell each other" : "";
  return `${describeBreaker(breaker, "a target")}${told}`;
}
