/**
 * One isolate's side of a limit: what it holds in advance, whether it may spend or must ask, and until when it refuses by
 * itself. Times are of the isolate's own clock, and are never compared with the limiter's.
 */
import { limits } from "../limits.ts";
import { type LimitAnswer, type LimiterSettings, type LimitQuestion, leaseMsOf } from "./limiter-state.ts";

const bounds = limits.rateLimit;

export interface LimitHolder {
  readonly id: string;
  seq: number;
  /** When the question that is on its way was sent; undefined: there is none. */
  askedAtMs: number | undefined;
  /** Tokens wanted by requests that wait for its answer, and how many of them were spent for those already. */
  waiting: number;
  paid: number;
  /** When the limiter counted those, by its clock. */
  paidAtMs: number;
  /** Tokens that may be spent, until when, and how many there were when they were lent. */
  balance: number;
  spendUntilMs: number;
  lease: number;
  /** Reserved by requests that run; in order of when they began. */
  inUse: number;
  readonly running: { readonly begunAtMs: number; readonly tokens: number }[];
  /** What the holder may keep without using it. */
  idleMax: number;
  /** All that was ever spent; how much of it was told, and how much was heard. */
  spent: number;
  told: number;
  acknowledged: number;
  spentAtMs: number;
  /** Tokens wanted lately: each counts for less as time passes, by e in the time of a lease. */
  wanted: number;
  wantedAtMs: number;
  /** Until when requests of `emptyCost` and above are refused here. */
  emptyUntilMs: number;
  emptyCost: number;
  /** The lease is renewed from the one on, whatever is left, and not before the other. */
  renewAtMs: number;
  pausedUntilMs: number;
  /** What is left as far as it is known here, and when there is more. */
  remaining: number;
  resetAtMs: number;
  seenMs: number;
  /** Another object is asked instead: what comes back goes back. */
  left: boolean;
}

/** `ask`: with `askQuestion`. `wait`: a question is on its way, look again. */
export type HolderVerdict = "admitted" | "refused" | "ask" | "wait";

/** @param id of the isolate and this holder; never used again */
export function newHolder(id: string): LimitHolder {
  return {
    ...{ id, seq: 0, askedAtMs: undefined, waiting: 0, paid: 0, paidAtMs: 0, balance: 0, spendUntilMs: 0 },
    ...{
      lease: 0,
      inUse: 0,
      running: [],
      idleMax: 0,
      spent: 0,
      told: 0,
      acknowledged: 0,
      spentAtMs: 0,
      wanted: 0,
      wantedAtMs: 0,
    },
    ...{ emptyUntilMs: 0, emptyCost: 1, renewAtMs: 0, pausedUntilMs: 0, remaining: 0, resetAtMs: 0, seenMs: 0 },
    left: false,
  };
}

/**
 * The isolate asks another object from now on. What the old holder holds goes back with its next question.
 * @param id as for `newHolder`
 * @returns the holder for the other object: what is known of the limit, and no token; and whether the old object is to be told
 */
export function leaveHolder(old: LimitHolder, id: string): { holder: LimitHolder; tell: boolean } {
  const tell = old.balance + old.inUse > 0 || old.spent > old.acknowledged;
  const { wanted, wantedAtMs, emptyUntilMs, emptyCost, remaining, resetAtMs, seenMs } = old;
  Object.assign(old, { balance: 0, idleMax: 0, wanted: 0, left: true });
  const known = { wanted, wantedAtMs, emptyUntilMs, emptyCost, remaining, resetAtMs, seenMs };
  return { holder: { ...newHolder(id), ...known }, tell };
}

/** Counts a request that has come; before `spend`. */
export function want(holder: LimitHolder, cost: number, nowMs: number, settings: LimiterSettings): void {
  seeClock(holder, nowMs);
  holder.wanted = wantedNow(holder, nowMs, settings) + cost;
  holder.wantedAtMs = nowMs;
}

/** A request begins to wait for the answer to another's question. */
export function beginWait(holder: LimitHolder, cost: number): void {
  holder.waiting += cost;
}

/** It looks again, or no longer waits. What was spent for it is taken with `spend` before this, or lost. */
export function endWait(holder: LimitHolder, cost: number): void {
  holder.waiting -= cost;
  holder.paid = Math.min(holder.paid, holder.waiting);
}

