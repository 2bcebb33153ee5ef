/** Other ways to find how many requests an upstream takes at once, as their descriptions have them: peers of load shedding. */
import type { Admission } from "../../test/support/queue-world.ts";

const CONCURRENCY = 20;
const CONCURRENCY_MAX = 1_000;

/** Lets requests in up to a limit, whatever their priority. @param adapt the next limit */
function limited(
  adapt: (limit: number, inFlight: number, tookMs: number, nowMs: number) => number,
  start = CONCURRENCY,
) {
  let limit = start;
  let inFlight = 0;
  return {
    enter: () => {
      if (inFlight >= Math.floor(limit)) return undefined;
      inFlight++;
      return true as const;
    },
    leave: (_ticket: true, _level: number, tookMs: number, nowMs: number) => {
      limit = Math.min(CONCURRENCY_MAX, Math.max(1, adapt(limit, inFlight, tookMs, nowMs)));
      inFlight--;
    },
  };
}

export const nothing = (): Admission<true> => ({ enter: () => true, leave: () => undefined });

/** Netflix, concurrency-limits, Gradient2: long average of latency over the last one, tolerance 1.5, queue of 4, smoothing 0.2. */
export function gradient2(): Admission<true> {
  let longMs = 0;
  return limited((limit, inFlight, tookMs) => {
    longMs = longMs === 0 ? tookMs : longMs + (tookMs - longMs) * (2 / 601);
    if (longMs / tookMs > 2) longMs *= 0.95;
    if (inFlight < limit / 2) return limit;
    const gradient = Math.max(0.5, Math.min(1, (1.5 * longMs) / tookMs));
    return limit * 0.8 + (limit * gradient + 4) * 0.2;
  });
}

/** Netflix, concurrency-limits, Vegas: a queue of 3 to 6 times the logarithm of the limit, the shortest latency forgotten at times. */
export function vegas(): Admission<true> {
  let shortestMs = 0;
  let seen = 0;
  return limited((limit, inFlight, tookMs) => {
    seen++;
    if (seen > 30 * limit || shortestMs === 0 || tookMs < shortestMs) {
      if (seen > 30 * limit) seen = 0;
      shortestMs = tookMs;
      return limit;
    }
    if (inFlight * 2 < limit) return limit;
    const step = Math.max(1, Math.log10(limit));
    const queued = Math.ceil(limit * (1 - shortestMs / tookMs));
    if (queued <= step) return limit + 6 * step;
    if (queued < 3 * step) return limit + step;
    return queued > 6 * step ? limit - step : limit;
  });
}

/**
 * Envoy, adaptive concurrency: median of 100 ms against the median of 50 requests at a concurrency of 3, measured each 30 s and 15 %
 * at random; headroom of the square root.
 * @param random at least 0, below 1
 */
export function probedMinimum(random: () => number): Admission<true> {
  let [minimumMs, windowEndsMs, probeAtMs, regular] = [0, 0, 0, CONCURRENCY];
  let isProbing = true;
  let latencies: number[] = [];
  const median = (): number => latencies.sort((a, b) => a - b)[latencies.length >> 1] ?? 0;
  return limited((limit, _inFlight, tookMs, nowMs) => {
    latencies.push(tookMs);
    if (isProbing) {
      if (latencies.length < 50) return limit;
      minimumMs = median();
      isProbing = false;
      probeAtMs = nowMs + 30_000 * (1 + 0.15 * random());
    } else if (nowMs > probeAtMs) {
      isProbing = true;
      regular = limit;
      latencies = [];
      return 3;
    } else if (nowMs < windowEndsMs || latencies.length < 5) return limit;
    else {
      const gradient = Math.max(0.5, Math.min(2, (1.25 * minimumMs) / median()));
      regular = Math.max(3, gradient * limit + Math.sqrt(gradient * limit));
    }
    latencies = [];
    windowEndsMs = nowMs + 100;
    return regular;
  }, 3);
}

/** RFC 8289's own numbers. */
const CODEL = { targetMs: 5, intervalMs: 100 } as const;

/**
 * CoDel, RFC 8289, in the very queue of the upstream, which an agent does not have: what has waited too long as it would be worked on is
 * thrown away, ever faster as long as that goes on.
 */
export function codel(): (level: number, waitedMs: number, nowMs: number) => boolean {
  let [aboveAtMs, nextMs, count, isDropping] = [0, 0, 0, false];
  const isLate = (waitedMs: number, nowMs: number): boolean => {
    if (waitedMs < CODEL.targetMs) aboveAtMs = 0;
    else if (aboveAtMs === 0) aboveAtMs = nowMs + CODEL.intervalMs;
    return aboveAtMs > 0 && nowMs >= aboveAtMs;
  };
  return (_level, waitedMs, nowMs) => {
    const late = isLate(waitedMs, nowMs);
    if (!late) isDropping = false;
    else if (!isDropping) {
      isDropping = true;
      count = nowMs - nextMs < CODEL.intervalMs && count > 2 ? count - 2 : 1;
      nextMs = nowMs + CODEL.intervalMs / Math.sqrt(count);
      return true;
    } else if (nowMs >= nextMs) {
      count++;
      nextMs += CODEL.intervalMs / Math.sqrt(count);
      return true;
    }
    return false;
  };
}

/** Facebook's form of it for servers ("Fail at Scale", 2015): what has waited an interval goes, and the target where all wait. */
export function controlledDelay(): (level: number, waitedMs: number, nowMs: number) => boolean {
  let promptAtMs = 0;
  return (_level, waitedMs, nowMs) => {
    if (waitedMs < CODEL.targetMs) promptAtMs = nowMs;
    return waitedMs > (nowMs - promptAtMs > CODEL.intervalMs ? CODEL.targetMs : CODEL.intervalMs);
  };
}
