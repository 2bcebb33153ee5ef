import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessToken, readConfirmation, refuseBinding } from "../../../shared/auth/confirmation.ts";
import { normaliseUrl, proofEndMs, readProof, refuseProof, thumbprintInput } from "../../../shared/auth/dpop-proof.ts";
import { limits } from "../../../shared/limits.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url");

describe("thumbprints", () => {
  test("RFC 7638 section 3.1, RSA", () => {
    const n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    expect(sha256(thumbprintInput({ kty: "RSA", n, e: "AQAB", kid: "2011-04-29", alg: "RS256" }))).toBe(
      "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    );
  });
  test("RFC 8037 appendix A.3, Ed25519", () => {
    const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    expect(sha256(thumbprintInput({ kty: "OKP", crv: "Ed25519", x }))).toBe(
      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    );
  });
  test("RFC 9449 section 6.1, P-256", () => {
    const x = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
    const y = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA";
    expect(sha256(thumbprintInput({ kty: "EC", crv: "P-256", x, y }))).toBe(
      "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    );
  });
});

describe("URLs", () => {
  test.each([
    ["https://a.example", "https://a.example/"],
    ["HTTPS://A.example:443/X?y#z", "https://a.example/X"],
    ["http://a.example:080/x", "http://a.example/x"],
    ["http://a.example:/x", "http://a.example/x"],
    ["http://[::1]:8787/x", "http://[::1]:8787/x"],
    ["https://a.example/%7Ex/%c3%a9", "https://a.example/~x/%C3%A9"],
    ["https://a.example?x", "https://a.example/"],
  ])("%s is %s", (url, normal) => {
    expect(normaliseUrl(url)).toBe(normal);
  });
  test.each([
    ...["", "/x", "a.example/x", "ftp://a.example/", "https://", "https:///x", "https://u@a.example/", "https://a b/"],
    ...["https://a.example/x/../y", "https://a.example/%2e%2e/y", "https://a.example//x", "https://a.example/a%2Fb"],
    ...["https://a.example:x/", "https://a.example/\u00e9", "https://a.example\\x", " https://a.example/"],
  ])("%j is none", (url) => {
    expect(normaliseUrl(url)).toBeUndefined();
  });
  test("are told to operators without what clients leave in them", () => {
    const request = { method: "GET", scheme: "https", authority: "a.example", path: "/x", ath: "" } as const;
    const proof = { alg: "ES256", jwk: { kty: "EC" }, jti: "1", htm: "GET", iat: 0 } as const;
    const reasons = ["https://a.example/y?access_token=secret", "https://u:secret@a.example/x"].map(
      (htu) => refuseProof({ ...proof, htu }, request, 0)?.reason,
    );
    expect(reasons).toEqual([
      "htu is https://a.example/y, the request is for https://a.example/x",
      "htu is an unusual URL, the request is for https://a.example/x",
    ]);
  });
  test("in their normal form stay", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const normal = normaliseUrl(url);
        if (normal !== undefined) expect(normaliseUrl(normal)).toBe(normal);
      }),
    );
  });
});

test("whatever header and claims are, there is a proof or a reason", () => {
  const value = fc.oneof(fc.constantFrom<unknown>("dpop+jwt", "ES256", "GET", "EC", "P-256", 1), fc.jsonValue());
  const member = fc.constantFrom(
    "typ",
    "alg",
    "jwk",
    "crit",
    "jti",
    "htm",
    "htu",
    "iat",
    "ath",
    "nonce",
    "kty",
    "crv",
    "x",
  );
  const json = fc.dictionary(member, fc.oneof(value, fc.dictionary(member, value)));
  fc.assert(fc.property(json, json, (header, claims) => typeof readProof(header, claims) === "string"));
});

test("a proof ends, later with a nonce", () => {
  expect(proofEndMs({ iat: 100 }, false)).toBe(100_000 + limits.dpop.proofAgeMsMax);
  expect(proofEndMs({ iat: 100 }, true)).toBe(100_000 + limits.dpop.clockSkewWithNonceMs);
});

describe("confirmation", () => {
  const thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2".replace(/.$/, "0");
  test("of RFC 8705 section 3.1 and RFC 9449 section 6.1", () => {
    expect(readConfirmation({})).toEqual({ kind: "none" });
    expect(readConfirmation({ cnf: { "x5t#S256": thumbprint } })).toEqual({ kind: "certificate", thumbprint });
    expect(readConfirmation({ cnf: { jkt: thumbprint } })).toEqual({ kind: "dpop", thumbprint });
  });

  const kinds = [{ kind: "none" }, { kind: "dpop", thumbprint }, { kind: "certificate", thumbprint }] as const;
  test.each([
    [{}, "bearer", [true, false, true]],
    [{}, "dpop", [false, true, false]],
    [{ dpop: "accepted" }, "bearer", [true, false, true]],
    [{ dpop: "required" }, "bearer", [false, false, false]],
    [{ dpop: "required" }, "dpop", [false, true, false]],
    [{ certificate: "required" }, "bearer", [false, false, true]],
    [{ certificate: "required" }, "dpop", [false, false, false]],
  ] as const)("%j, %s: of none, a key and a certificate may be shown %j", (binding, scheme, shown) => {
    expect(kinds.map((kind) => refuseBinding(kind, scheme, binding) === undefined)).toEqual(shown);
  });
});

test("tokens come by two schemes, whatever their case", () => {
  expect(accessToken("Bearer a")).toEqual({ scheme: "bearer", token: "a" });
  expect(accessToken("dpop  a")).toEqual({ scheme: "dpop", token: "a" });
  expect(accessToken("DPOP")).toEqual({ scheme: "dpop", token: "" });
  for (const other of [undefined, "", "Basic a", "DPoPa", "DPoP\ta", " Bearer a"])
    expect(accessToken(other)).toBeUndefined();
});
