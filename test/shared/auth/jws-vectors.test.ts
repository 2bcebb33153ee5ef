/** Published attacks on JWS verification, against what the gateway does with a token: form, header, choice of keys, then jose. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { base64url, compactVerify, importJWK, type JSONWebKeySet } from "jose";
import { describe, expect, test } from "vitest";
import { keysFor, readKeySet } from "../../../shared/auth/jwk.ts";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";

interface Group {
  readonly comment: string;
  readonly public?: JSONWebKeySet["keys"][number];
  readonly tests: readonly { tcId: number; comment: string; jws: unknown; result: "valid" | "invalid" }[];
}

const file = resolve(import.meta.dirname, "../../../../shared/vectors/jose/jws.json");
const groups: readonly Group[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).testGroups : [];
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

async function isAccepted(jws: unknown, keys: JSONWebKeySet["keys"]): Promise<boolean> {
  if (typeof jws !== "string" || refuseTokenForm(jws) !== undefined) return false;
  const header = readJsonObject(new TextDecoder().decode(base64url.decode(jws.split(".")[0] ?? "")));
  if (typeof header === "string" || refuseTokenHeader(header, algorithms) !== undefined) return false;
  const { alg, kid } = header as { alg: string; kid?: string };
  const known = readKeySet({ keys });
  if (typeof known === "string") return false;
  for (const key of keysFor(known, alg, kid)) {
    try {
      await compactVerify(jws, await importJWK({ ...key }, alg), { algorithms: [alg] });
      return true;
    } catch {}
  }
  return false;
}

describe.skipIf(groups.length === 0)("JWS vectors (../shared/vectors/jose, absent in a plain clone)", () => {
  const cases = groups.flatMap(({ comment, public: key, tests }) =>
    tests.map((one) => ({
      ...one,
      name: `${comment} ${one.tcId} ${one.comment}`,
      keys: key === undefined ? [] : [key],
    })),
  );

  test.each(cases.filter(({ result }) => result === "invalid"))("refuses $name", async ({ jws, keys }) => {
    expect(await isAccepted(jws, keys)).toBe(false);
  });

  /** No payload is no claims set; the figures of RFC 7520 come with keys whose `alg` or `use` is not the token's. */
  const NOT_FOR_US = [259, 268, 272, 320, 325, 346, 347, 350];

  test("accepts what is valid and signed by a public key", async () => {
    const refused: number[] = [];
    for (const { tcId, result, jws, keys } of cases)
      if (result === "valid" && keys.length > 0 && !(await isAccepted(jws, keys))) refused.push(tcId);
    expect(refused).toEqual(NOT_FOR_US);
  });
});
