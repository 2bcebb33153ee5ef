import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, test } from "vitest";
import { TxnVerifier } from "../../../mesh-agent/inbound/txn-verifier.ts";
import { txnTokenClaims } from "../../../shared/auth/txn-token-claims.ts";
import { anonymous } from "../../../shared/identity/identity.ts";

const { privateKey, publicKey } = await generateKeyPair("ES256");
const jwk = { ...(await exportJWK(publicKey)), kty: "EC", kid: "k1" };
const nowMs = 1_800_000_000_000;
const claims = txnTokenClaims({ ...anonymous, sub: "alice" }, "route", "test.internal", "txn", nowMs);
const token = await new SignJWT({ ...claims })
  .setProtectedHeader({ alg: "ES256", typ: "txntoken+jwt", kid: "k1" })
  .sign(privateKey);

test("a token is believed from memory only while its key is in the bundle", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk]);
  expect(await verifier.verify([token], nowMs)).toMatchObject({ sub: "alice" });
  expect(verifier.verify([token], nowMs)).not.toBeInstanceOf(Promise);
  verifier.setKeys([]);
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});

test("a key that leaves the bundle while its token is being verified leaves nothing behind", async () => {
  const verifier = new TxnVerifier("test.internal");
  verifier.setKeys([jwk]);
  const pending = verifier.verify([token], nowMs);
  verifier.setKeys([]);
  await pending;
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});

test("another trust domain's agent does not believe it, whoever signed", async () => {
  const verifier = new TxnVerifier("other.internal");
  verifier.setKeys([jwk]);
  await expect(verifier.verify([token], nowMs)).rejects.toMatchObject({ code: "txn_token_invalid" });
});
