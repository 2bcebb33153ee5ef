import { describe, expect, test } from "vitest";
import {
  fitsAlgorithm,
  keysFor,
  type PublicJwk,
  readKeySet,
  readPublicJwk,
  secretBytesMin,
} from "../../../shared/auth/jwk.ts";
import { limits } from "../../../shared/limits.ts";

const bytes = (length: number, fill = 0xff): string => Buffer.alloc(length, fill).toString("base64url");
const rsa = { kty: "RSA", n: bytes(256), e: "AQAB" } as const;
const ec = { kty: "EC", crv: "P-256", x: bytes(32), y: bytes(32) } as const;
const okp = { kty: "OKP", crv: "Ed25519", x: bytes(32) } as const;

describe("a public JWK", () => {
  test("keeps what signatures are checked with", () => {
    expect(
      readPublicJwk({ ...ec, kid: "1", alg: "ES256", use: "sig", x5c: ["..."], x5u: "https://evil.example" }),
    ).toEqual({
      ...ec,
      kid: "1",
      alg: "ES256",
    });
    expect(readPublicJwk({ ...rsa, key_ops: ["verify"] })).toEqual(rsa);
    expect(readPublicJwk(okp)).toEqual(okp);
    expect(readPublicJwk({ ...rsa, e: "Aw" })).toMatchObject({ e: "Aw" });
  });

  test.each([
    ["a private EC key", { ...ec, d: bytes(32) }],
    ["a private RSA key", { ...rsa, d: "AA" }],
    ["one prime of an RSA key", { ...rsa, p: "AA" }],
    ["a shared secret", { kty: "oct", k: bytes(32) }],
    ["a shared secret in disguise", { ...ec, k: bytes(32) }],
    ["RSA with exponent 1", { ...rsa, e: "AQ" }],
    ["RSA with exponent 1 behind zeros", { ...rsa, e: "AAAB" }],
    ["RSA with exponent 0", { ...rsa, e: "AA" }],
    ["RSA with an even exponent", { ...rsa, e: "AQAA" }],
    ["RSA with a huge exponent", { ...rsa, e: bytes(9) }],
    ["RSA of 1024 bits", { ...rsa, n: bytes(128) }],
    [
      "RSA of 1024 bits behind zeros",
      { ...rsa, n: Buffer.concat([Buffer.alloc(128), Buffer.alloc(128, 255)]).toString("base64url") },
    ],
    ["RSA of 16384 bits", { ...rsa, n: bytes(2048) }],
    ["RSA without modulus", { kty: "RSA", e: "AQAB" }],
    ["a curve of elsewhere", { ...ec, crv: "secp256k1" }],
    ["coordinates of another curve", { ...ec, crv: "P-384" }],
    ["a point without y", { kty: "EC", crv: "P-256", x: bytes(32) }],
    ["Ed448", { ...okp, crv: "Ed448", x: bytes(57) }],
    ["X25519", { ...okp, crv: "X25519" }],
    ["a key for encryption", { ...ec, use: "enc" }],
    ["a key for signing alone", { ...ec, key_ops: ["sign"] }],
    ["an algorithm of another kind", { ...rsa, alg: "ES256" }],
    ["an algorithm of another curve", { ...ec, alg: "ES384" }],
    ["an HMAC algorithm", { ...rsa, alg: "HS256" }],
    ["a kid that is no text", { ...ec, kid: 1 }],
    ["the other alphabet", { ...ec, x: `${bytes(31)}+/` }],
    ["nothing", null],
    ["a list", []],
  ])("%s is refused", (_, jwk) => {
    expect(readPublicJwk(jwk)).toBeTypeOf("string");
  });

  test("of a set the usable ones are taken", () => {
    expect(readKeySet({ keys: [ec, { ...rsa, use: "enc" }, null, okp] })).toEqual([ec, okp]);
    const many = { keys: Array.from({ length: limits.identity.jwksKeysMax + 1 }, () => ec) };
    expect(readKeySet(many)).toHaveLength(limits.identity.jwksKeysMax);
    for (const none of [{}, [], null, { keys: {} }]) expect(readKeySet(none)).toBeTypeOf("string");
  });
});

describe("the keys that a token can be of", () => {
  const [a, b] = [{ ...ec, kid: "a" } as PublicJwk, { ...ec, kid: "b" } as PublicJwk];

  test("with a kid: those of that name, else those without one", () => {
    expect(keysFor([a, b, rsa], "ES256", "b")).toEqual([b]);
    expect(keysFor([a, ec], "ES256", "c")).toEqual([ec]);
    expect(keysFor([a, b], "ES256", "c")).toEqual([]);
    expect(keysFor([a], "RS256", "a")).toEqual([]);
  });

  test("without a kid: all that fit, as long as they are few", () => {
    expect(keysFor([a, b, rsa, okp], "ES256", undefined)).toEqual([a, b]);
    expect(keysFor([a, b, rsa, okp], "EdDSA", undefined)).toEqual([okp]);
    const { keysTriedMax } = limits.identity;
    const many = Array.from({ length: keysTriedMax + 1 }, () => ec);
    expect(keysFor(many.slice(1), "ES256", undefined)).toHaveLength(keysTriedMax);
    expect(keysFor(many, "ES256", undefined)).toEqual([]);
  });

  test("an algorithm fits its own kind, curve and statement alone", () => {
    expect(fitsAlgorithm(rsa, "PS512")).toBe(true);
    expect(fitsAlgorithm({ ...rsa, alg: "RS256" }, "PS256")).toBe(false);
    expect(fitsAlgorithm(ec, "ES384")).toBe(false);
    expect(fitsAlgorithm(okp, "Ed25519")).toBe(true);
    expect(fitsAlgorithm({ ...okp, alg: "EdDSA" }, "Ed25519")).toBe(true);
    for (const alg of ["none", "HS256", "", "constructor"]) expect(fitsAlgorithm(rsa, alg)).toBe(false);
  });
});

test("a secret is as long as the longest hash that it is used with", () => {
  expect(secretBytesMin(["HS256"])).toBe(32);
  expect(secretBytesMin(["HS256", "HS512"])).toBe(64);
});