/**
 * Whether a request may pass by what is known here; takes its tokens if so.
 * @param waited whether it has waited for an answer, part of which may be for it
 * @param waitMs how long an answer may take
 */
export function spend(
  holder: LimitHolder,
  cost: number,
  waited: boolean,
  nowMs: number,
  settings: LimiterSettings,
  waitMs: number,
): HolderVerdict {
  seeClock(holder, nowMs);
  if (waited && holder.paid >= cost) {
    holder.paid -= cost;
    return "admitted";
  }
  if (holder.balance >= cost && nowMs < holder.spendUntilMs) {
    holder.balance -= cost;
    holder.remaining = Math.max(0, holder.remaining - cost);
    if (settings.counts === undefined) addSpent(holder, cost, nowMs);
    else reserve(holder, cost, nowMs);
    return "admitted";
  }
  if (isEmpty(holder, cost, nowMs)) return "refused";
  return isAsking(holder, nowMs, waitMs) ? "wait" : "ask";
}

/** Whether the lease is to be renewed beside the requests: little of it is left, and there may be more. */
export function shouldRenew(holder: LimitHolder, nowMs: number, waitMs: number): boolean {
  if (holder.lease === 0) return false;
  if (holder.balance * bounds.renewPart > holder.lease && nowMs < holder.renewAtMs) return false;
  return nowMs >= holder.emptyUntilMs && nowMs >= holder.pausedUntilMs && !isAsking(holder, nowMs, waitMs);
}

/**
 * The question to the limiter. Whoever sends it says afterwards how it ended, by `takeAnswer` or `giveUp`.
 * @param cost of the request that asks; 0: none asks
 */
export function askQuestion(
  holder: LimitHolder,
  cost: number,
  nowMs: number,
  settings: LimiterSettings,
  leased: boolean,
): LimitQuestion {
  seeClock(holder, nowMs);
  if (nowMs >= holder.spendUntilMs) holder.balance = 0;
  dropForgotten(holder, nowMs, settings);
  if (settings.counts !== undefined) holder.balance = Math.min(holder.balance, holder.idleMax);
  holder.seq++;
  holder.askedAtMs = nowMs;
  holder.told = holder.spent;
  const wanted = leased && leaseMsOf(settings) > 0 ? wantedNow(holder, nowMs, settings) : 0;
  // What is asked for once needs no account: most keys are asked for once.
  const demand = wanted < 2 * Math.max(1, cost) ? 0 : wanted;
  const left = holder.balance + holder.inUse;
  const more = Math.max(0, holder.waiting - holder.paid - holder.balance);
  const silent =
    !holder.left && settings.counts === undefined && demand === 0 && left === 0 && holder.spent === holder.acknowledged;
  if (silent) return { cost, more };
  const { id, seq, spent, acknowledged, inUse, spentAtMs } = holder;
  const account = { id, seq, spent, acknowledged, left, inUse, sinceSpentMs: Math.max(0, nowMs - spentAtMs), demand };
  return { cost, more, account };
}

/**
 * @param question as `askQuestion` made it
 * @param sentAtMs when; a lease is counted from there, so that it ends here before it ends at the limiter
 * @returns false when the answer came too late: another question was asked since, and this one must not be acted on
 */
export function takeAnswer(
  holder: LimitHolder,
  seq: number,
  question: LimitQuestion,
  answer: LimitAnswer,
  sentAtMs: number,
  nowMs: number,
  settings: LimiterSettings,
): boolean {
  if (seq !== holder.seq) return false;
  holder.askedAtMs = undefined;
  if (question.account !== undefined) holder.acknowledged = question.account.spent;
  const reserved = settings.counts !== undefined;
  holder.balance += answer.lent + (reserved ? answer.more : 0);
  if (reserved && answer.admitted && question.cost > 0) reserve(holder, question.cost, nowMs);
  // Of several answers the oldest: what is given back there cannot be younger than what was taken.
  if (!reserved && holder.paid === 0) holder.paidAtMs = answer.atMs;
  if (!reserved) holder.paid += answer.more;
  if (answer.leaseMs > 0) {
    holder.spendUntilMs = sentAtMs + answer.leaseMs;
    holder.renewAtMs = holder.spendUntilMs - answer.leaseMs / bounds.renewPart;
  }
  holder.lease = holder.balance;
  holder.idleMax = answer.idleMax;
  takeOutlook(holder, answer, nowMs);
  return true;
}

