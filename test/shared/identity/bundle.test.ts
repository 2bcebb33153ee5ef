/** SPIFFE bundles, read and written. */
import { expect, test } from "vitest";
import { bundleDocument, nextSequence, readBundle } from "../../../shared/identity/bundle.ts";
import { trustDomainOf } from "../../../shared/identity/spiffe-id.ts";

const key = (more: object = {}) => ({
  kty: "EC",
  crv: "P-256",
  x: "x",
  y: "y",
  use: "x509-svid",
  x5c: ["AA=="],
  ...more,
});

test("what is written is read", () => {
  const jwk = { kty: "EC", crv: "P-256", x: "x", y: "y", ext: true, key_ops: ["verify"] };
  const written = JSON.parse(JSON.stringify(bundleDocument([{ jwk, certificate: "AA==" }], 7))) as { keys: object[] };
  expect(written.keys).toEqual([key()]);
  expect(readBundle(written)).toEqual({ certificates: ["AA=="], sequence: 7, hintMs: 300_000 });
});

test.each<[string, object, readonly string[]]>([
  ["keys of other uses", { keys: [key({ use: "jwt-svid" }), key({ use: undefined }), key()] }, ["AA=="]],
  [
    "keys without a type or certificate",
    { keys: [key({ kty: undefined }), key({ x5c: [] }), key({ x5c: undefined })] },
    [],
  ],
  ["more certificates than the first", { keys: [key({ x5c: ["AA==", "BB=="] })] }, ["AA=="]],
  ["what is no key", { keys: [null, 1, "x", []] }, []],
  ["members that nobody knows", { keys: [key({ kid: "1" })], other: true }, ["AA=="]],
  ["no keys", { keys: [] }, []],
])("%s are passed over", (_what, json, certificates) => {
  expect(readBundle(json)).toEqual({ certificates });
});

test.each<[unknown, RegExp]>([
  [null, /no SPIFFE bundle/],
  [[], /no SPIFFE bundle/],
  [{}, /no SPIFFE bundle/],
  [{ keys: {} }, /no SPIFFE bundle/],
  [{ keys: [], spiffe_sequence: -1 }, /spiffe_sequence/],
  [{ keys: [], spiffe_sequence: 1.5 }, /spiffe_sequence/],
  [{ keys: [], spiffe_refresh_hint: "5" }, /spiffe_refresh_hint/],
  [{ keys: Array.from({ length: 17 }, () => key()) }, /17 roots/],
])("%j is refused", (json, reason) => {
  expect(readBundle(json)).toEqual({ refused: expect.stringMatching(reason) });
});

test("the number of a bundle grows, also after the control plane was made anew", () => {
  expect(nextSequence(0, 1_700_000_000_999)).toBe(1_700_000_000);
  expect(nextSequence(1_700_000_000, 1_700_000_000_999)).toBe(1_700_000_001);
  expect(nextSequence(1_800_000_000, 1_700_000_000_999)).toBe(1_800_000_001);
});

test.each([
  ["spiffe://partner.example/service/billing", "partner.example"],
  ["spiffe://partner.example/a", "partner.example"],
  ["spiffe://partner.example/ns/shop/sa/Web_1.x", "partner.example"],
  ["spiffe://partner.example", undefined],
  ["spiffe://partner.example/", undefined],
  ["spiffe://partner.example/a/", undefined],
  ["spiffe://partner.example//a", undefined],
  ["spiffe://partner.example/a/../b", undefined],
  ["spiffe://partner.example/.", undefined],
  ["spiffe://Partner.example/a", undefined],
  ["spiffe://partner.example:443/a", undefined],
  ["spiffe://user@partner.example/a", undefined],
  ["spiffe://partner.example/a?b", undefined],
  ["spiffe://partner.example/%61", undefined],
  ["SPIFFE://partner.example/a", undefined],
  [`spiffe://partner.example/${"a".repeat(2048)}`, undefined],
])("the trust domain of %s is %s", (id, trustDomain) => {
  expect(trustDomainOf(id)).toBe(trustDomain);
});
