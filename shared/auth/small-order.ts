import { hex } from "../http/hex.ts";

/**
 * Points of Ed25519 whose order is small (RFC 7748 section 7, RFC 8032 section 5.1.7): under such a key there are signatures
 * that are good for every text, which anybody can write down. Little-endian y, in every encoding that is let in.
 */
const Y_OF_SMALL_ORDER: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** @param key the 32 bytes of a public key */
export function isOfSmallOrder(key: ArrayLike<number>): boolean {
  const bytes = Uint8Array.from(key);
  // The sign of x.
  bytes[31] = (bytes[31] ?? 0) & 0x7f;
  return Y_OF_SMALL_ORDER.has(hex(bytes));
}
