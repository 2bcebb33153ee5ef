/** Gives upstreams no more requests at once than they take. */
import { SelvageError } from "../../../shared/errors.ts";
import { formatLoad, type LoadReport } from "../../../shared/http/load-report.ts";
import { TEMPORARY_REDUCED_CAPACITY } from "../../../shared/http/problem-types.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { type CounterState, type Series, seriesOf } from "../../../shared/policy/counters.ts";
import {
  enterUpstream,
  leaveUpstream,
  newShedding,
  type Priority,
  priorityOf,
  type SheddingSettings,
  type SheddingState,
  type SheddingTicket,
} from "../../../shared/policy/load-shedding.ts";
import { nameOfTarget } from "../../../shared/policy/settings.ts";
import { endOfAnswer, endOfFailure, type SheddingEnd } from "../../../shared/policy/shedding-end.ts";
import { hearLoad, newUpstreamLoad, refusesByLoad, type UpstreamLoad } from "../../../shared/policy/upstream-load.ts";
import type { ForwardCall, UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { mayHoldBody, readContent } from "./read-content.ts";
import { notePassed, noteWouldRefuse } from "./would-refuse.ts";

/** What a call is told by the shedder; its body may be held by then. */
export type ShedCall = Pick<UpstreamCall, "priority" | "onLoad" | "body">;

/** The call with what the shedder says of it. */
export const withShed = (call: ForwardCall, { priority, onLoad, body }: ShedCall): UpstreamCall => ({
  ...call,
  priority,
  onLoad,
  body,
});

/** What the shedder looks at of a call. */
type ShedQuestion = Pick<UpstreamCall, "target" | "fields" | "body" | "deadlineAtMs">;

interface Upstream {
  readonly state: SheddingState;
  readonly counts: Series<"upstream">["counts"];
  readonly load: UpstreamLoad;
  /** Until when a request can still be on its way; one whose isolate was cut off ends by this. */
  readonly open: Map<SheddingTicket, number>;
  sweptAtMs: number;
}

export class LoadShedder {
  readonly #upstreams = new BoundedMap<Upstream>(limits.loadShedding.upstreamsMax);
  readonly #counters: CounterState;

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  /**
   * Makes a call when its upstream has a place for it. The place is held until the answer's head is there: content that streams
   * for long says nothing of load. A small body has come by then, and takes no place while it comes.
   * @throws SelvageError overloaded, and whatever the call or reading its body throws
   */
  call(c: Context<GatewayEnv>, call: ShedQuestion, send: (shed: ShedCall) => Promise<Response>): Promise<Response> {
    const settings = c.get("held").plan.shedding;
    const priority = priorityOf(c.get("identity").plan, c.get("route").priority, settings);
    if (settings === undefined) return send({ priority, body: call.body });
    return this.#callWithin(c, call, settings, priority, send);
  }

  async #callWithin(
    c: Context<GatewayEnv>,
    call: ShedQuestion,
    settings: SheddingSettings,
    priority: Priority,
    send: (shed: ShedCall) => Promise<Response>,
  ): Promise<Response> {
    const route = c.get("route");
    const name = nameOfTarget(call.target);
    const body = mayHoldBody(c, call) ? await readContent(c) : call.body;
    const upstream = this.#upstreamOf(name, settings);
    const nowMs = Date.now();
    const isFull = refusesByLoad(upstream.load, priority, nowMs);
    if (isFull && settings.mode === "enforce") {
      upstream.counts.shed++;
      throw full(name, priority, upstream.load);
    }
    const { ticket, wouldRefuse } = enterUpstream(upstream.state, priority, route.name, nowMs, settings);
    if (wouldRefuse) sweep(upstream, nowMs, settings);
    if (ticket === undefined) {
      upstream.counts.shed++;
      throw overloaded(name, priority, upstream.state);
    }
    if (isFull || wouldRefuse) {
      upstream.counts.wouldShed++;
      noteWouldRefuse(c, this.#counters, { policy: "shedding", error: "overloaded" });
    } else if (settings.mode === "shadow") notePassed(c, this.#counters, "shedding");
    upstream.open.set(ticket, call.deadlineAtMs);
    const onLoad = (report: LoadReport): void => hearLoad(upstream.load, report, Date.now());
    const isStreaming = body instanceof ReadableStream;
    const calling = this.#perform(upstream, ticket, settings, isStreaming, () => send({ priority, onLoad, body }));
    // A client that leaves does not end the call, or nobody would hear of its end.
    c.executionCtx.waitUntil(calling.catch(() => undefined));
    return calling;
  }

  async #perform(
    upstream: Upstream,
    ticket: SheddingTicket,
    settings: SheddingSettings,
    isStreaming: boolean,
    send: () => Promise<Response>,
  ): Promise<Response> {
    let end: SheddingEnd = "failed";
    try {
      const answer = await send();
      end = endOfAnswer(answer.status, isStreaming);
      return answer;
    } catch (cause) {
      end = endOfFailure(cause, isStreaming);
      throw cause;
    } finally {
      leave(upstream, ticket, end, settings);
    }
  }

  #upstreamOf(name: string, settings: SheddingSettings): Upstream {
    const known = this.#upstreams.get(name);
    if (known !== undefined) return known;
    const { counts } = seriesOf(this.#counters, "upstream", name);
    const open = new Map<SheddingTicket, number>();
    const upstream = { state: newShedding(settings), load: newUpstreamLoad(), counts, open, sweptAtMs: 0 };
    this.#upstreams.set(name, upstream);
    return upstream;
  }
}

function leave({ state, open }: Upstream, ticket: SheddingTicket, end: SheddingEnd, settings: SheddingSettings): void {
  if (open.delete(ticket)) leaveUpstream(state, ticket, end, Date.now(), settings);
}

function sweep(upstream: Upstream, nowMs: number, settings: SheddingSettings): void {
  if (nowMs - upstream.sweptAtMs < limits.loadShedding.sweepMs) return;
  upstream.sweptAtMs = nowMs;
  for (const [ticket, endsAtMs] of upstream.open)
    if (endsAtMs + limits.loadShedding.sweepMs < nowMs) leave(upstream, ticket, "failed", settings);
}

function overloaded(name: string, priority: string, { limit, inFlight }: SheddingState): SelvageError {
  const reason = `${name} has ${inFlight.join("+")} requests of ${limit.toFixed(1)}: no place for one of ${priority} priority`;
  return new SelvageError("overloaded", reason, { members: { type: TEMPORARY_REDUCED_CAPACITY } });
}

function full(name: string, priority: Priority, { report }: UpstreamLoad): SelvageError {
  const said = report === undefined ? "" : `: ${formatLoad(report)}`;
  const reason = `${name} says that it is full for ${priority} priority${said}`;
  return new SelvageError("overloaded", reason, { members: { type: TEMPORARY_REDUCED_CAPACITY } });
}
