/** That who renews has the key that was certified last, see `shared/wire/enrolment.ts`. */
import { type RenewRequest, renewalProofInput } from "../../../shared/wire/enrolment.ts";
import { type Bytes, fromBase64, toBase64Url, utf8 } from "./bytes.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** What a token knows a public key by: SHA-256, base64url. @param spki DER of its SubjectPublicKeyInfo */
export async function keyHash(spki: Bytes | ArrayBuffer): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", spki)));
}

/** @param certified `keyHash` in the token; absent: one of an older agent, which proves nothing */
export async function provesKey(request: RenewRequest, certified: string | undefined): Promise<boolean> {
  const spki = fromBase64(request.key);
  const proof = fromBase64(request.proof);
  if (spki === undefined || proof === undefined || (await keyHash(spki)) !== certified) return false;
  const key = await crypto.subtle.importKey("spki", spki, ECDSA, false, ["verify"]);
  return crypto.subtle.verify(ECDSA, key, proof, utf8(renewalProofInput(request.csr)));
}
