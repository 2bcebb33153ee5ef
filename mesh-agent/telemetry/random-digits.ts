/** Random hex digits from a supply that is drawn for many spans at once: each call for them costs more than all of a span. */
import { randomFillSync } from "node:crypto";

const pool = Buffer.alloc(3072);
let digits = "";
let used = 0;

/** @param count even, at most 6144. Nobody gets the same digits again */
export function randomDigits(count: number): string {
  if (used + count > digits.length) {
    digits = randomFillSync(pool).toString("hex");
    used = 0;
  }
  used += count;
  return digits.slice(used - count, used);
}
