import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesOfBase64 } from "../../../shared/http/base64.ts";
import { readContentDigest } from "../../../shared/http/content-digest.ts";
import { hex, hexBytes } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import { request, requestContent } from "../../support/rfc9421.ts";

test.each([
  ["RFC 9530 appendix B.1", '{"hello": "world"}\n', "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"],
  ["RFC 9530 appendix B.2, no content", "", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"],
  ["RFC 9421 appendix B.2", requestContent, request.fields.find(([name]) => name === "content-digest")?.[1] ?? ""],
])("%s", (_, content, field) => {
  const digests = readContentDigest(field);
  if (typeof digests === "string") throw new Error(digests);
  for (const { algorithm, bytes } of digests)
    expect(createHash(algorithm.replace("-", "")).update(content).digest().equals(bytes)).toBe(true);
});

const sha256 = `sha-256=:${"A".repeat(43)}=:`;
const sha512 = `sha-512=:${"A".repeat(86)}==:`;

test("every algorithm that is known, and none that is not", () => {
  const algorithms = (field: string) => {
    const digests = readContentDigest(field);
    return typeof digests === "string" ? digests : digests.map(({ algorithm }) => algorithm);
  };
  expect(algorithms(`${sha512}, ${sha256}`)).toEqual(["SHA-512", "SHA-256"]);
  expect(algorithms(`md5=:AAAA:, sha=:AAAA:, unixsum=1, ${sha256}`)).toEqual(["SHA-256"]);
});

test.each([
  ["", "is empty"],
  ["md5=:AAAA:", "neither sha-256 nor sha-512"],
  ["sha-256", "no digest of 32 bytes"],
  ["sha-256=()", "no digest of 32 bytes"],
  [sha512.replace("sha-512", "sha-256"), "no digest of 32 bytes"],
  [sha256.replace("sha-256", "sha-512"), "no digest of 64 bytes"],
  [`${sha256}, ${sha256}`, "a name twice"],
  [sha256.replaceAll(":", '"'), "no digest of 32 bytes"],
  [sha256.replace("A=:", "B=:"), "canonical form"],
  [`${sha256.slice(0, -2)}:`, "canonical form"],
  ["SHA-256=:AAAA:", "no dictionary"],
  [Array.from({ length: limits.signature.digestsMax + 1 }, (_, at) => `a${at}=1`).join(","), "members"],
  [`${sha256};x="${"x".repeat(limits.signature.digestBytesMax)}"`, "bytes"],
])("%s is refused", (field, reason) => {
  expect(readContentDigest(field)).toEqual(expect.stringContaining(reason));
});

test("base64 and hex digits in one spelling each", () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(bytes, (given) => {
      expect(bytesOfBase64(Buffer.from(given).toString("base64"))).toEqual(given);
      expect(hexBytes(hex(given))).toEqual(given);
    }),
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9+/=_ -]{0,12}$/), (text) => {
      const read = bytesOfBase64(text);
      if (read !== undefined) expect(Buffer.from(read).toString("base64")).toBe(text);
    }),
    { numRuns: 2_000 },
  );
  for (const text of ["A", "AB", "ABC", "AB=", "AB==C", "====", "=", "AA=A", "AB==", "AAB=", "AAA=\n", " AAAA"])
    expect([text, bytesOfBase64(text)]).toEqual([text, undefined]);
  for (const text of ["0", "0g", "AB", "0x00", " 00"]) expect(hexBytes(text)).toBeUndefined();
});
