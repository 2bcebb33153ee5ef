/** Counts limits for all instances of a service, by the steps of the control plane. */
import type { CallLimit } from "../../../shared/policy/call-limits.ts";
import { limiterFor } from "../../../shared/policy/change-limiter.ts";
import { countingOf, type LimiterState } from "../../../shared/policy/limiter-state.ts";
import { askLimiter, refundLimiter } from "../../../shared/policy/rate-limit.ts";
import { answerOf, type LimitedAnswer, type LimitsMessage, questionOf } from "../../../shared/wire/mesh-limits.ts";

/** By service, limit and key. */
export type LimiterStates = Map<string, LimiterState>;

export function answerLimits(
  states: LimiterStates,
  { asked = [], back = [] }: LimitsMessage,
  asker: { service: string; instance: string },
  all: readonly CallLimit[],
): { type: "limited"; answers: LimitedAnswer[] } {
  const nowMs = Date.now();
  const nameOf = (limit: string, key: string): string => `${asker.service} ${limit} ${key}`;
  const answers = asked.map((one) => {
    const settings = all.find(({ name }) => name === one.limit);
    if (settings === undefined) return answerOf(one.n, undefined);
    const name = nameOf(one.limit, one.key);
    const state = limiterFor(states.get(name), countingOf(settings), nowMs);
    states.set(name, state);
    return answerOf(one.n, askLimiter(state, questionOf(one, asker.instance), nowMs).answer);
  });
  for (const { limit, key, atMs } of back) {
    const state = states.get(nameOf(limit, key));
    if (state !== undefined) refundLimiter(state, atMs, 1, nowMs);
  }
  return { type: "limited", answers };
}
