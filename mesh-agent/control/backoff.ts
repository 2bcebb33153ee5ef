/** Full jitter: a wait between 0 and a bound that doubles with each failure in a row. */

/**
 * @param failures in a row, from 1
 * @param random at least 0, below 1
 * @returns milliseconds
 */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30));
}
