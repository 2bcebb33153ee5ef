/**
 * One of several objects that answer for a limiter which is asked more than one object bears. To the limiter it is what an
 * isolate is, to isolates what the limiter is: it lends on what was lent to it. All that lies here was taken at the limiter
 * before, so it may be kept in memory alone: what is forgotten counts as spent. Times are of the shard's own clock.
 */
import { limits } from "../limits.ts";
import { addTo, type DecayingSum, newDecayingSum, sumNow } from "./decaying-sum.ts";
import { type LentTokens, lentTokens, newLentTokens } from "./lent-tokens.ts";
import { endLeases } from "./limit-accounts.ts";
import {
  heldOf,
  type LimitAccount,
  type LimitAnswer,
  type LimiterSettings,
  type LimiterState,
  type LimitQuestion,
  leaseMsOf,
  type ShardsTold,
} from "./limiter-state.ts";
import { giveQuestion, settleQuestion } from "./rate-limit.ts";

const bounds = limits.rateLimit;

export interface LimitShard {
  readonly name: string;
  /** Grows when all is forgotten, so that the limiter does not take what comes then for what was before. */
  life: number;
  state: LimiterState & { readonly history: LentTokens };
  seq: number;
  /** When the question that is on its way was sent; undefined: there is none. */
  askedAtMs: number | undefined;
  acknowledged: number;
  /** What could be lent on after the last answer. */
  lease: number;
  renewAtMs: number;
  pausedUntilMs: number;
  /** Tokens wanted lately by isolates without an account, and questions of all of them. */
  readonly wanted: DecayingSum;
  readonly asked: DecayingSum;
  /** When the last question came, and when the clock was last seen. */
  usedAtMs: number;
  seenMs: number;
  /** What the limiter said last: nothing to be had until, what else was free, when there is more, and who is to be asked. */
  emptyUntilMs: number;
  elsewhere: number;
  resetAtMs: number;
  shards: ShardsTold;
}

/**
 * @param name random; never used again
 * @param settings by which every question to it is decided: under other numbers there are other shards, for what one limit
 * may yet give another may have refused
 */
export function newShard(name: string, settings: LimiterSettings): LimitShard {
  return {
    ...{ name, life: 0, state: emptyState(settings), seq: 0, askedAtMs: undefined, acknowledged: 0 },
    ...{ lease: 0, renewAtMs: 0, pausedUntilMs: 0, wanted: newDecayingSum(), asked: newDecayingSum() },
    ...{ usedAtMs: 0, seenMs: 0, emptyUntilMs: 0, elsewhere: 0, resetAtMs: 0, shards: { count: 1, sinceMs: 0 } },
  };
}

function emptyState(settings: LimiterSettings): LimitShard["state"] {
  return { settings, history: newLentTokens(), accounts: {}, atMs: 0 };
}

/** A question has come: books what it says. Once for each, before anything else of it. */
export function openQuestion(shard: LimitShard, question: LimitQuestion, nowMs: number): void {
  seeClock(shard, nowMs);
  shard.usedAtMs = nowMs;
  addTo(shard.asked, 1, nowMs, bounds.loadMs);
  if ((question.account?.demand ?? 0) === 0)
    addTo(shard.wanted, wantedBy(question), nowMs, leaseMsOf(shard.state.settings));
  settleQuestion(shard.state, question, nowMs);
}

/**
 * Whether it can only be answered when the limiter has been asked: what lies here is not enough, or others wait for it.
 * @param waits whether it is one of those
 */
export function needsLimiter(shard: LimitShard, question: LimitQuestion, waits: boolean, nowMs: number): boolean {
  seeClock(shard, nowMs);
  const wanted = wantedBy(question);
  const ahead = waits ? 0 : shard.state.history.waiting;
  return wanted > 0 && idleOf(shard) - ahead < wanted && nowMs >= shard.emptyUntilMs;
}

/** It begins to wait for the limiter's answer, or ends. */
export function beginShardWait(shard: LimitShard, question: LimitQuestion): void {
  shard.state.history.waiting += wantedBy(question);
}

