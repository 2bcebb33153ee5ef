/** Whether a request proves possession of the key that its token is bound to (RFC 9449 sections 4.3 and 7), for the first time. */
import { importJWK } from "jose";
import type { TokenBinding } from "../../../shared/auth/confirmation.ts";
import {
  type DpopProof,
  proofEndMs,
  readProof,
  refuseProof,
  refuseProofForm,
  thumbprintInput,
} from "../../../shared/auth/dpop-proof.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { sha256Base64url } from "../upstream/sha256.ts";
import { DpopNonces } from "./dpop-nonces.ts";
import { isSignedWith, readSegment } from "./token-signatures.ts";
import { UsedProofs } from "./used-proofs.ts";
import type { ProofContext, Refusal } from "./verifier.ts";

interface HashedProof extends DpopProof {
  /** Of key and `jti`, by which it is known again. */
  readonly hash: string;
}

export class DpopProofs {
  readonly #nonces = new DpopNonces();
  readonly #keys = new BoundedMap<CryptoKey>(limits.dpop.keysMax);
  readonly #used = new UsedProofs("proofs");
  /** Requests whose answer has a nonce. */
  readonly #told = new WeakSet<Request>();

  /**
   * Why the proof of a request is refused, or undefined.
   * @param jkt thumbprint of the key that the token is bound to
   * @throws SelvageError proofs_unavailable
   */
  async refuse(jkt: string, token: string, binding: TokenBinding, context: ProofContext): Promise<Refusal | undefined> {
    const text = context.request.headers.get("dpop") ?? "";
    const nonces = binding.nonce ? await this.#nonces.acceptedAt(context.nowMs, context.env.CONTROL_TOKEN) : undefined;
    const found = await this.#read(text, jkt, token, nonces, context);
    // Whoever holds the newest nonce needs no other.
    if (nonces !== undefined && ("error" in found || found.nonce !== nonces[0]))
      this.#tell(nonces[0], "error" in found, context);
    if ("error" in found) return found;
    const again = await this.#used.refuse(found.hash, proofEndMs(found, found.nonce !== undefined), context);
    return again === undefined ? undefined : refusal(`the proof ${again}`);
  }

  #tell(nonce: string, isRefused: boolean, { request, answer }: ProofContext): void {
    if (this.#told.has(request)) return;
    this.#told.add(request);
    answer("dpop-nonce", nonce);
    // A stored answer would give out one that is too old (section 8.2); refusals are never stored.
    if (!isRefused) answer("cache-control", "no-store");
  }

  /** Cheap checks first: only a proof of the right key for this request costs a signature. */
  async #read(
    text: string,
    jkt: string,
    token: string,
    nonces: readonly string[] | undefined,
    { request, target, connection, nowMs }: ProofContext,
  ): Promise<HashedProof | Refusal> {
    if (text === "") return refusal("no proof came with the token");
    const malformed = refuseProofForm(text);
    if (malformed !== undefined) return refusal(malformed);
    const [header, claims] = text.split(".", 2).map(readSegment);
    if (typeof header !== "object" || typeof claims !== "object") return refusal("the proof is not JSON");
    const proof = readProof(header, claims);
    if (typeof proof === "string") return refusal(`the proof: ${proof}`);
    const key = await this.#keyOf(proof, jkt);
    if ("error" in key) return key;
    const { authority, path } = target;
    const asked = {
      method: request.method,
      scheme: connection.scheme,
      authority,
      path,
      ath: await sha256Base64url(token),
    };
    const refused = refuseProof(proof, nonces === undefined ? asked : { ...asked, nonces }, nowMs);
    if (refused !== undefined) return { ...refused, reason: `the proof: ${refused.reason}` };
    const hash = await sha256Base64url(`${jkt} ${proof.jti}`);
    if (this.#used.isKnown(hash, request)) return refusal("the proof was used before");
    if (!(await isSignedWith({ token: text, alg: proof.alg }, key)))
      return refusal("the proof's signature is not of its key");
    return { ...proof, hash };
  }

  /** A key is imported and remembered when a good token names it, and no other. */
  async #keyOf({ jwk, alg }: DpopProof, jkt: string): Promise<CryptoKey | Refusal> {
    const input = thumbprintInput(jwk);
    const known = this.#keys.get(`${alg} ${jkt} ${input}`);
    if (known !== undefined) return known;
    if ((await sha256Base64url(input)) !== jkt)
      return { reason: "the proof is of another key than the token's", error: "invalid_token" };
    const key = await importJWK({ ...jwk }, alg).catch(() => undefined);
    if (!(key instanceof CryptoKey)) return refusal("the proof's key has the form of a key and is none");
    this.#keys.set(`${alg} ${jkt} ${input}`, key);
    return key;
  }
}

const refusal = (reason: string): Refusal => ({ reason, error: "invalid_dpop_proof" });
