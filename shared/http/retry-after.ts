/** `Retry-After`, RFC 9110 section 10.2.3. */
import { parseHttpDate } from "./http-date.ts";

/**
 * @param text the field's value
 * @param nowMs milliseconds since the epoch
 * @returns milliseconds to wait; 0 when it says nothing that can be read
 */
export function parseRetryAfterMs(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  return Math.max(0, (parseHttpDate(text, nowMs) ?? nowMs) - nowMs);
}
