/** What a limiter is made of, and the words in which isolates and it speak. All of it is plain and serialisable. */
import { limits } from "../limits.ts";
import { type Concurrency, concurrency, newConcurrency } from "./concurrency.ts";
import type { DecayingSum } from "./decaying-sum.ts";
import { type FixedWindow, fixedWindow, newFixedWindow } from "./fixed-window.ts";
import { type Gcra, gcra, newGcra } from "./gcra.ts";
import { type LentTokens, lentTokens } from "./lent-tokens.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
import { newSlidingWindow, type WindowLog, type WindowSlices, windowLog, windowSlices } from "./sliding-window.ts";

const bounds = limits.rateLimit;

/** The part of `RateLimitSettings` that counting needs. */
export interface LimiterSettings {
  readonly limit: number;
  /** For `concurrent`: the longest that a request runs. */
  readonly windowMs: number;
  /** Given: GCRA. */
  readonly burst?: number;
  /** Given: windows that follow each other, of `windowMs` or of calendar months. */
  readonly window?: "fixed" | "month";
  /** `concurrent`: tokens come back when a request ends. `cost`: a request reserves tokens and says later what it used. */
  readonly counts?: "concurrent" | "cost";
}

/** Of settings that say more, the part that counting needs. */
export function countingOf({ limit, windowMs, burst, window, counts }: LimiterSettings): LimiterSettings {
  return {
    limit,
    windowMs,
    ...(burst !== undefined && { burst }),
    ...(window !== undefined && { window }),
    ...(counts !== undefined && { counts }),
  };
}

export type LimitHistory = WindowLog | WindowSlices | Gcra | FixedWindow | Concurrency | LentTokens;

/** What one isolate holds, or one shard and all that it lends on to. */
export interface LimitAccount {
  seq: number;
  /** What the isolate has spent since it began, as far as it has said. */
  spent: number;
  /** What it holds: lent and not spent. */
  tokens: number;
  /** How much of that is reserved by requests that run. */
  inUse: number;
  /** What it held when its lease ended, and is recorded as spent at that moment. */
  lost: number;
  /** When it was last heard of, and when its lease ends. */
  atMs: number;
  expiresAtMs: number;
  /** Tokens that it would use in a lease. */
  demand: number;
  /** Of a shard: questions a second that it is asked. */
  asked?: number;
}

export interface LimiterState {
  /** Of the last question. */
  settings: LimiterSettings;
  history: LimitHistory;
  readonly accounts: Record<string, LimitAccount>;
  atMs: number;
  /** Where more objects than one may answer for it. */
  load?: LimitLoad;
}

/** How many objects isolates are to ask; 1: the limiter itself. Shards repeat it: what the limiter said last is believed. */
export interface ShardsTold {
  count: number;
  sinceMs: number;
}

/** Questions that a limiter is asked, and how many objects answer for that. */
export interface LimitLoad {
  readonly byIsolates: DecayingSum;
  readonly byShards: DecayingSum;
  readonly told: ShardsTold;
  /** No more of them before that, and when so many were needed last. */
  feltAtMs: number;
  neededAtMs: number;
}

/** What an isolate says of its account; all but the durations are counts of tokens. */
export interface AccountReport {
  readonly id: string;
  /** Grows with every question; an older one that comes later is not believed. */
  readonly seq: number;
  readonly spent: number;
  /** `spent` of the last question that was answered. */
  readonly acknowledged: number;
  /** What it holds, `inUse` with it. */
  readonly left: number;
  readonly inUse: number;
  /** How long ago it last spent one. */
  readonly sinceSpentMs: number;
  /** What it would use in a lease; 0: it wants none. */
  readonly demand: number;
  /** Given by shards, which lend on: questions a second that they are asked. */
  readonly asked?: number;
}

export interface LimitQuestion {
  /** For the request that asks; all of it or nothing. 0: none asks. */
  readonly cost: number;
  /** For requests that wait behind it; as much as there is. */
  readonly more: number;
  /** Needed where tokens are reserved. */
  readonly account?: AccountReport;
}

/** What a request is told. */
export interface LimitVerdict {
  readonly admitted: boolean;
  /** Tokens that could be had after this one, what the isolate holds idle with them. */
  readonly remaining: number;
  /** Admitted: until `remaining` grows, 0 when it is whole. Refused: until the request would be admitted. */
  readonly resetMs: number;
}

export interface LimitAnswer extends LimitVerdict {
  /** For those that wait; where tokens are reserved they are in the account, else they are spent at this moment. */
  readonly more: number;
  readonly lent: number;
  /** How long what the account holds may be spent, from when the question was sent on; 0: as before. */
  readonly leaseMs: number;
  /** What the account may keep without using it. */
  readonly idleMax: number;
  /** How long requests of `emptyCost` and above would be refused as well; 0: it is not said. */
  readonly emptyMs: number;
  readonly emptyCost: number;
  /** The moment of the admission, for `refundLimiter`. */
  readonly atMs: number;
  readonly shards: ShardsTold;
}

export function newLimiter(settings: LimiterSettings): LimiterState {
  return { settings, history: newHistory(settings), accounts: {}, atMs: 0 };
}

function newHistory({ limit, windowMs, burst, window, counts }: LimiterSettings): LimitHistory {
  if (counts === "concurrent") return newConcurrency(limit);
  if (burst !== undefined) return newGcra(limit, windowMs, burst);
  if (window !== undefined) return newFixedWindow(limit, window === "month" ? "month" : windowMs);
  return newSlidingWindow(limit, windowMs);
}

const algorithms = { log: windowLog, slices: windowSlices, gcra, fixed: fixedWindow, concurrency, lent: lentTokens };

export function algorithmOf(history: LimitHistory): LimitAlgorithm<LimitHistory> {
  return algorithms[history.kind] as LimitAlgorithm<LimitHistory>;
}

/** The most that is ever free. */
export function capacityOf({ limit, burst }: LimiterSettings): number {
  return burst ?? limit;
}

/** Tokens of such a limit that may lie unused with all isolates together; of a burst more, for its rate is not less by that. */
export function lendableOf({ limit, burst }: LimiterSettings): number {
  return Math.floor(burst === undefined ? limit / bounds.leasedPart : burst / bounds.leasedBurstPart);
}

/** How long isolates may hold tokens of such a limit; 0: not long enough to lend any. */
export function leaseMsOf({ windowMs, counts }: LimiterSettings): number {
  if (counts === "concurrent") return bounds.leaseMsMax;
  const leaseMs = Math.min(Math.floor(windowMs / bounds.leaseWindowPart), bounds.leaseMsMax);
  return leaseMs < bounds.leaseMsMin ? 0 : leaseMs;
}

/** Tokens in all accounts, what of it is reserved by running requests, and what was lost with leases that ended. */
export function heldOf({ accounts }: LimiterState): { tokens: number; inUse: number; lost: number } {
  const sums = { tokens: 0, inUse: 0, lost: 0 };
  for (const { tokens, inUse, lost } of Object.values(accounts)) {
    sums.tokens += tokens;
    sums.inUse += inUse;
    sums.lost += lost;
  }
  return sums;
}

/** What could be given now. */
export function availableOf(state: LimiterState, nowMs: number): number {
  return algorithmOf(state.history).free(state.history, nowMs) - heldOf(state).tokens;
}
