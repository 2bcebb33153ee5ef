/** What stages and calls see of a request's trace. What records them is loaded by the first plan that has traces. */
import type { ChildContext, TraceContext } from "../../../shared/http/trace-context.ts";
import type { TargetFate } from "../../../shared/telemetry/span-trace.ts";

/** The optional members are there where spans are recorded; the first four also where answers tell times. */
export interface RequestTrace extends ChildContext {
  /** What was waited for, in the order in which it began; calls with an end where they are over. */
  readonly inner?: readonly TimedWait[] | undefined;
  readonly attempts?: readonly TimedCall[];
  /** Makes a call, which gets the span that its request names as its parent. */
  call?(to: CalledTarget, send: (trace: TraceContext) => Promise<Response>): Promise<Response>;
  /** Begins a part of the request that is waited for; the clock of the platform stands still for all else. @returns what ends it, once */
  wait?(name: string): () => void;
  /** The answer is there. @param instance the isolate's name */
  end?(instance: string, nowMs: number): void;
}

export interface TimedWait {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface TimedCall {
  readonly startMs: number;
  endMs: number | undefined;
}

/** What a span tells of a call upstream. */
export interface CalledTarget {
  readonly target: { readonly service: string } | { readonly origin: string };
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Of an upstream with several targets: which attempt at which of them it is. */
  readonly attempt?: CallAttempt;
  /** Part of an aggregate, and the requests that were sent before it for the same call of the part. */
  readonly part?: string;
  readonly resend?: number;
}

export interface CallAttempt {
  readonly upstream: string;
  readonly target: string;
  /** Requests that were sent before it for the same call. */
  readonly resend: number;
  readonly isHedge: boolean;
  readonly fate: TargetFate;
}
