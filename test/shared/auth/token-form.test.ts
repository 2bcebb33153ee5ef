import { describe, expect, test } from "vitest";
import { bearerChallenge, bearerToken } from "../../../shared/auth/bearer.ts";
import { identityOfClaims } from "../../../shared/auth/jwt-claims.ts";
import { missingScopes, scopesOf } from "../../../shared/auth/scopes.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";
import { limits } from "../../../shared/limits.ts";

const good = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

describe("form of a token", () => {
  test("a compact JWS of canonical base64url passes", () => {
    expect(refuseTokenForm(good)).toBeUndefined();
    expect(refuseTokenForm("AAAA.AA.AAA")).toBeUndefined();
  });

  test.each([
    ["empty", ""],
    ["two segments", "AAAA.AAAA"],
    ["four segments", "AAAA.AAAA.AAAA.AAAA"],
    ["five segments (JWE)", "AAAA.AAAA.AAAA.AAAA.AAAA"],
    ["no signature", "AAAA.AAAA."],
    ["no header", ".AAAA.AAAA"],
    ["space before", ` ${good}`],
    ["space behind", `${good} `],
    ["line end", `${good}\n`],
    ["space inside", good.replace("J", "J ")],
    ["tab inside", good.replace("J", "J\t")],
    ["padding", `${good}=`],
    ["the other alphabet", "AAA+.AAAA.AAAA"],
    ["a slash", "AAA/.AAAA.AAAA"],
    ["an impossible length", "AAAAA.AAAA.AAAA"],
    ["stray bits after one byte", "AB.AAAA.AAAA"],
    ["stray bits after two bytes", "AAAA.AAAA.AAB"],
    ["beyond ASCII", "AAAA.AAÄA.AAAA"],
    ["too long", `${good}${"A".repeat(4 * limits.identity.tokenBytesMax)}`],
  ])("%s is refused", (_, token) => {
    expect(refuseTokenForm(token)).toBeTypeOf("string");
  });

  test("every canonical ending of bytes passes, and no other", () => {
    for (const size of [1, 2, 3]) {
      for (let value = 0; value < 256; value++) {
        const bytes = new Uint8Array(size).fill(value);
        const text = Buffer.from(bytes).toString("base64url");
        expect(refuseTokenForm(`${text}.AAAA.AAAA`)).toBeUndefined();
      }
    }
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const head of ["A", "AA"])
      for (const last of alphabet) {
        const canonical = Buffer.from(head + last, "base64url").toString("base64url") === head + last;
        expect(refuseTokenForm(`${head}${last}.AAAA.AAAA`) === undefined).toBe(canonical);
      }
  });
});

describe("header of a token", () => {
  const allowed = ["ES256", "RS256"];
  test.each([
    [{ alg: "ES256" }],
    [{ alg: "RS256", typ: "JWT", kid: "1" }],
    [{ alg: "RS256", typ: "at+JWT" }],
    [{ alg: "ES256", typ: "application/at+jwt", jwk: {}, jku: "https://evil.example", x5c: [] }],
  ])("%j passes", (header) => {
    expect(refuseTokenHeader(header, allowed)).toBeUndefined();
  });

  test.each([
    [{}],
    [{ alg: "none" }],
    [{ alg: "None" }],
    [{ alg: "HS256" }],
    [{ alg: "ES384" }],
    [{ alg: ["ES256"] }],
    [{ alg: "ES256", crit: ["exp"], exp: 1 }],
    [{ alg: "ES256", crit: [] }],
    [{ alg: "ES256", b64: false }],
    [{ alg: "ES256", typ: "txntoken+jwt" }],
    [{ alg: "ES256", typ: "dpop+jwt" }],
    [{ alg: "ES256", typ: "logout+jwt" }],
    [{ alg: "ES256", typ: 1 }],
    [{ alg: "ES256", kid: 1 }],
    [{ alg: "ES256", kid: "k".repeat(257) }],
  ])("%j is refused", (header) => {
    expect(refuseTokenHeader(header, allowed)).toBeTypeOf("string");
  });

  test("no plan can allow a shared secret or none", () => {
    expect(refuseTokenHeader({ alg: "HS256" }, ["HS256"])).toBeTypeOf("string");
    expect(refuseTokenHeader({ alg: "none" }, ["none"])).toBeTypeOf("string");
  });
});

describe("bearer", () => {
  test.each([
    [undefined, undefined],
    ["Basic YTpi", undefined],
    ["Bearer abc", "abc"],
    ["bearer   abc", "abc"],
    ["Bearer", ""],
    ["Bearerabc", undefined],
    ["Bearer a, Bearer b", "a, Bearer b"],
  ])("%s holds %s", (value, token) => {
    expect(bearerToken(value)).toBe(token);
  });

  test("challenges", () => {
    expect(bearerChallenge("h")).toBe('Bearer realm="h"');
    expect(bearerChallenge("h", "invalid_token")).toBe('Bearer realm="h", error="invalid_token"');
    expect(bearerChallenge("h", "insufficient_scope", ["a", "b"])).toBe(
      'Bearer realm="h", error="insufficient_scope", scope="a b"',
    );
  });
});

test("scopes come from scope, else from scp, without what is no scope token", () => {
  expect(scopesOf({ scope: "a b  a" })).toEqual(["a", "b"]);
  expect(scopesOf({ scp: ["a", 1, "b c", 'q"'] })).toEqual(["a"]);
  expect(scopesOf({ scp: "a b" })).toEqual(["a", "b"]);
  expect(scopesOf({ scope: "", scp: ["admin"] })).toEqual([]);
  expect(missingScopes(["a"], ["a", "b"])).toEqual(["b"]);
});

test("claims name somebody or are refused", () => {
  const claims = { iss: "https://i.example", sub: "alice", scope: "a" };
  expect(identityOfClaims(claims)).toEqual({
    sub: "alice",
    issuer: "https://i.example",
    scopes: ["a"],
    claims,
    groups: [],
    method: "jwt",
  });
  expect(identityOfClaims({ iss: "https://i.example" })).toBeTypeOf("string");
  expect(identityOfClaims({ ...claims, sub: "" })).toBeTypeOf("string");
  expect(identityOfClaims({ ...claims, sub: 1 })).toBeTypeOf("string");
});
