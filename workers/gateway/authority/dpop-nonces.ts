/**
 * Nonces of DPoP proofs (RFC 9449 section 8). A nonce is the MAC of the time in which it is given out, so that every isolate
 * knows those of every other and none is stored.
 */
import { base64url } from "jose";
import { nonceTimes } from "../../../shared/auth/dpop-proof.ts";
import { deriveKey } from "./derived-key.ts";

interface Nonces {
  readonly token: string;
  readonly time: number;
  readonly accepted: readonly [current: string, previous: string];
}

export class DpopNonces {
  #known: Nonces | undefined;

  /** The nonce that is given out now, and the one before it. @param token `CONTROL_TOKEN`, a secret that all isolates have */
  async acceptedAt(nowMs: number, token: string): Promise<readonly [current: string, previous: string]> {
    const times = nonceTimes(nowMs);
    const known = this.#known;
    if (known?.time === times[0] && known.token === token) return known.accepted;
    const key = await nonceKey(token);
    const accepted = [await nonceOf(times[0], key), await nonceOf(times[1], key)] as const;
    this.#known = { token, time: times[0], accepted };
    return accepted;
  }
}

async function nonceOf(time: number, key: CryptoKey): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(`nonce ${time}`));
  return base64url.encode(new Uint8Array(mac, 0, NONCE_BYTES));
}

const NONCE_BYTES = 16;

function nonceKey(secret: string): Promise<CryptoKey> {
  const hmac = { name: "HMAC", hash: "SHA-256", length: 256 };
  return deriveKey(new TextEncoder().encode(secret), "selvage dpop nonce v1", hmac, ["sign"]);
}
