import { expect, test } from "vitest";
import { leafTerms } from "../../../shared/policy/issuance.ts";
import { issuersOf, refuseKey, refuseReuse } from "../../../shared/policy/joining.ts";

const issuer = { issuer: "https://i", audiences: ["a"], tokenLifetimeMsMax: 3_600_000, clockSkewMs: 0 };
const claims = { iss: "https://i", aud: "a", iat: 1_000, exp: 2_000 };
const AT_MS = 1_500_000;

test("an issuer is found by iss and aud; of several of one name the one whose audience it is", () => {
  const issuers = { first: { ...issuer, audiences: ["x"] }, second: issuer, third: { ...issuer, issuer: "https://j" } };
  expect(issuersOf(issuers, claims, AT_MS)).toEqual(["second"]);
  expect(issuersOf({ first: issuers.first }, claims, AT_MS)).toBe('first: aud is "a", expected x');
  expect(issuersOf({ third: issuers.third }, claims, AT_MS)).toBe('no issuer of the document is "https://i"');
});

test.each([
  ["ended", {}, 2_000_000, /expired/],
  ["without exp", { exp: undefined }, AT_MS, /exp is missing/],
  ["without iat", { iat: undefined }, AT_MS, /iat is missing/],
  ["that lives too long", { exp: 4_601 }, AT_MS, /it lives 3601s/],
  ["with times that are texts", { exp: "2000" }, AT_MS, /exp is not a number/],
])("a token %s is refused", (_, change, nowMs, reason) => {
  expect(issuersOf({ one: issuer }, { ...claims, ...change }, nowMs)).toMatch(reason);
});

test("a token is good again with the key that it was shown with first", () => {
  expect(refuseReuse(undefined, "k1", false)).toBeUndefined();
  expect(refuseReuse("k1", "k1", false)).toBeUndefined();
  expect(refuseReuse("k1", "k2", false)).toContain("used before");
  expect(refuseReuse("k1", "k2", true)).toBeUndefined();
});

test("an enrolment key lives from its last use on", () => {
  const key = { id: "k", service: "s", instance: "i", createdAtMs: 0, usedAtMs: 5_000 };
  expect(refuseKey(key, 1_000, 5_999)).toBeUndefined();
  expect(refuseKey(key, 1_000, 6_000)).toContain("was not used for 1s");
  expect(refuseKey(undefined, 1_000, 0)).toContain("unknown");
});

test("a short certificate is backdated by a small part of its life, and a usual one by five minutes", () => {
  const terms = (lifetimeMs?: number) => leafTerms("t", "s", 1e15, 1e12, new Uint8Array(16), lifetimeMs);
  expect(terms(12_000)).toMatchObject({ notBeforeMs: 1e12 - 1_000, notAfterMs: 1e12 + 12_000 });
  expect(terms()).toMatchObject({ notBeforeMs: 1e12 - 300_000, notAfterMs: 1e12 + 86_400_000 });
});
