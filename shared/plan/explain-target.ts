import type { TxnContext } from "../auth/txn-context.ts";
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { SelvageError } from "../errors.ts";
import { decodeField } from "../http/escapes.ts";
import { grpcCallOf } from "../http/grpc-answer.ts";
import type { Identity } from "../identity/identity.ts";
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { AggregatePart, AggregateTarget } from "../policy/aggregate-settings.ts";
import type { Caller } from "../policy/call-limits.ts";
import type { Priority } from "../policy/load-shedding.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import { rewritePath } from "../route/rewrite-path.ts";
import type { TranscodeSettings } from "../transcode/settings.ts";
import { describeTarget } from "./describe-target.ts";
import { explainAccess } from "./explain-access.ts";
import { explainAggregate, explainPart } from "./explain-aggregate.ts";
import { describeBreaker, explainBalance, explainHedge } from "./explain-balance.ts";
import { explainCallLimits } from "./explain-call-limits.ts";
import { explainCalls } from "./explain-calls.ts";
import { explainDiscovery } from "./explain-discovery.ts";
import { explainFaults } from "./explain-faults.ts";
import { explainProtocol } from "./explain-protocol.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { explainMirror, explainTraffic } from "./explain-traffic.ts";
import { explainTranscode } from "./explain-transcode.ts";
import { explainUpstream } from "./explain-upstream.ts";
import type { KnownArtifacts } from "./known-artifacts.ts";
import type { Plan, RegexRewrite, RoutePlan, ServicePlan } from "./plan.ts";

/** What reaches the target, after the gateway's own changes. */
export interface Forwarded {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly identity: Identity;
  readonly route: string;
  /** What the transaction token says beside it. */
  readonly context?: TxnContext["values"] | undefined;
  readonly priority: Priority;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  header(name: string): string | undefined;
  rewrite(rewrite: RegexRewrite, path: string): string;
  /** Descriptors by digest, as far as they are at hand. */
  readonly artifacts?: KnownArtifacts | undefined;
}

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
  return [...steps, ...target.parts.flatMap((part) => explainOnePart(plan, target, part, at, request))];
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

function explainOnePart(
  plan: Plan,
  target: AggregateTarget,
  part: AggregatePart,
  at: Path,
  request: Forwarded,
): ExplainStep[] {
  const known = { ...request, query: queryMembers(request.query) };
  const { path, at: place, step: call } = explainPart(target, part, at, known);
  const asked = { ...request, method: part.method, path };
  const made = part.transcode === undefined ? { steps: [], asked } : explainPartCall(part.transcode, place, asked);
  const isAsked = call.verdict !== "skip" && !made.steps.some(({ verdict }) => verdict === "deny");
  const inside = isAsked ? explainService(plan, part.target, made.asked.method, made.asked) : [];
  return [call, ...(call.verdict === "skip" ? [] : made.steps), ...inside].map((one) => ({
    ...one,
    part: part.name,
    optional: part.optional,
  }));
}

/** A part that is a call by gRPC. @param asked where it says that it goes, as far as that is known before other parts */
function explainPartCall(
  settings: TranscodeSettings,
  place: Path,
  asked: Forwarded,
): { readonly steps: readonly ExplainStep[]; readonly asked: Forwarded } {
  const [path = "", query] = asked.path.split("?", 2);
  const request = { method: asked.method, path, query: query === undefined ? "" : `?${query}` };
  const { steps, path: called } = explainTranscode(settings, place, request, asked.artifacts);
  const header = (name: string) => (name === "content-type" ? "application/grpc-web+proto" : asked.header(name));
  const made = { ...asked, method: "POST", path: called ?? path, header };
  const isKnown = !asked.path.includes("{") || !steps.some(({ verdict }) => verdict === "deny");
  if (isKnown) return { steps, asked: made };
  const text = "becomes a call by gRPC; of which method other parts decide";
  return { steps: [step("transcode", "note", text, [...place, "transcode"])], asked: made };
}

/** As the gateway reads it: of several members of one name the last counts, a value may hold `=`. */
export function queryMembers(query: string): Record<string, string> {
  const pairs = query.slice(1).split("&");
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return (at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]).map(decodeLoosely) as [string, string];
    }),
  );
}

const decodeLoosely = (text: string): string => decodeField(text) ?? text;

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