export function endShardWait(shard: LimitShard, question: LimitQuestion): void {
  shard.state.history.waiting -= wantedBy(question);
}

/** Answers by what is there. */
export function answerQuestion(shard: LimitShard, question: LimitQuestion, nowMs: number): LimitAnswer {
  seeClock(shard, nowMs);
  const account = accountOf(shard, question);
  const given = giveQuestion(shard.state, question, account, nowMs);
  const { admitted } = given;
  const idle = Math.max(0, idleOf(shard));
  const emptyMs = admitted && idle >= 1 ? 0 : Math.max(0, shard.emptyUntilMs - nowMs);
  const resetMs = Math.max(admitted ? 0 : 1, emptyMs, shard.resetAtMs - nowMs);
  const remaining = shard.elsewhere + idle + (account === undefined ? 0 : account.tokens - account.inUse);
  const emptyCost = admitted ? 1 : question.cost;
  return { ...given, remaining, resetMs, emptyMs, emptyCost, atMs: nowMs, shards: shard.shards };
}

/** Gives back what was admitted, unless the limiter has been told of it. */
export function refundShard(shard: LimitShard, cost: number, nowMs: number): void {
  seeClock(shard, nowMs);
  lentTokens.refund(shard.state.history, nowMs, cost, nowMs);
}

/**
 * Whether the limiter is to be asked beside the questions: little is left, much lies here that others could use, or it is time
 * to say what was spent. A shard that nobody asks lets its lease end, unless requests run whose slots it would lose.
 */
export function shouldRenewShard(shard: LimitShard, nowMs: number): boolean {
  seeClock(shard, nowMs);
  if (isShardAsking(shard, nowMs) || nowMs < shard.pausedUntilMs) return false;
  const idle = idleOf(shard);
  if (idle > 2 * keptOf(shard, nowMs)) return true;
  const { history } = shard.state;
  const isUsed = !isShardIdle(shard, nowMs) || heldOf(shard.state).inUse > 0;
  if (nowMs >= shard.renewAtMs && isUsed && history.tokens + history.spent - history.told > 0) return true;
  return shard.lease > 0 && nowMs >= shard.emptyUntilMs && idle * bounds.renewPart <= shard.lease;
}

/** Whether an answer may yet come. */
function isShardAsking({ askedAtMs }: LimitShard, nowMs: number): boolean {
  return askedAtMs !== undefined && nowMs < askedAtMs + bounds.shardWaitMs;
}

/** Whether nobody has asked for so long that all is given back that can be. */
function isShardIdle({ usedAtMs }: LimitShard, nowMs: number): boolean {
  return nowMs >= usedAtMs + bounds.leaseMsMax / 2;
}

/**
 * The question to the limiter. Whoever sends it says afterwards how it ended, by `takeShardAnswer` or `giveUpShard`.
 * What lies here beyond the shard's share goes back with it.
 */
export function askForShard(shard: LimitShard, nowMs: number): LimitQuestion {
  seeClock(shard, nowMs);
  endLeases(shard.state, nowMs);
  const { state } = shard;
  const { history, settings } = state;
  const surplus = Math.max(0, idleOf(shard) - keptOf(shard, nowMs));
  history.tokens = Math.max(0, history.tokens - surplus);
  history.told = history.spent;
  shard.seq++;
  shard.askedAtMs = nowMs;
  const account = {
    id: `${shard.name}.${shard.life}`,
    seq: shard.seq,
    spent: history.spent,
    acknowledged: shard.acknowledged,
    left: history.tokens,
    inUse: settings.counts === undefined ? 0 : heldOf(state).inUse,
    sinceSpentMs: Math.max(0, nowMs - history.spentAtMs),
    demand: demandOf(shard, nowMs),
    asked: (sumNow(shard.asked, nowMs, bounds.loadMs) * 1000) / bounds.loadMs,
  };
  return { cost: 0, more: Math.max(0, history.waiting - Math.max(0, idleOf(shard))), account };
}

/**
 * @param question as `askForShard` made it
 * @param sentAtMs when; the lease is counted from there
 * @returns false when the answer came too late and must not be acted on
 */
