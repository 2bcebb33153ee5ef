import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { SelvageError } from "../errors.ts";
import { grpcCallOf } from "../http/grpc-answer.ts";
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { AggregatePart } from "../policy/aggregate-settings.ts";
import type { Caller } from "../policy/call-limits.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import { rewritePath } from "../route/rewrite-path.ts";
import { describeTarget } from "./describe-target.ts";
import { explainAccess } from "./explain-access.ts";
import { explainAggregate } from "./explain-aggregate.ts";
import { describeBreaker, explainBalance, explainHedge } from "./explain-balance.ts";
import { explainCallLimits } from "./explain-call-limits.ts";
import { explainCalls } from "./explain-calls.ts";
import { explainDiscovery } from "./explain-discovery.ts";
import { explainFaults } from "./explain-faults.ts";
import type { Forwarded } from "./explain-forwarded.ts";
import { explainParts } from "./explain-parts.ts";
import { explainProtocol } from "./explain-protocol.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { explainMirror, explainTraffic } from "./explain-traffic.ts";
import { explainTranscode } from "./explain-transcode.ts";
import { explainUpstream } from "./explain-upstream.ts";
import type { Plan, RegexRewrite, RoutePlan, ServicePlan } from "./plan.ts";

/** Where the request goes and whether it is let in there. */
export function explainTarget(plan: Plan, route: RoutePlan, at: Path, request: Forwarded): ExplainStep[] {
  const { target } = route;
  if (target.kind === "forward") {
    const path = tryPath(target, at, request);
    if (typeof path !== "string") return [path];
    const via = describeTarget(target.to);
    const steps = [step("target", "pass", `${request.method} ${path}${request.query} to ${via}`, [...at, "to"])];
    if (
      route.transcode === undefined ||
      grpcCallOf(request.method, request.header("content-type") ?? null) !== undefined
    )
      return [...steps, ...explainService(plan, target.to, request.method, { ...request, path })];
    const call = explainTranscode(route.transcode, at, { ...request, path }, request.artifacts);
    if (call.steps.some(({ verdict }) => verdict === "deny")) return [...call.steps];
    const header = (name: string) => (name === "content-type" ? "application/grpc-web+proto" : request.header(name));
    const asked = { ...request, method: "POST", path: call.path ?? path, header };
    return [...steps, ...call.steps, ...explainService(plan, target.to, "POST", asked)];
  }
  if (target.kind !== "aggregate") return [];
  const steps = explainAggregate(route, target, at, request.method);
  if (steps.some(({ verdict }) => verdict === "deny")) return steps;
  const inside = (part: AggregatePart, asked: Forwarded): ExplainStep[] =>
    explainService(plan, part.target, asked.method, asked);
  return [...steps, ...explainParts(target, at, request, inside)];
}

/** The path that a target is asked for. */
export function pathFor(
  { rewrite }: { readonly rewrite?: string | RegexRewrite },
  request: Pick<Forwarded, "path" | "params" | "rewrite">,
): string {
  if (rewrite === undefined) return request.path;
  return typeof rewrite === "string" ? rewritePath(rewrite, request.params) : request.rewrite(rewrite, request.path);
}

/** The same, or why there is none: what an expression has made of it cannot be read in one way. */
export function tryPath(target: Parameters<typeof pathFor>[0], at: Path, request: Parameters<typeof pathFor>[1]) {
  try {
    return pathFor(target, request);
  } catch (cause) {
    if (!(cause instanceof SelvageError)) throw cause;
    return step("rewrite", "deny", cause.reason, [...at, "rewrite"], cause.code);
  }
}

function explainService(plan: Plan, target: UpstreamTarget, method: string, request: Forwarded): ExplainStep[] {
  if ("upstream" in target) return explainUpstream(plan.gateway, target.upstream, { ...request, method });
  if (!("service" in target)) return [];
  const name = target.service;
  const service = Object.hasOwn(plan.mesh.services, name) ? plan.mesh.services[name] : undefined;
  if (service === undefined) return [step("mesh", "deny", `there is no service ${name}`, undefined, "unknown_service")];
  const at: Path = ["mesh", "services", name];
  const routed = { ...request, method, sub: request.identity.sub };
  return [
    explainTraffic(service, at, routed),
    ...explainMirror(service, at, routed),
    ...explainFaults(service, at, routed, request.nowMs),
    ...explainDiscovery(service, at),
    explainBalance(service, at),
    ...explainHedge(service, method, request.priority, at),
    ...explainAccess(service, name, at, routed),
    ...explainCallLimits(service, at, callerOf(request)),
    step("limits", "note", describeTimes(service), at),
    ...explainProtocol(service, at, request.header("content-type")),
    ...explainCalls(plan, name, at),
  ];
}

/** As the service's agent sees the gateway's request. */
function callerOf(request: Forwarded): Caller {
  const { identity, path } = request;
  const user = identity.method === "anonymous" ? undefined : identity;
  return { service: GATEWAY_SERVICE, user, path, header: (name) => request.header(name) };
}

function describeTimes({ timeoutMs, retries, breaker }: ServicePlan): string {
  const perTry = retries.perTryMs === undefined ? "" : ` of ${formatDuration(retries.perTryMs)} each`;
  const tries =
    retries.attempts === 0
      ? "no retry"
      : `up to ${retries.attempts} retries${perTry} on ${[...retries.on, ...(retries.statuses ?? [])].join(", ")}`;
  const timeout = timeoutMs === 0 ? "no timeout but the caller's" : `timeout ${formatDuration(timeoutMs)}`;
  return `${timeout}, ${tries}; ${describeBreaker(breaker)}`;
}
