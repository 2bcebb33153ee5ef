/**
 * Whether requests wait for limiters that do not answer. A limiter that failed several times in a row is asked beside the
 * requests alone, by one question at a time and seldom, until it has answered in time; meanwhile `onFailure` decides at
 * once. Each limiter (one key of one limit) is watched for itself, so that a key which overloads its limiter costs the
 * others nothing. Where several limiters of one limit fail and none of its others answers, all of them are treated so:
 * each new key would else have to find out by itself.
 */
import { limits } from "../limits.ts";
import { type BreakerState, breakerSend, breakerStep, breakerVerdict, newBreaker } from "./breaker.ts";

const { failuresMax, limitersFailingMax, restMs } = limits.rateLimit;

/** Of one limiter. */
export type LimiterHealth = BreakerState;

/** Of all limiters of one limit. */
export interface LimitHealth {
  readonly breaker: BreakerState;
  /** Names of limiters that failed since one answered. */
  readonly failing: Set<string>;
}

export const newLimiterHealth = newBreaker;
export const newLimitHealth = (): LimitHealth => ({ breaker: newBreaker(), failing: new Set() });

const REST = {
  intervalMs: limits.breaker.intervalMs,
  ejectForMs: restMs,
  ejectForMsMax: restMs * limits.rateLimit.restGrowthMax,
};
const ONE = { consecutiveFailures: failuresMax, ...REST };
/** Its failures are counted by names. */
const ALL = { consecutiveFailures: 1, ...REST };

/** `ask`: and wait for the answer. `probe`: ask beside the request, which does not wait. `rest`: do not ask. */
export type HealthVerdict = "ask" | "probe" | "rest";

/**
 * What a request does that needs an answer; after `probe` the next ones rest, until it is known how that ended.
 * @param asking whether a question is on its way already: there is no other one beside it
 */
export function healthVerdict(one: LimiterHealth, all: LimitHealth, asking: boolean, nowMs: number): HealthVerdict {
  const [ofOne, ofAll] = [breakerVerdict(one, nowMs, ONE), breakerVerdict(all.breaker, nowMs, ALL)];
  if (ofOne === "yes" && ofAll === "yes") return "ask";
  if (asking || ofOne === "no" || ofAll === "no") return "rest";
  breakerSend(one, nowMs);
  breakerSend(all.breaker, nowMs);
  return "probe";
}

/** How a question ended. @param inTime whether its answer came within the time that a request waits */
export function noteAnswer(one: LimiterHealth, all: LimitHealth, name: string, inTime: boolean, nowMs: number): void {
  breakerStep(one, inTime ? "success" : "failure", nowMs, ONE);
  if (inTime) {
    all.failing.clear();
    breakerStep(all.breaker, "success", nowMs, ALL);
    return;
  }
  if (all.failing.size < limitersFailingMax) all.failing.add(name);
  const isOut = all.failing.size >= limitersFailingMax || all.breaker.ejectedUntilMs !== 0;
  if (isOut) breakerStep(all.breaker, "failure", nowMs, ALL);
}

/** Milliseconds until it is asked again; 0 where it would be at once. */
export function restLeftMs(one: LimiterHealth, all: LimitHealth, nowMs: number): number {
  return Math.max(0, one.ejectedUntilMs - nowMs, all.breaker.ejectedUntilMs - nowMs);
}
