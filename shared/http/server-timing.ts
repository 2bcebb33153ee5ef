/** `Server-Timing` (https://www.w3.org/TR/server-timing/). */

export interface Timing {
  /** For people; what no token may have becomes a hyphen. */
  readonly name: string;
  readonly ms: number;
}

/** @param timings those of the same name are added up */
export function serverTiming(timings: readonly Timing[]): string {
  const sums = new Map<string, number>();
  for (const { name, ms } of timings) {
    const token = name.replace(/[^\w!#$%&'*+.^`|~-]/g, "-");
    sums.set(token, (sums.get(token) ?? 0) + ms);
  }
  return [...sums].map(([name, ms]) => `${name};dur=${Math.round(ms * 1000) / 1000}`).join(", ");
}

/** How long at least one of them was going on. @param spans with an end, of one clock */
export function coveredMs(spans: readonly { readonly startMs: number; readonly endMs: number }[]): number {
  let [covered, until] = [0, Number.NEGATIVE_INFINITY];
  for (const { startMs, endMs } of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    covered += Math.max(0, endMs - Math.max(startMs, until));
    until = Math.max(until, endMs);
  }
  return covered;
}
