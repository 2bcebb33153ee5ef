/** The deadline of a request travels as the time left (`selvage-deadline-ms`), so that clocks need not agree. */

/**
 * When a request must be answered.
 * @param header value of the deadline field, whole milliseconds left; malformed or absent counts as none
 * @param ownTimeoutMs what this hop allows at most
 * @returns milliseconds on the clock of `nowMs`
 */
export function deadlineAt(header: string | undefined, ownTimeoutMs: number, nowMs: number): number {
  const left = header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : Number.POSITIVE_INFINITY;
  return nowMs + Math.min(left, ownTimeoutMs);
}

/** The value to send on, or undefined when no time is left. */
export function deadlineHeader(atMs: number, nowMs: number): string | undefined {
  const left = Math.floor(atMs - nowMs);
  return left > 0 ? String(left) : undefined;
}
