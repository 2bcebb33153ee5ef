/**
 * Sliding window limiter: in any window of `windowMs` (half-open, on the clock of its caller) at most `limit` are admitted.
 *
 * Up to `limits.rateLimit.exactLogMax` it is an exact log: the time of each admission that still counts, in a ring. Nobody
 * who stays within the limit is refused. Above that it counts by slices of a `slidingSlices`-th of the window and adds up
 * every slice that a window can touch, which is one more than fit into it. So it never admits more than the limit either,
 * but at a steady rate up to one part in `slidingSlices + 1` of the limit stays unused; a client that keeps its requests
 * in any (1 + 1 / slidingSlices) windows to the limit is never refused.
 */
import { limits } from "../limits.ts";

export interface SlidingWindowSettings {
  readonly limit: number;
  readonly windowMs: number;
}

/** `times`: a ring in order of time, `next` its oldest entry and the next to be overwritten; 0 is a free place. */
export interface WindowLog {
  readonly kind: "log";
  limit: number;
  windowMs: number;
  times: number[];
  next: number;
}

/** `counts[i]`: admissions of slice number `slice - i`. */
export interface WindowSlices {
  readonly kind: "slices";
  limit: number;
  windowMs: number;
  slice: number;
  counts: number[];
}

export type SlidingWindowState = WindowLog | WindowSlices;

export interface LimitVerdict {
  readonly admitted: boolean;
  /** Requests that would be admitted right now, after this one. */
  readonly remaining: number;
  /** Until `remaining` grows; 0 when it is whole. */
  readonly resetMs: number;
  /** The admission's time, for `refund`. */
  readonly atMs: number;
}

export function newSlidingWindow(settings: SlidingWindowSettings): SlidingWindowState {
  const { limit, windowMs } = settings;
  if (limit <= limits.rateLimit.exactLogMax) return { kind: "log", limit, windowMs, times: [], next: 0 };
  const counts = new Array<number>(limits.rateLimit.slidingSlices + 1).fill(0);
  return { kind: "slices", limit, windowMs, slice: 0, counts };
}

/** Whether a stored state belongs to these settings; else the caller starts with a new one. */
export function fitsSlidingWindow(state: SlidingWindowState, settings: SlidingWindowSettings): boolean {
  return state.limit === settings.limit && state.windowMs === settings.windowMs;
}

/** Asks for one admission. A clock that went back stands still instead. */
export function takeFromWindow(state: SlidingWindowState, nowMs: number): LimitVerdict {
  return state.kind === "log" ? takeFromLog(state, nowMs) : takeFromSlices(state, nowMs);
}

/** Gives an admission back. @param atMs `atMs` of its verdict */
export function refundToWindow(state: SlidingWindowState, atMs: number): void {
  if (state.kind === "log") refundToLog(state, atMs);
  else refundToSlices(state, atMs);
}

/** From when on nothing of it counts any more. */
export function windowForgottenAtMs(state: SlidingWindowState): number {
  if (state.kind === "log") return newestMs(state) + state.windowMs;
  return Math.ceil((state.slice + state.counts.length) * sliceMs(state));
}

function newestMs({ times, next }: WindowLog): number {
  return times.length === 0 ? 0 : (times[(next + times.length - 1) % times.length] as number);
}

function takeFromLog(state: WindowLog, nowMs: number): LimitVerdict {
  const { limit, windowMs, times } = state;
  const atMs = Math.max(nowMs, newestMs(state));
  const oldest = times.length < limit ? 0 : (times[state.next] as number);
  const admitted = oldest === 0 || oldest + windowMs <= atMs;
  if (admitted) {
    if (times.length < limit) times.push(atMs);
    else {
      times[state.next] = atMs;
      state.next = (state.next + 1) % limit;
    }
  }
  const expired = countExpired(state, atMs - windowMs);
  const live = times.length - expired;
  const first = live === 0 ? 0 : (times[(state.next + expired) % times.length] as number);
  return { admitted, remaining: limit - live, resetMs: live === 0 ? 0 : first + windowMs - atMs, atMs };
}

/** Entries at or before a time: binary search from the oldest on. */
function countExpired(state: WindowLog, untilMs: number): number {
  const { times, next } = state;
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[(next + middle) % times.length] as number) <= untilMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function refundToLog(state: WindowLog, atMs: number): void {
  const { times, limit } = state;
  const size = times.length;
  const place = countExpired(state, atMs) - 1;
  if (place < 0 || times[(state.next + place) % size] !== atMs) return;
  if (size < limit) {
    times.splice(place, 1);
    return;
  }
  for (let at = place; at < size - 1; at++)
    times[(state.next + at) % size] = times[(state.next + at + 1) % size] as number;
  state.next = (state.next + size - 1) % size;
  times[state.next] = 0;
}

function sliceMs(state: WindowSlices): number {
  return state.windowMs / limits.rateLimit.slidingSlices;
}

function takeFromSlices(state: WindowSlices, nowMs: number): LimitVerdict {
  const { limit, counts } = state;
  const lengthMs = sliceMs(state);
  const slice = Math.max(Math.floor(nowMs / lengthMs), state.slice);
  const passed = Math.min(slice - state.slice, counts.length);
  for (let at = 0; at < passed; at++) {
    counts.pop();
    counts.unshift(0);
  }
  state.slice = slice;
  const atMs = Math.max(nowMs, slice * lengthMs);
  let used = 0;
  for (const count of counts) used += count;
  const admitted = used < limit;
  if (admitted) {
    counts[0] = (counts[0] as number) + 1;
    used++;
  }
  const oldest = counts.findLastIndex((count) => count > 0);
  const freeAtMs = (slice - oldest + counts.length) * lengthMs;
  return { admitted, remaining: limit - used, resetMs: oldest < 0 ? 0 : Math.ceil(freeAtMs - atMs), atMs };
}

function refundToSlices(state: WindowSlices, atMs: number): void {
  const index = state.slice - Math.floor(atMs / sliceMs(state));
  const count = state.counts[index];
  if (count !== undefined && count > 0) state.counts[index] = count - 1;
}
