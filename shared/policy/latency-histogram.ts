/** How long answers took lately: counts in buckets that grow by an eighth of a power of two, so that a percentile is within 13 %. */

const STEPS = 8;
/** From 1/16 ms to more than an hour. */
const LOWEST_EXPONENT = -4;
const BUCKETS = 26 * STEPS;

export interface LatencyHistogram {
  readonly counts: number[];
  total: number;
}

export const newLatencyHistogram = (): LatencyHistogram => ({ counts: Array(BUCKETS).fill(0), total: 0 });

/** @param totalMax when there are so many, the half of all is forgotten */
export function addLatency(histogram: LatencyHistogram, tookMs: number, totalMax: number): void {
  const { counts } = histogram;
  const at = bucketOf(tookMs);
  counts[at] = (counts[at] as number) + 1;
  histogram.total++;
  if (histogram.total < totalMax) return;
  histogram.total = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    counts[bucket] = (counts[bucket] as number) >> 1;
    histogram.total += counts[bucket] as number;
  }
}

function bucketOf(tookMs: number): number {
  const at = Math.floor((Math.log2(Math.max(tookMs, Number.MIN_VALUE)) - LOWEST_EXPONENT) * STEPS);
  return Math.min(BUCKETS - 1, Math.max(0, at));
}

/** @returns milliseconds that `percent` of a hundred were not longer than; 0 when nothing is known */
export function latencyPercentileMs({ counts, total }: LatencyHistogram, percent: number): number {
  let left = (total * percent) / 100;
  if (total === 0) return 0;
  for (let at = 0; at < BUCKETS; at++) {
    left -= counts[at] as number;
    if (left <= 0) return 2 ** (LOWEST_EXPONENT + (at + 1) / STEPS);
  }
  return 2 ** (LOWEST_EXPONENT + BUCKETS / STEPS);
}
