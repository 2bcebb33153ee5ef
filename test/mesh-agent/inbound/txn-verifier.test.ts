import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, test } from "vitest";
import { TxnVerifier } from "../../../mesh-agent/inbound/txn-verifier.ts";
import { txnTokenClaims } from "../../../shared/auth/txn-token-claims.ts";
import { anonymous } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";

const { privateKey, publicKey } = await generateKeyPair("ES256");
const jwk = { ...(await exportJWK(publicKey)), kty: "EC", kid: "k1" };
const nowMs = 1_800_000_000_000;
const claims = txnTokenClaims({ ...anonymous, sub: "alice" }, "route", "test.internal", "txn", nowMs);
const token = await new SignJWT({ ...claims })
  .setProtectedHeader({ alg: "ES256", typ: "txntoken+jwt", kid: "k1" })
  .sign(privateKey);

test("a token is believed from memory only while its key is in the bundle", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk], false, nowMs);
  expect(await verifier.verify([token], nowMs)).toMatchObject({ sub: "alice" });
  expect(verifier.verify([token], nowMs)).not.toBeInstanceOf(Promise);
  verifier.setKeys([], false, nowMs);
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});

test("a key that leaves the bundle while its token is being verified leaves nothing behind", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk], false, nowMs);
  const pending = verifier.verify([token], nowMs);
  verifier.setKeys([], false, nowMs);
  await pending;
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});

test("remembered tokens are bounded by their bytes too", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk], false, nowMs);
  const filler = "x".repeat(11_000);
  const long = (txn: number): Promise<string> =>
    new SignJWT({ ...claims, txn: String(txn), filler })
      .setProtectedHeader({ alg: "ES256", typ: "txntoken+jwt", kid: "k1" })
      .sign(privateKey);
  const first = await long(0);
  await verifier.verify([first], nowMs);
  const enough = Math.ceil(limits.identity.rememberedTokenBytesMax / first.length);
  let last = first;
  for (let txn = 1; txn <= enough; txn++) {
    last = await long(txn);
    await verifier.verify([last], nowMs);
  }
  expect(verifier.verify([last], nowMs)).not.toBeInstanceOf(Promise);
  expect(verifier.verify([first], nowMs)).toBeInstanceOf(Promise);
});

test("another trust domain's agent does not believe it, whoever signed", async () => {
  const verifier = new TxnVerifier("other.internal");
  verifier.setKeys([jwk], false, nowMs);
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});

test("keys of an authority that was replaced are believed for a while, those that were taken out are not", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk], false, nowMs);
  verifier.setKeys([], true, nowMs);
  expect(await verifier.verify([token], nowMs)).toMatchObject({ sub: "alice" });
  const late = nowMs + limits.keyRotation.formerKeysMs;
  const fresh = await new SignJWT({ ...claims, iat: late / 1000, exp: late / 1000 + 30 })
    .setProtectedHeader({ alg: "ES256", typ: "txntoken+jwt", kid: "k1" })
    .sign(privateKey);
  await expect(verifier.verify([fresh], late)).rejects.toMatchObject({ code: "txn_token_invalid" });
  verifier.setKeys([jwk], false, late);
  verifier.setKeys([], false, late);
  await expect(verifier.verify([fresh], late)).rejects.toMatchObject({ code: "txn_token_invalid" });
});
