import { describe, expect, test } from "vitest";
import {
  fitsRevocations,
  indexRevocations,
  noRevocations,
  type Revocation,
  revocationOf,
} from "../../../shared/auth/revocations.ts";
import { limits } from "../../../shared/limits.ts";

const NOW = 1_800_000_000_000;
const expiresAtMs = NOW + 1_000;
const issuer = "https://i.example/";
const who = (claims: object = {}, sub = "alice", of = issuer) => ({ sub, issuer: of, claims: { ...claims } });
const verdict = (entries: Revocation[], identity: ReturnType<typeof who>, nowMs = NOW) =>
  revocationOf(indexRevocations({ revision: 1, entries }), identity, nowMs) !== undefined;

describe("a revocation is about", () => {
  test("one token", () => {
    const entries = [{ jti: "t1", expiresAtMs }];
    expect(verdict(entries, who({ jti: "t1" }))).toBe(true);
    expect(verdict(entries, who({ jti: "t2" }))).toBe(false);
    expect(verdict(entries, who({}))).toBe(false);
    expect(verdict(entries, who({ jti: ["t1"] }))).toBe(false);
  });

  test("one subject of one issuer", () => {
    const entries = [{ sub: "alice", issuer, expiresAtMs }];
    expect(verdict(entries, who())).toBe(true);
    expect(verdict(entries, who({}, "bob"))).toBe(false);
    expect(verdict(entries, who({}, "alice", "https://other.example/"))).toBe(false);
  });

  test("what an issuer issued before a time", () => {
    const entries = [{ issuer, issuedBefore: 100, expiresAtMs }];
    expect(verdict(entries, who({ iat: 99 }))).toBe(true);
    expect(verdict(entries, who({ iat: 99.9 }))).toBe(true);
    expect(verdict(entries, who({ iat: 100 }))).toBe(false);
    expect(verdict(entries, who())).toBe(true);
    expect(verdict(entries, who({ iat: "200" }))).toBe(true);
    expect(verdict(entries, who({ iat: 99 }, "alice", "https://other.example/"))).toBe(false);
  });
});

test("it ends, and of several about one thing the last end counts", () => {
  const entries: Revocation[] = [
    { jti: "t", expiresAtMs },
    { jti: "t", expiresAtMs: expiresAtMs - 500 },
    { issuer, issuedBefore: 5, expiresAtMs },
    { issuer, issuedBefore: 9, expiresAtMs: expiresAtMs - 500 },
  ];
  expect(verdict(entries, who({ jti: "t", iat: 10 }), expiresAtMs - 1)).toBe(true);
  expect(verdict(entries, who({ jti: "t", iat: 10 }), expiresAtMs)).toBe(false);
  expect(verdict(entries, who({ iat: 7 }), expiresAtMs - 600)).toBe(true);
  expect(verdict(entries, who({ iat: 7 }), expiresAtMs - 500)).toBe(false);
});

test("no names of built-in members are revoked by accident", () => {
  expect(revocationOf(noRevocations, who({ jti: "constructor" }, "__proto__", "toString"), NOW)).toBeUndefined();
});

test("a list has a bound on entries and on their text", () => {
  const { revocationsMax, revocationBytesMax } = limits.control;
  expect(fitsRevocations(revocationsMax - 1, 0, 1)).toBe(true);
  expect(fitsRevocations(revocationsMax, 0, 1)).toBe(false);
  expect(fitsRevocations(0, revocationBytesMax - 1, 1)).toBe(true);
  expect(fitsRevocations(0, revocationBytesMax, 1)).toBe(false);
});
