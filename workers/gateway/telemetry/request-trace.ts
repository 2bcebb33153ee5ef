/** What stages and calls see of a request's trace. What records them is loaded by the first plan that has traces. */
import type { ChildContext, TraceContext } from "../../../shared/http/trace-context.ts";

/** The optional members are there where spans are recorded. */
export interface RequestTrace extends ChildContext {
  /** Makes a call, which gets the span that its request names as its parent. */
  call?(to: CalledTarget, send: (trace: TraceContext) => Promise<Response>): Promise<Response>;
  /** Begins a part of the request that is waited for; the clock of the platform stands still for all else. @returns what ends it, once */
  wait?(name: string): () => void;
  /** The answer is there. @param instance the isolate's name */
  end?(instance: string, nowMs: number): void;
}

/** What a span tells of a call upstream. */
export interface CalledTarget {
  readonly target: { readonly service: string } | { readonly origin: string };
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Of an upstream with several targets: which attempt at which of them it is. */
  readonly attempt?: CallAttempt;
  /** Part of an aggregate. */
  readonly part?: string;
}

export interface CallAttempt {
  readonly upstream: string;
  readonly target: string;
  /** Requests that were sent before it for the same call. */
  readonly resend: number;
  readonly isHedge: boolean;
}
