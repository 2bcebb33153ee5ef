/**
 * What a shard of a limiter counts on: tokens that the limiter has lent to it. They count there from that moment on, so here
 * nothing ages and nothing comes back by itself.
 */
import type { LimitAlgorithm } from "./limit-algorithm.ts";

export interface LentTokens {
  readonly kind: "lent";
  /** Held and not spent as far as is known, what it has lent on with them. Below 0: more was used than was held. */
  tokens: number;
  /** All that was spent; how much of it the limiter was told. */
  spent: number;
  told: number;
  spentAtMs: number;
  /** When the lease ends; 0: there was none yet. */
  endsAtMs: number;
  /** What may lie here, and with those that it is lent on to, without being used. */
  idleMax: number;
  /** Wanted by questions that wait until there is more: what comes for them is not lent to others. */
  waiting: number;
}

export function newLentTokens(): LentTokens {
  return { kind: "lent", tokens: 0, spent: 0, told: 0, spentAtMs: 0, endsAtMs: 0, idleMax: 0, waiting: 0 };
}

export const lentTokens: LimitAlgorithm<LentTokens> = {
  free: ({ tokens }) => tokens,
  record(state, atMs, tokens) {
    state.tokens -= tokens;
    state.spent += tokens;
    state.spentAtMs = Math.max(state.spentAtMs, atMs);
  },
  /** What the limiter has been told of stays spent. */
  refund(state, _, tokens) {
    const given = Math.min(tokens, state.spent - state.told);
    state.tokens += given;
    state.spent -= given;
  },
  freeInMs: ({ tokens: free }, tokens) => (tokens <= free ? 0 : Number.POSITIVE_INFINITY),
  endsAtMs: ({ endsAtMs }) => endsAtMs,
  forgottenAtMs: ({ endsAtMs }) => endsAtMs,
};
