/** Requests that run at once: nothing is remembered of them but that they run, which is what accounts hold. */
import type { LimitAlgorithm } from "./limit-algorithm.ts";

export interface Concurrency {
  readonly kind: "concurrency";
  limit: number;
}

export function newConcurrency(limit: number): Concurrency {
  return { kind: "concurrency", limit };
}

export const concurrency: LimitAlgorithm<Concurrency> = {
  free: ({ limit }) => limit,
  record: () => undefined,
  refund: () => undefined,
  freeInMs: ({ limit }, tokens) => (tokens <= limit ? 0 : Number.POSITIVE_INFINITY),
  endsAtMs: () => Number.POSITIVE_INFINITY,
  forgottenAtMs: () => 0,
};
