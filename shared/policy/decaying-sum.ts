/** How much came lately: what came counts for less as time passes, by e in `tauMs`. */
export interface DecayingSum {
  sum: number;
  atMs: number;
}

export function newDecayingSum(): DecayingSum {
  return { sum: 0, atMs: 0 };
}

/** A clock that was set back takes nothing away. */
export function addTo(sum: DecayingSum, amount: number, nowMs: number, tauMs: number): void {
  sum.sum = sumNow(sum, nowMs, tauMs) + amount;
  sum.atMs = nowMs;
}

/** At a steady rate this is what comes in `tauMs`. */
export function sumNow({ sum, atMs }: DecayingSum, nowMs: number, tauMs: number): number {
  return sum * Math.exp(-Math.max(0, nowMs - atMs) / tauMs);
}
