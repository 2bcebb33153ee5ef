/** Full jitter: a wait between 0 and a bound, which is the base at first and doubles with each further failure in a row. */

/**
 * @param failures in a row, from 1
 * @param random at least 0, below 1
 * @returns milliseconds
 */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
}
