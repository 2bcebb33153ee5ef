import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { readPublicJwk } from "../../../shared/auth/jwk.ts";
import { isOfSmallOrder } from "../../../shared/auth/small-order.ts";

const p = 2n ** 255n - 19n;
/** Little-endian, with the sign of x. */
function encode(y: bigint, sign: number): Uint8Array {
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => Number((y >> BigInt(8 * at)) & 0xffn));
  bytes[31] = (bytes[31] ?? 0) | (sign << 7);
  return bytes;
}
const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n;
  for (let [factor, rest] = [base % p, exponent]; rest > 0n; rest >>= 1n, factor = (factor * factor) % p)
    if (rest & 1n) result = (result * factor) % p;
  return result;
};
/** y of the points of order 8: y^4 d + 2 y^2 - 1 = 0, as of -x^2 + y^2 = 1 + d x^2 y^2 where doubling gives y = 0. */
function ofOrderEight(): bigint[] {
  const d = (p - ((121665n * power(121666n, p - 2n)) % p)) % p;
  const found: bigint[] = [];
  for (const known of [
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ]) {
    const y = BigInt(`0x${Buffer.from(known, "hex").reverse().toString("hex")}`);
    const square = (y * y) % p;
    if ((((square * square) % p) * d + 2n * square - 1n) % p === 0n) found.push(y);
  }
  return found;
}

test("every encoding of a point of small order is one", () => {
  const eight = ofOrderEight();
  expect(eight).toHaveLength(2);
  expect((eight[0] as bigint) + (eight[1] as bigint)).toBe(p);
  for (const y of [0n, 1n, p - 1n, p, p + 1n, ...eight])
    for (const sign of [0, 1]) {
      expect(isOfSmallOrder(encode(y, sign))).toBe(true);
      expect(
        readPublicJwk({ kty: "OKP", crv: "Ed25519", x: Buffer.from(encode(y, sign)).toString("base64url") }),
      ).toContain("small order");
    }
});

test("keys that are made are none", () => {
  for (let count = 0; count < 50; count++) {
    const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    expect(isOfSmallOrder(Buffer.from(x, "base64url"))).toBe(false);
  }
});
