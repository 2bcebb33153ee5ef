/**
 * The limiter of one key: a way of counting, and accounts of isolates that hold tokens in advance.
 *
 * Tokens of an account count in full from the moment they are lent, and do not age. They begin to age when they were spent
 * as the isolate reports it, or at the end of its lease, whichever is first. So whatever isolates do with them, no window
 * sees more than its bound; the price is that tokens which nobody spends are not there for others, and those are never
 * more than `lendableOf(settings)`. Times are of one clock, the caller's; of isolates only durations are believed.
 */
import { limits } from "../limits.ts";
import { endLeases, giveTokens, lendTokens, settleAccount } from "./limit-accounts.ts";
import {
  algorithmOf,
  availableOf,
  capacityOf,
  heldOf,
  type LimitAccount,
  type LimitAnswer,
  type LimiterState,
  type LimitQuestion,
} from "./limiter-state.ts";

const bounds = limits.rateLimit;

/**
 * Answers an isolate. A clock that went back stands still instead.
 * @returns the answer, and whether the state has changed, which must then be stored before the answer is given
 */
export function askLimiter(
  state: LimiterState,
  question: LimitQuestion,
  nowMs: number,
): { answer: LimitAnswer; changed: boolean } {
  const atMs = Math.max(nowMs, state.atMs);
  endLeases(state, atMs);
  const { account, booked } = settled(state, question, atMs);
  const placed = state.settings.counts === undefined || account !== undefined;
  const admitted = placed && question.cost <= Math.max(0, availableOf(state, atMs));
  if (admitted) giveTokens(state, account, question.cost, atMs);
  const more = admitted ? Math.min(question.more, Math.max(0, availableOf(state, atMs))) : 0;
  giveTokens(state, account, more, atMs);
  const lease = account === undefined ? { lent: 0, leaseMs: 0, idleMax: 0 } : lendTokens(state, account, atMs);
  const given = admitted ? question.cost + more : 0;
  const changed = booked || given + lease.lent > 0;
  if (changed) state.atMs = atMs;
  return { answer: { admitted, more, ...lease, ...outlook(state, question, account, admitted, atMs), atMs }, changed };
}

/** Gives back what was admitted. @param atMs `atMs` of the answer */
export function refundLimiter(state: LimiterState, atMs: number, cost: number, nowMs: number): void {
  algorithmOf(state.history).refund(state.history, atMs, cost, Math.max(nowMs, state.atMs));
}

/** From when on a state that nobody touches any more means the same as a new one. */
export function forgottenAtMs({ settings, history, accounts }: LimiterState): number {
  const ends = Object.values(accounts).map(({ expiresAtMs }) => expiresAtMs + settings.windowMs);
  return Math.max(algorithmOf(history).forgottenAtMs(history), ...ends);
}

function settled(state: LimiterState, { account }: LimitQuestion, atMs: number): ReturnType<typeof settleAccount> {
  return account === undefined ? { account: undefined, booked: false } : settleAccount(state, account, atMs);
}

/** What is left, and until when there is nothing. */
function outlook(
  state: LimiterState,
  { cost }: LimitQuestion,
  account: LimitAccount | undefined,
  admitted: boolean,
  atMs: number,
): Pick<LimitAnswer, "emptyMs" | "emptyCost" | "remaining" | "resetMs"> {
  const { history, settings } = state;
  const free = Math.max(0, availableOf(state, atMs));
  const held = heldOf(state).tokens;
  const capacity = capacityOf(settings);
  const untilFree = (tokens: number): number => algorithmOf(history).freeInMs(history, tokens + held, atMs);
  const idle = account === undefined ? 0 : account.tokens - account.inUse;
  const emptyCost = admitted ? 1 : cost;
  const emptyMs = free >= emptyCost ? 0 : emptyFor(state, untilFree(emptyCost), account !== undefined, atMs);
  return {
    remaining: free + idle,
    // No isolate refuses longer than a client is told to wait.
    resetMs: Math.max(
      emptyMs,
      untilMore(state, admitted ? untilFree(Math.min(free + 1, capacity - held)) : untilFree(cost), admitted),
    ),
    emptyCost,
    emptyMs,
  };
}

function untilMore({ settings }: LimiterState, freeInMs: number, admitted: boolean): number {
  if (settings.counts === "concurrent" && !admitted) return bounds.reservedRefusedMsMax;
  return Math.min(freeInMs, settings.windowMs);
}

/**
 * Isolates that hold leases ask again at common moments, a `slidingSlices`-th of the window or a `burstSteps`-th of the burst
 * apart, where limits are so high that each would otherwise ask for every single token. Slices and fixed windows have such
 * moments of their own.
 */
function emptyFor(state: LimiterState, freeInMs: number, leased: boolean, atMs: number): number {
  const { settings, history } = state;
  const mostMs = believedMs(state, atMs);
  if (freeInMs >= mostMs) return mostMs;
  const capacity = capacityOf(settings);
  if (!leased || capacity <= bounds.slidingSlices || (history.kind !== "log" && history.kind !== "gcra"))
    return freeInMs;
  const steps = history.kind === "log" ? bounds.slidingSlices : bounds.burstSteps;
  const stepMs = (settings.windowMs * capacity) / settings.limit / steps;
  return Math.min(mostMs, Math.ceil(Math.ceil((atMs + freeInMs) / stepMs) * stepMs) - atMs);
}

/** How long nothing may come back that is not known of: for long where nobody holds anything, and nothing has changed lately. */
function believedMs(state: LimiterState, atMs: number): number {
  const { counts } = state.settings;
  if (counts === "concurrent") return bounds.concurrentRefusedMsMax;
  if (counts === "cost") return bounds.reservedRefusedMsMax;
  const { tokens, lost } = heldOf(state);
  const settled = tokens + lost === 0 && atMs - state.atMs >= bounds.refusedMsMax;
  return settled ? bounds.refusedSurelyMsMax : bounds.refusedMsMax;
}