export function takeShardAnswer(
  shard: LimitShard,
  question: LimitQuestion,
  answer: LimitAnswer,
  sentAtMs: number,
  nowMs: number,
): boolean {
  seeClock(shard, nowMs);
  const { account } = question;
  if (account === undefined || account.seq !== shard.seq) return false;
  const { history } = shard.state;
  shard.askedAtMs = undefined;
  shard.acknowledged = account.spent;
  history.tokens += answer.lent + answer.more;
  history.idleMax = answer.idleMax;
  if (answer.leaseMs > 0) {
    history.endsAtMs = sentAtMs + answer.leaseMs;
    const untilToldMs = Math.min(leaseMsOf(shard.state.settings), answer.leaseMs / 2);
    shard.renewAtMs = sentAtMs + Math.max(bounds.shardLookMs, untilToldMs);
  }
  const { tokens, inUse } = heldOf(shard.state);
  shard.lease = Math.max(0, history.tokens - tokens);
  shard.elsewhere = Math.max(0, answer.remaining - (history.tokens - inUse));
  shard.emptyUntilMs = nowMs + answer.emptyMs;
  shard.resetAtMs = nowMs + answer.resetMs;
  const { count, sinceMs } = shard.shards;
  // Isolates go to the new ones, and what they used here is wanted there.
  if (sinceMs > 0 && answer.shards.count > count) shard.wanted.sum *= count / answer.shards.count;
  shard.shards = answer.shards;
  return true;
}

/** No answer came in time. What the limiter may have lent meanwhile is taken back by the next question. */
export function giveUpShard(shard: LimitShard, { account }: LimitQuestion, nowMs: number): void {
  if (account === undefined || account.seq !== shard.seq) return;
  // An answer that comes yet is not taken.
  shard.seq++;
  shard.askedAtMs = undefined;
  shard.pausedUntilMs = nowMs + bounds.renewPauseMs;
}

/** Tokens that could be lent on or spent; below 0 where more was used than was held. */
function idleOf({ state }: LimitShard): number {
  return state.history.tokens - heldOf(state).tokens;
}

/** What may lie here yet. */
function keptOf(shard: LimitShard, nowMs: number): number {
  const { waiting, idleMax } = shard.state.history;
  return Math.max(waiting, Math.min(idleMax, Math.ceil(demandOf(shard, nowMs))));
}

function demandOf(shard: LimitShard, nowMs: number): number {
  if (isShardIdle(shard, nowMs)) return 0;
  const { state, wanted } = shard;
  let demand = sumNow(wanted, nowMs, leaseMsOf(state.settings));
  for (const account of Object.values(state.accounts)) demand += account.demand;
  return demand;
}

function wantedBy({ cost, more }: LimitQuestion): number {
  return cost + more;
}

/** Undefined as well where a later question of the same isolate has come meanwhile. */
function accountOf({ state }: LimitShard, { account }: LimitQuestion): LimitAccount | undefined {
  const known = account === undefined ? undefined : state.accounts[account.id];
  return known?.seq === account?.seq ? known : undefined;
}

/** A lease that has ended was counted as spent by the limiter, and a clock that was set back does not say when it ends. */
function seeClock(shard: LimitShard, nowMs: number): void {
  const { endsAtMs } = shard.state.history;
  const wentBack = nowMs < shard.seenMs;
  if (wentBack || (endsAtMs > 0 && nowMs >= endsAtMs)) beginAnew(shard);
  if (wentBack) Object.assign(shard, { emptyUntilMs: 0, resetAtMs: 0, pausedUntilMs: 0, usedAtMs: nowMs });
  shard.seenMs = nowMs;
}

function beginAnew(shard: LimitShard): void {
  shard.life++;
  shard.seq++;
  const { settings, history } = shard.state;
  shard.state = emptyState(settings);
  shard.state.history.waiting = history.waiting;
  Object.assign(shard, { askedAtMs: undefined, acknowledged: 0, lease: 0, renewAtMs: 0 });
}
