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
import { countQuestion, newLimitLoad, stepShards } from "./limit-load.ts";
import {
  algorithmOf,
  availableOf,
  capacityOf,
  heldOf,
  type LimitAccount,
  type LimitAnswer,
  type LimiterState,
  type LimitQuestion,
  type ShardsTold,
} from "./limiter-state.ts";

const bounds = limits.rateLimit;
const ALONE: ShardsTold = { count: 1, sinceMs: 0 };

/**
 * Answers an isolate or a shard. A clock that went back stands still instead.
 * @param callsMax questions a second that its object is meant to bear before shards answer for it
 * @returns the answer, and whether the state has changed, which must then be stored before the answer is given
 */
export function askLimiter(
  state: LimiterState,
  question: LimitQuestion,
  nowMs: number,
  callsMax: number = Number.POSITIVE_INFINITY,
): { answer: LimitAnswer; changed: boolean } {
  const atMs = Math.max(nowMs, state.atMs);
  const { account, booked } = settleQuestion(state, question, atMs);
  const shards = Number.isFinite(callsMax) ? shardsNow(state, account, callsMax, atMs) : ALONE;
  // An isolate that goes to a shard takes nothing with it.
  if (shards.count > 1 && account !== undefined && account.asked === undefined) account.demand = 0;
  const given = giveQuestion(state, question, account, atMs);
  const changed = booked || (given.admitted ? question.cost : 0) + given.more + given.lent > 0;
  if (changed) state.atMs = atMs;
  const { admitted } = given;
  return { answer: { ...given, ...outlook(state, question, account, admitted, atMs), atMs, shards }, changed };
}

/** What is over, and what the question says was spent. @returns as `settleAccount` */
export function settleQuestion(
  state: LimiterState,
  { account }: LimitQuestion,
  nowMs: number,
): ReturnType<typeof settleAccount> {
  endLeases(state, nowMs);
  return account === undefined ? { account: undefined, booked: false } : settleAccount(state, account, nowMs);
}

/** What a question gets. @param account as it was settled */
export function giveQuestion(
  state: LimiterState,
  question: LimitQuestion,
  account: LimitAccount | undefined,
  nowMs: number,
): Pick<LimitAnswer, "admitted" | "more" | "lent" | "leaseMs" | "idleMax"> {
  const placed = state.settings.counts === undefined || account !== undefined;
  const admitted = placed && question.cost <= Math.max(0, availableOf(state, nowMs));
  if (admitted) giveTokens(state, account, question.cost, nowMs);
  const more = admitted ? Math.min(question.more, Math.max(0, availableOf(state, nowMs))) : 0;
  giveTokens(state, account, more, nowMs);
  const lease = account === undefined ? { lent: 0, leaseMs: 0, idleMax: 0 } : lendTokens(state, account, nowMs);
  return { admitted, more, ...lease };
}

function shardsNow(state: LimiterState, asking: LimitAccount | undefined, callsMax: number, atMs: number): ShardsTold {
  state.load ??= newLimitLoad(atMs);
  countQuestion(state.load, asking?.asked !== undefined, atMs);
  let asked = 0;
  for (const account of Object.values(state.accounts)) if (account.expiresAtMs > atMs) asked += account.asked ?? 0;
  return stepShards(state.load, asked, callsMax, state.settings, atMs);
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
