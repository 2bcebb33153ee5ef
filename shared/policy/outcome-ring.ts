/** How requests of the last while ended: exact counts in a ring of ten buckets, so that a short burst weighs what it is. */

const BUCKETS = 10;

export interface OutcomeRing {
  /** Of the newest bucket, counted from time 0. */
  epoch: number;
  readonly good: number[];
  readonly failed: number[];
  /** Sums of the buckets. */
  goodAll: number;
  failedAll: number;
}

export const newOutcomeRing = (): OutcomeRing => ({
  epoch: 0,
  good: Array(BUCKETS).fill(0),
  failed: Array(BUCKETS).fill(0),
  goodAll: 0,
  failedAll: 0,
});

/** Takes note of one end. @param windowMs of all buckets together */
export function ringStep(ring: OutcomeRing, failed: boolean, nowMs: number, windowMs: number): void {
  advanceRing(ring, nowMs, windowMs);
  const at = ring.epoch % BUCKETS;
  if (failed) {
    ring.failed[at] = (ring.failed[at] as number) + 1;
    ring.failedAll++;
  } else {
    ring.good[at] = (ring.good[at] as number) + 1;
    ring.goodAll++;
  }
}

/** Forgets what is older than the window. */
export function advanceRing(ring: OutcomeRing, nowMs: number, windowMs: number): void {
  const epoch = Math.floor((nowMs * BUCKETS) / windowMs);
  if (epoch === ring.epoch) return;
  const passed = epoch - ring.epoch;
  // Backwards: the window is another one than before.
  const steps = passed < 0 || passed > BUCKETS ? BUCKETS : passed;
  for (let step = 1; step <= steps; step++) {
    const at = (ring.epoch + step) % BUCKETS;
    ring.goodAll -= ring.good[at] as number;
    ring.failedAll -= ring.failed[at] as number;
    ring.good[at] = 0;
    ring.failed[at] = 0;
  }
  ring.epoch = epoch;
}

/** Takes one endpoint's part out of the sum of all, and forgets it. */
export function withdrawRing(all: OutcomeRing, own: OutcomeRing): void {
  for (let at = 0; at < BUCKETS; at++) {
    if (all.epoch === own.epoch) {
      all.good[at] = Math.max(0, (all.good[at] as number) - (own.good[at] as number));
      all.failed[at] = Math.max(0, (all.failed[at] as number) - (own.failed[at] as number));
    }
    own.good[at] = 0;
    own.failed[at] = 0;
  }
  all.goodAll = sum(all.good);
  all.failedAll = sum(all.failed);
  own.goodAll = 0;
  own.failedAll = 0;
}

function sum(counts: readonly number[]): number {
  let all = 0;
  for (const count of counts) all += count;
  return all;
}
