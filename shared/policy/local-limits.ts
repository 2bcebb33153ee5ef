/**
 * Limits that one host counts for itself, by the same ways of counting as everywhere (`rate-limit.ts`). Requests that run at once
 * are a plain number here: nobody else has any of them.
 */
import { limits } from "../limits.ts";
import { BoundedMap } from "./bounded-map.ts";
import { countingWay, limiterFor } from "./change-limiter.ts";
import { countingOf, type LimiterState, type LimitVerdict } from "./limiter-state.ts";
import { askLimiter, refundLimiter } from "./rate-limit.ts";
import type { LimitOutcome } from "./rate-limit-fields.ts";
import type { RateLimitSettings } from "./settings.ts";

export type LocalLimit = Pick<
  RateLimitSettings,
  "name" | "limit" | "windowMs" | "burst" | "window" | "counts" | "shadow"
>;

/** What is counted of one key; of requests at once those that run. */
interface LocalCount {
  limiter: LimiterState | undefined;
  running: number;
}

export type LocalCounts = BoundedMap<LocalCount>;

/** @param keysMax of more keys, those that were not heard of for the longest are forgotten */
export function newLocalCounts(keysMax: number): LocalCounts {
  return new BoundedMap<LocalCount>(keysMax);
}

export interface WantedLocally<Limit extends LocalLimit> {
  readonly settings: Limit;
  /** Whom it counts by; of several places with limits of the same names, with its place. */
  readonly key: string;
}

export interface TakenLocally<Limit extends LocalLimit> {
  /** Of limits that refuse; those in shadow are not told. */
  readonly outcomes: readonly LimitOutcome<Limit>[];
  /** Those that do: with one of them the request is over, and nothing of it is counted. */
  readonly refused: readonly LimitOutcome<Limit>[];
  /** Limits in shadow that would have. */
  readonly wouldRefuse: readonly Limit[];
  /** Requests at once that this one is counted with, for `endLocal`. */
  readonly running: readonly LocalCount[];
  /** What was taken of limits that refuse, for `undoLocal`. */
  readonly taken: readonly Taken<Limit>[];
}

interface Taken<Limit> {
  readonly settings: Limit;
  readonly count: LocalCount;
  readonly verdict: LimitVerdict;
  readonly atMs: number;
}

/**
 * Takes one of every limit, or of none when one refuses; limits in shadow are asked when the others have admitted.
 * @param nowMs milliseconds since the epoch
 */
export function takeLocal<Limit extends LocalLimit>(
  counts: LocalCounts,
  wanted: readonly WantedLocally<Limit>[],
  nowMs: number,
): TakenLocally<Limit> {
  const taken = wanted.filter(({ settings }) => !settings.shadow).map((one) => takeOne(counts, one, nowMs));
  const outcomes = taken.map(({ settings, verdict }) => [settings, verdict] as const);
  const refused = outcomes.filter(([, { admitted }]) => !admitted);
  if (refused.length > 0) {
    for (const one of taken) giveBack(one, nowMs);
    return { outcomes, refused, wouldRefuse: [], running: [], taken: [] };
  }
  const shadows = wanted.filter(({ settings }) => settings.shadow).map((one) => takeOne(counts, one, nowMs));
  const wouldRefuse = shadows.filter(({ verdict }) => !verdict.admitted).map(({ settings }) => settings);
  const running = [...taken, ...shadows].filter(
    ({ settings, verdict }) => settings.counts === "concurrent" && verdict.admitted,
  );
  return { outcomes, refused, wouldRefuse, running: running.map(({ count }) => count), taken };
}

/** The request did not go on, since a limit that is counted elsewhere has refused it: before `endLocal`. */
export function undoLocal<Limit extends LocalLimit>(
  { taken }: Pick<TakenLocally<Limit>, "taken">,
  nowMs: number,
): void {
  for (const one of taken) if (one.settings.counts !== "concurrent") giveBack(one, nowMs);
}

/** The request is over. To be called once. */
export function endLocal({ running }: Pick<TakenLocally<LocalLimit>, "running">): void {
  for (const count of running) count.running--;
}

function takeOne<Limit extends LocalLimit>(
  counts: LocalCounts,
  { settings, key }: WantedLocally<Limit>,
  nowMs: number,
): Taken<Limit> {
  const name = `${settings.name} ${countingWay(settings)}\n${key}`;
  const count = counts.get(name) ?? { limiter: undefined, running: 0 };
  // Again with every use, so that those who are heard of are not forgotten.
  counts.set(name, count);
  if (settings.counts === "concurrent") return { settings, count, verdict: takeSlot(count, settings), atMs: nowMs };
  count.limiter = limiterFor(count.limiter, countingOf(settings), nowMs);
  const { answer } = askLimiter(count.limiter, ONE, nowMs);
  return { settings, count, verdict: answer, atMs: answer.atMs };
}

const ONE = { cost: 1, more: 0 };

function takeSlot(count: LocalCount, { limit }: LocalLimit): LimitVerdict {
  const admitted = count.running < limit;
  if (admitted) count.running++;
  const remaining = Math.max(0, limit - count.running);
  return { admitted, remaining, resetMs: admitted ? 0 : limits.rateLimit.reservedRefusedMsMax };
}

function giveBack<Limit extends LocalLimit>({ settings, count, verdict, atMs }: Taken<Limit>, nowMs: number): void {
  if (!verdict.admitted) return;
  if (settings.counts === "concurrent") count.running--;
  else if (count.limiter !== undefined) refundLimiter(count.limiter, atMs, 1, nowMs);
}
