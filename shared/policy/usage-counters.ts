/** Golden signals as plain counters: answers by class, and how long they took in buckets that about double every two steps. */

/**
 * A request that took no more milliseconds than its name says, and more than the name before; the last has no bound. Two steps
 * to each doubling between 4 ms and 768 ms, where answers lie, so that a percentile is within 50 % above its value.
 */
export const LATENCY_COUNTERS = [
  ...(["le1", "le2", "le4", "le6", "le8", "le12", "le16", "le24", "le32", "le48", "le64", "le96"] as const),
  ...(["le128", "le192", "le256", "le384", "le512", "le768", "le1024", "le2048", "le4096", "le8192"] as const),
  ...(["le16384", "leInf"] as const),
] as const;

const BOUNDS_MS = LATENCY_COUNTERS.map((name) => (name === "leInf" ? Number.POSITIVE_INFINITY : Number(name.slice(2))));

/** Counter of each class of statuses, by its first digit. */
export const CLASS_COUNTERS = ["s1xx", "s2xx", "s3xx", "s4xx", "s5xx"] as const;

export type LatencyCounter = (typeof LATENCY_COUNTERS)[number];
export type ClassCounter = (typeof CLASS_COUNTERS)[number];
type Signals = Record<LatencyCounter | ClassCounter | "sumMs", number>;

/** Counts one answer. Allocates nothing. @param tookMs below 0 (the clock went back) is 0 */
export function countAnswer(counts: Signals, status: number, tookMs: number): void {
  counts[CLASS_COUNTERS[Math.floor(status / 100) - 1] ?? "s5xx"]++;
  countLatency(counts, tookMs);
}

/** Counts how long something took that has no status. */
export function countLatency(counts: Signals, tookMs: number): void {
  const ms = Math.max(0, tookMs);
  counts[latencyCounterOf(ms)]++;
  counts.sumMs += ms;
}

/** The bucket of so many milliseconds. */
export function latencyCounterOf(ms: number): LatencyCounter {
  let at = 0;
  while (ms > (BOUNDS_MS[at] as number)) at++;
  return LATENCY_COUNTERS[at] as LatencyCounter;
}

/** Sums of some of these counters, as they are reported: zeros are absent. */
export type ReportedCounts = Readonly<Record<string, number>>;

/** Those of a histogram of Prometheus. @returns count of each bound in seconds, with those below it */
export function cumulativeBuckets(
  counts: ReportedCounts,
): { readonly name: LatencyCounter; readonly leSeconds: number; readonly count: number }[] {
  let count = 0;
  return LATENCY_COUNTERS.map((name, at) => {
    count += counts[name] ?? 0;
    return { name, leSeconds: (BOUNDS_MS[at] as number) / 1000, count };
  });
}

/** @returns milliseconds that `percent` of a hundred took no longer than, evenly spread in a bucket; undefined: nothing was counted */
export function percentileMs(counts: ReportedCounts, percent: number): number | undefined {
  const total = LATENCY_COUNTERS.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
  if (total === 0) return undefined;
  let left = (total * percent) / 100;
  let above = 0;
  for (const [at, name] of LATENCY_COUNTERS.entries()) {
    const count = counts[name] ?? 0;
    const bound = BOUNDS_MS[at] as number;
    if (bound === Number.POSITIVE_INFINITY) break;
    if (count > 0 && left <= count) return above + ((bound - above) * left) / count;
    left -= count;
    above = bound;
  }
  return above;
}
