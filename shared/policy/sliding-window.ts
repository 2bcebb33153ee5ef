/**
 * Sliding window: in any window of `windowMs` (half-open) at most `limit` are admitted.
 *
 * Up to `limits.rateLimit.exactLogMax` it is an exact log of when tokens were spent. Nobody who stays within the limit is
 * refused. Above that it counts by slices of a `slidingSlices`-th of the window and adds up every slice that a window can
 * touch, which is one more than fit into it. So it never admits more than the limit either, but at a steady rate up to one
 * part in `slidingSlices + 1` of the limit stays unused; a client that keeps its requests in any (1 + 1 / slidingSlices)
 * windows to the limit is never refused.
 */
import { limits } from "../limits.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";

/** `counts[i]` tokens were spent at `times[i]`; oldest first. */
export interface WindowLog {
  readonly kind: "log";
  limit: number;
  readonly windowMs: number;
  readonly times: number[];
  readonly counts: number[];
  used: number;
}

/** `counts[i]`: tokens of slice number `slice - i`. */
export interface WindowSlices {
  readonly kind: "slices";
  limit: number;
  readonly windowMs: number;
  /** When a limit was last asked for that needs them. */
  neededAtMs: number;
  slice: number;
  readonly counts: number[];
}

export function newSlidingWindow(limit: number, windowMs: number): WindowLog | WindowSlices {
  if (limit <= limits.rateLimit.exactLogMax) return { kind: "log", limit, windowMs, times: [], counts: [], used: 0 };
  const counts = new Array<number>(limits.rateLimit.slidingSlices + 1).fill(0);
  return { kind: "slices", limit, windowMs, neededAtMs: 0, slice: 0, counts };
}

/**
 * The same window under another limit, for which it may be counted in the other way. What is known by its slice alone counts
 * as spent at the end of that. Slices are kept until no limit has needed them for a window, so that callers whose limits lie
 * on both sides change nothing back and forth.
 */
export function changeWindow(state: WindowLog | WindowSlices, limit: number, nowMs: number): WindowLog | WindowSlices {
  state.limit = limit;
  const sliced = limit > limits.rateLimit.exactLogMax;
  if (state.kind === "log") return sliced ? slicesOf(state, nowMs) : state;
  if (sliced) state.neededAtMs = nowMs;
  return nowMs >= state.neededAtMs + state.windowMs ? logOf(state, nowMs) : state;
}

function slicesOf(log: WindowLog, nowMs: number): WindowSlices {
  windowLog.free(log, nowMs);
  const slices = newSlidingWindow(log.limit, log.windowMs) as WindowSlices;
  slices.neededAtMs = nowMs;
  for (const [place, count] of log.counts.entries())
    windowSlices.record(slices, log.times[place] as number, count, nowMs);
  return slices;
}

function logOf(slices: WindowSlices, nowMs: number): WindowLog {
  advance(slices, nowMs);
  const { limit, windowMs, slice, counts } = slices;
  const log: WindowLog = { kind: "log", limit, windowMs, times: [], counts: [], used: 0 };
  for (const [index, count] of counts.entries())
    if (count > 0) windowLog.record(log, Math.min(nowMs, (slice - index + 1) * sliceMs(slices)), count, nowMs);
  return log;
}

export const windowLog: LimitAlgorithm<WindowLog> = {
  free(state, nowMs) {
    const { times, counts, windowMs } = state;
    let expired = 0;
    for (; expired < times.length && (times[expired] as number) + windowMs <= nowMs; expired++)
      state.used -= counts[expired] as number;
    if (expired > 0) {
      times.splice(0, expired);
      counts.splice(0, expired);
    }
    return state.limit - state.used;
  },
  record(state, atMs, tokens) {
    const { times, counts } = state;
    state.used += tokens;
    let place = times.length;
    while (place > 0 && (times[place - 1] as number) > atMs) place--;
    if (place > 0 && times[place - 1] === atMs) counts[place - 1] = (counts[place - 1] as number) + tokens;
    else {
      times.splice(place, 0, atMs);
      counts.splice(place, 0, tokens);
    }
  },
  refund(state, atMs, tokens) {
    const { times, counts } = state;
    const place = times.lastIndexOf(atMs);
    if (place < 0) return;
    const count = counts[place] as number;
    const given = Math.min(tokens, count);
    state.used -= given;
    if (given < count) counts[place] = count - given;
    else {
      times.splice(place, 1);
      counts.splice(place, 1);
    }
  },
  freeInMs(state, tokens, nowMs) {
    let free = windowLog.free(state, nowMs);
    if (free >= tokens) return 0;
    for (const [place, count] of state.counts.entries()) {
      free += count;
      if (free >= tokens) return (state.times[place] as number) + state.windowMs - nowMs;
    }
    return Number.POSITIVE_INFINITY;
  },
  endsAtMs: () => Number.POSITIVE_INFINITY,
  forgottenAtMs: ({ times, windowMs }) => (times.at(-1) ?? 0) + windowMs,
};

export const windowSlices: LimitAlgorithm<WindowSlices> = {
  free(state, nowMs) {
    advance(state, nowMs);
    let used = 0;
    for (const count of state.counts) used += count;
    return state.limit - used;
  },
  record(state, atMs, tokens, nowMs) {
    advance(state, nowMs);
    const index = state.slice - Math.floor(atMs / sliceMs(state));
    if (index < state.counts.length) state.counts[index] = (state.counts[index] as number) + tokens;
  },
  refund(state, atMs, tokens, nowMs) {
    advance(state, nowMs);
    const index = state.slice - Math.floor(atMs / sliceMs(state));
    const count = state.counts[index];
    if (count !== undefined) state.counts[index] = Math.max(0, count - tokens);
  },
  freeInMs(state, tokens, nowMs) {
    let free = windowSlices.free(state, nowMs);
    if (free >= tokens) return 0;
    const { counts, slice } = state;
    for (let index = counts.length - 1; index >= 0; index--) {
      free += counts[index] as number;
      if (free >= tokens) return Math.ceil((slice - index + counts.length) * sliceMs(state)) - nowMs;
    }
    return Number.POSITIVE_INFINITY;
  },
  endsAtMs: () => Number.POSITIVE_INFINITY,
  forgottenAtMs: (state) => Math.ceil((state.slice + state.counts.length) * sliceMs(state)),
};

const sliceMs = ({ windowMs }: WindowSlices): number => windowMs / limits.rateLimit.slidingSlices;

function advance(state: WindowSlices, nowMs: number): void {
  const { counts } = state;
  const slice = Math.floor(nowMs / sliceMs(state));
  const passed = Math.min(slice - state.slice, counts.length);
  if (passed <= 0) return;
  counts.copyWithin(passed, 0);
  counts.fill(0, 0, passed);
  state.slice = slice;
}
