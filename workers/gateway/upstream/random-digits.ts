/** Random hex digits from a supply: drawing each few of them is a way into the runtime and back, and writing them is a loop. */
const pool = new Uint8Array(4096);
let digits = "";
let used = 0;

/** @param count even, at most 8192. Nobody gets the same digits again */
export function randomDigits(count: number): string {
  if (used + count > digits.length) {
    digits = toHex(crypto.getRandomValues(pool));
    used = 0;
  }
  used += count;
  return digits.slice(used - count, used);
}

/** The language's own (ES2026). */
const toHex = (bytes: Uint8Array): string => (bytes as Uint8Array & { toHex(): string }).toHex();
