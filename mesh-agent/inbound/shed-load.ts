/**
 * Gives the application no more requests at once than it takes, the most important first, and tells callers how full it is. The limit is
 * found as the gateway finds that of an upstream, by `shared/policy/load-shedding.ts`, until the answer's head.
 */
import { SelvageError } from "../../shared/errors.ts";
import { LOAD, PRIORITY } from "../../shared/http/header-names.ts";
import { formatLoad } from "../../shared/http/load-report.ts";
import { TEMPORARY_REDUCED_CAPACITY } from "../../shared/http/problem-types.ts";
import { GATEWAY_SERVICE } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import { isGrpcBusy } from "../../shared/policy/grpc-status.ts";
import {
  type ConcurrencySettings,
  enterUpstream,
  leaveUpstream,
  loadOf,
  newShedding,
  type Priority,
  readPriority,
  type SheddingState,
  type SheddingTicket,
} from "../../shared/policy/load-shedding.ts";
import { endOfAnswer, endOfCode, type SheddingEnd } from "../../shared/policy/shedding-end.ts";
import type { Stage } from "../proxy/call.ts";
import type { RequestHead } from "../proxy/engine.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { InboundCall } from "./inbound-call.ts";

export function shedLoad(metrics: Metrics): Stage<InboundCall> {
  // Instances that measure at the same moments would have no room at the same moments.
  const phaseMs = Math.random() * limits.loadShedding.probeEveryMs;
  const clock = (): number => performance.now() + phaseMs;
  let state: SheddingState | undefined;
  const begin = (settings: ConcurrencySettings): SheddingState => {
    const begun = newShedding(settings);
    metrics.load = () => loadOf(begun, clock());
    return begun;
  };
  return (call, next) => {
    const settings = call.plan.plan.inbound?.shedding;
    if (settings === undefined) {
      next();
      return;
    }
    state ??= begin(settings);
    admit(call, state, settings, clock, metrics);
    next();
  };
}

function admit(
  call: InboundCall,
  state: SheddingState,
  settings: ConcurrencySettings,
  clock: () => number,
  metrics: Metrics,
): void {
  const priority = priorityIn(call);
  const { ticket, wouldRefuse } = enterUpstream(state, priority, routeOf(call.exchange.head), clock(), settings);
  if (wouldRefuse) metrics.shed(priority, settings.mode);
  if (settings.mode === "shadow") {
    if (wouldRefuse) metrics.shadows.wouldRefuse(call.facts, { policy: "shedding", error: "overloaded" });
    else metrics.shadows.passed("shedding");
  }
  if (ticket !== undefined) watch(call, state, ticket, settings, clock);
  // Last, so that what it tells is with this request gone. Who refuses nobody asks nobody to refuse; the mesh alone is told.
  if (settings.mode === "enforce" && call.from !== undefined)
    call.onRespond(({ fields }) => fields.set(LOAD, formatLoad(loadOf(state, clock()))));
  if (ticket === undefined) throw overloaded(priority, state);
}

function watch(
  call: InboundCall,
  state: SheddingState,
  ticket: SheddingTicket,
  settings: ConcurrencySettings,
  clock: () => number,
): void {
  let isOver = false;
  const leave = (end: SheddingEnd): void => {
    if (isOver) return;
    isOver = true;
    leaveUpstream(state, ticket, end, clock(), settings);
  };
  call.onRespond(({ status }) =>
    leave(call.facts.error === undefined ? endOfAnswer(isBusy(call) ? 503 : status) : endOfCode(call.facts.error)),
  );
  call.onFinish(() => leave(hasWaitedInVain(call) ? "overloaded" : "abandoned"));
}

/** By gRPC the application says so with status 200. */
function isBusy({ isGrpc, facts: { grpcStatus } }: InboundCall): boolean {
  return isGrpc && grpcStatus !== undefined && isGrpcBusy(grpcStatus);
}

/** Callers give up a moment before the time that they gave is over, and then no answer says how late the application is. */
function hasWaitedInVain({ arrivedAtMs, deadlineMs }: InboundCall): boolean {
  return performance.now() - arrivedAtMs >= limits.loadShedding.inVainShare * (deadlineMs - arrivedAtMs);
}

/** The gateway's word alone is believed: any workload would have its own calls be important. */
function priorityIn({ from, exchange, priority }: InboundCall): Priority {
  if (priority !== undefined) return priority;
  return from === GATEWAY_SERVICE ? readPriority(exchange.head.fields.get(PRIORITY)) : "normal";
}

/** What takes about equally long, as far as a path tells it: method and first segment. */
function routeOf({ method, target }: RequestHead): string {
  return `${method} ${/^\/[^/?]*/.exec(target)?.[0] ?? ""}`;
}

function overloaded(priority: Priority, { inFlight, limit }: SheddingState): SelvageError {
  const reason = `the application has ${inFlight.join("+")} requests of ${limit.toFixed(1)}: no place for one of ${priority} priority`;
  return new SelvageError("overloaded", reason, { members: { type: TEMPORARY_REDUCED_CAPACITY } });
}