/** Keeps what an answer says of the time to come; all that `exact` needs of it. */
export function takeOutlook(holder: LimitHolder, answer: LimitAnswer, nowMs: number): void {
  holder.emptyUntilMs = nowMs + answer.emptyMs;
  holder.emptyCost = answer.emptyCost;
  holder.remaining = answer.remaining;
  holder.resetAtMs = nowMs + answer.resetMs;
}

/** Whether a request is refused by what the limiter said last. */
export function isEmpty(holder: LimitHolder, cost: number, nowMs: number): boolean {
  seeClock(holder, nowMs);
  return nowMs < holder.emptyUntilMs && cost >= holder.emptyCost;
}

/** No answer came in time. What the limiter may have lent meanwhile is taken back by the next question. */
export function giveUp(holder: LimitHolder, seq: number, nowMs: number): void {
  if (seq !== holder.seq) return;
  // An answer that comes yet is not taken.
  holder.seq++;
  holder.askedAtMs = undefined;
  holder.pausedUntilMs = nowMs + bounds.renewPauseMs;
}

/** Takes back what a request spent here that did not go on. What the limiter has been told of stays spent. */
export function unspend(holder: LimitHolder, cost: number, nowMs: number): void {
  if (holder.spent - cost < holder.told || nowMs >= holder.spendUntilMs) return;
  holder.spent -= cost;
  holder.balance += cost;
  holder.remaining += cost;
}

/**
 * A request that had reserved tokens has ended.
 * @param begunAtMs when it was admitted, the time given to `spend` or `takeAnswer`
 * @param used tokens that it used, for good; 0 for slots
 * @returns whether the limiter should be told at once: others could use what lies here, or it does not know that it is free
 */
export function settleReserved(
  holder: LimitHolder,
  reserved: number,
  used: number,
  begunAtMs: number,
  nowMs: number,
): boolean {
  const place = holder.running.findIndex((one) => one.begunAtMs === begunAtMs && one.tokens === reserved);
  if (place < 0) return false;
  holder.running.splice(place, 1);
  holder.inUse -= reserved;
  if (used > 0) addSpent(holder, used, nowMs);
  const back = Math.max(0, reserved - used);
  holder.remaining = Math.max(0, holder.remaining + reserved - used);
  if (nowMs >= holder.spendUntilMs) return back > 0;
  holder.balance += back;
  return holder.balance > holder.idleMax;
}

function reserve(holder: LimitHolder, tokens: number, nowMs: number): void {
  holder.inUse += tokens;
  holder.running.push({ begunAtMs: nowMs, tokens });
}

/** Requests that nobody ended, since the platform gave them up with their client: what they reserved counts as used. */
function dropForgotten(holder: LimitHolder, nowMs: number, settings: LimiterSettings): void {
  const longestMs = settings.counts === "concurrent" ? settings.windowMs : bounds.reservedMsMax;
  for (
    let [first] = holder.running;
    first !== undefined && first.begunAtMs + longestMs <= nowMs;
    [first] = holder.running
  ) {
    holder.running.shift();
    holder.inUse -= first.tokens;
    if (settings.counts === "cost") addSpent(holder, first.tokens, nowMs);
  }
}

/** Whether an answer may yet come. */
export function isAsking({ askedAtMs }: LimitHolder, nowMs: number, waitMs: number): boolean {
  return askedAtMs !== undefined && nowMs < askedAtMs + waitMs;
}

function addSpent(holder: LimitHolder, tokens: number, nowMs: number): void {
  holder.spent += tokens;
  holder.spentAtMs = nowMs;
}

function wantedNow({ wanted, wantedAtMs }: LimitHolder, nowMs: number, settings: LimiterSettings): number {
  return wanted * Math.exp(-Math.max(0, nowMs - wantedAtMs) / Math.max(1, leaseMsOf(settings)));
}

/** A clock that was set back says nothing of when the lease ends, so it has ended. */
function seeClock(holder: LimitHolder, nowMs: number): void {
  if (nowMs < holder.seenMs) {
    holder.balance = 0;
    holder.paid = 0;
    holder.spendUntilMs = 0;
    holder.emptyUntilMs = 0;
    holder.pausedUntilMs = 0;
    holder.spentAtMs = nowMs;
    holder.wantedAtMs = nowMs;
    if (holder.askedAtMs !== undefined) giveUp(holder, holder.seq, nowMs);
  }
  holder.seenMs = nowMs;
}
