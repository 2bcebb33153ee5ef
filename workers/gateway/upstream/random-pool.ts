/** Random bytes from a supply: drawing each few of them is a way into the runtime and back. */
const pool = new Uint8Array(4096);
let used = pool.length;

/** @param count at most 4096. They may be looked at until the next call; nobody gets them again */
export function randomBytes(count: number): Uint8Array {
  if (used + count > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
