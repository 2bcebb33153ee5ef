/** The one way to a certificate, whatever the right by which it is asked for: who gets none, and what the others get. */
import { spiffeIdOf } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { refuseWorkload, type Workload } from "../../../shared/policy/denial.ts";
import { type CertificateLives, leafTerms, USUAL_LIVES } from "../../../shared/policy/issuance.ts";
import { randomBytes } from "../authority/bytes.ts";
import { makeLeaf } from "../authority/certificates.ts";
import { signAgentToken } from "../authority/control-tokens.ts";
import { keyHash } from "../authority/key-proof.ts";
import { requestedKey, spkiOf } from "../authority/signing-request.ts";
import type { AuthorityKeys, Keys } from "./authority-keys.ts";
import type { IssuedCredentials } from "./authority-rpc.ts";
import type { CertificateDesk } from "./certificate-desk.ts";
import type { LeafStore } from "./leaf-store.ts";
import { asRefused, refused } from "./refused.ts";
import type { ConfigStoreRpc, Refused } from "./rpc.ts";

/** Why a certificate is asked for by who has one, in the issuance log. */
export const RENEWAL = "renewal";

/** Credentials that are made, and what writes the row of the issuance log once they are given. */
export interface Issued {
  readonly credentials: Omit<IssuedCredentials, "mac">;
  readonly record: () => void;
}

/** Of the authority's object, which it is part of. */
export interface IssuerOptions {
  readonly keys: AuthorityKeys;
  readonly leaves: LeafStore;
  readonly desk: CertificateDesk;
  readonly config: () => Pick<ConfigStoreRpc, "refuseService" | "joining">;
  /** Signs the tokens of agents. */
  readonly tokenSecret: string | undefined;
}

export class LeafIssuer {
  readonly #options: IssuerOptions;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /**
   * What is refused is in the issuance log.
   * @param cause by what right, for that log
   * @param pinnedRoot fingerprint of the root that the holder believes; empty: not known
   */
  async issue(who: Workload, csr: string, cause: string, pinnedRoot: string): Promise<Issued | Refused> {
    const issued = await this.#tryIssue(who, csr, cause, pinnedRoot);
    if ("refused" in issued)
      this.#options.leaves.refused(who.service, who.instance, cause, issued.refused.reason, Date.now());
    return issued;
  }

  async #tryIssue(who: Workload, csr: string, cause: string, pinnedRoot: string): Promise<Issued | Refused> {
    const { keys: store, leaves, desk, config } = this.#options;
    const { service, instance } = who;
    const [undeclared, { lives }] = await Promise.all([config().refuseService(service), config().joining()]);
    if (undeclared !== undefined) return undeclared;
    const nowMs = Date.now();
    const denied = refuseWorkload(desk.denials.denied(nowMs), who);
    if (denied !== undefined) return refused("workload_denied", denied);
    const keys = await store.open(nowMs);
    if (keys === undefined) return refused("document_missing", "there is no authority before the first apply");
    if (keys.endsAtMs <= nowMs) return refused("issuer_ended", "the issuing certificate or its root has ended");
    const lineage = store.lineage.between(pinnedRoot === "" ? undefined : pinnedRoot, keys.rootFingerprint);
    if (lineage === undefined && cause !== RENEWAL)
      return refused(
        "join_token_outdated",
        `the join token is for the root ${pinnedRoot}, which was replaced from outside`,
      );
    if (leaves.ofInstance(service, instance, nowMs).length >= limits.authority.leavesOfInstanceMax)
      return refused("issuance_limited", `${service}/${instance} holds ${limits.authority.leavesOfInstanceMax}`);
    const publicKey = await requestedKey(csr, spiffeIdOf(keys.trustDomain, service)).catch(asRefused);
    if ("refused" in publicKey) return publicKey;
    const issued = await this.#sign(keys, publicKey, who, cause, lineage ?? [], lives ?? USUAL_LIVES, nowMs);
    // Another root signs by now, and what this one signed is not to come into the world any more.
    const isOver = store.store.state?.root !== keys.rootFingerprint;
    return isOver ? this.#tryIssue(who, csr, cause, pinnedRoot) : issued;
  }

  async #sign(
    keys: Keys,
    publicKey: CryptoKey,
    { service, instance }: Workload,
    cause: string,
    lineage: string[],
    lives: CertificateLives,
    nowMs: number,
  ): Promise<Issued> {
    const { leaves, desk, tokenSecret } = this.#options;
    const { trustDomain, issuer, roots } = keys;
    const terms = leafTerms(trustDomain, service, keys.endsAtMs, nowMs, randomBytes(16), lives.certificateMs);
    const leaf = await makeLeaf(terms, publicKey, issuer);
    const key = await keyHash(await spkiOf(publicKey));
    const token = await signAgentToken(tokenSecret, { service, instance, key }, lives.tokenMs, nowMs);
    const certificates = [leaf.toString("pem"), ...keys.certificates];
    const { serial, notAfterMs } = terms;
    const entry = { serial, service, instance, root: keys.rootFingerprint, key, issuedAtMs: nowMs, notAfterMs, cause };
    return {
      credentials: {
        ...{ service, trustDomain, certificates, roots, token, notAfterMs },
        ...(lineage.length > 0 && { lineage }),
      },
      record: () => {
        leaves.record(entry);
        desk.issued({ service, instance, key }, nowMs);
      },
    };
  }
}
