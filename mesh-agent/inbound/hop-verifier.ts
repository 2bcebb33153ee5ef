/** Proofs of the gateway checked against the hop keys of the trust bundle; each is taken once. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import {
  coveredFields,
  hopSignatureText,
  type ReceivedProof,
  readHopProof,
  refuseHopTime,
} from "../../shared/auth/hop-proof.ts";
import { newHopReplay, stepHopReplay } from "../../shared/auth/hop-replay.ts";
import { SelvageError } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { SIGNATURE, SIGNATURE_INPUT } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { HopKey } from "../../shared/wire/hop-key.ts";
import type { RequestHead } from "../proxy/engine.ts";
import { FormerKeys } from "./former-keys.ts";

const { overtakenMax, isolatesMax, lifetimeMs, clockSkewMs } = limits.hopProof;
const SETTINGS = { overtakenMax, isolatesMax, goodForSeconds: Math.ceil((lifetimeMs + clockSkewMs) / 1000) + 1 };

export class HopVerifier {
  readonly #keys = new FormerKeys<KeyObject>();
  readonly #seen = newHopReplay();

  /** @param isOtherAuthority the keys before were those of another one, whose gateways come over one by one */
  setKeys(keys: readonly HopKey[], isOtherAuthority: boolean, nowMs: number): void {
    const objects = keys.map(({ kid, key }) => [kid, createSecretKey(Buffer.from(key, "base64url"))] as const);
    this.#keys.replace(new Map(objects), isOtherAuthority, nowMs);
  }

  /**
   * @param nowMs milliseconds since the epoch
   * @returns the proof, which covers what it says; it is used up
   * @throws SelvageError `hop_proof_missing`, `hop_proof_invalid`
   */
  verify({ method, target, fields }: RequestHead, nowMs: number): ReceivedProof {
    const values = valuesOf(fields);
    const input = values.get(SIGNATURE_INPUT);
    const signature = values.get(SIGNATURE);
    if (input === undefined || signature === undefined)
      throw new SelvageError("hop_proof_missing", "there is no proof that the request comes from the gateway");
    const proof = readHopProof(input, signature);
    if (typeof proof === "string") throw invalid(proof);
    const key = this.#keys.get(proof.kid, nowMs);
    if (key === undefined) throw invalid(`its key ${proof.kid} is not in the trust bundle`);
    const covered = coveredFields(proof.covered, (name) => values.get(name));
    if (typeof covered === "string") throw invalid(covered);
    const { base } = hopSignatureText(method, target, covered, proof);
    const mac = createHmac("sha256", key).update(base, "latin1").digest();
    if (!timingSafeEqual(mac, Buffer.from(proof.signature, "base64"))) throw invalid("it is not over this request");
    const refused = refuseHopTime(proof, nowMs) ?? stepHopReplay(this.#seen, proof, nowMs, SETTINGS);
    if (refused !== undefined) throw invalid(refused);
    return proof;
  }
}

/** Every field by its lower-case name, its lines joined (RFC 9421 section 2.1): one pass for all that is asked of it. */
function valuesOf(fields: FieldList): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < fields.size; at++) {
    const name = fields.nameAt(at).toLowerCase();
    const before = values.get(name);
    values.set(name, before === undefined ? fields.valueAt(at) : `${before}, ${fields.valueAt(at)}`);
  }
  return values;
}

const invalid = (reason: string): SelvageError =>
  new SelvageError("hop_proof_invalid", `the gateway's proof is bad: ${reason}`);
