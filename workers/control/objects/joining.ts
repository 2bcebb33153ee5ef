/**
 * How the authority lets workloads in that have no join token: by a token of their platform, by their enrolment key, or by an SVID
 * of the mesh's outside issuer.
 */
import { join as bounds } from "../../../shared/limits/join.ts";
import { limits } from "../../../shared/limits.ts";
import type { Workload } from "../../../shared/policy/denial.ts";
import { isOutdated, refuseEnded, refuseKey, refuseReuse } from "../../../shared/policy/joining.ts";
import { newRefusalBudget, takeRefusal } from "../../../shared/policy/refusal-budget.ts";
import type { EnrolmentKeyInfo } from "../../../shared/wire/joining.ts";
import type { Admitted, IssuedCredentials, ProvenJoin, ProvenSvidJoin, ProvenTokenJoin } from "./authority-rpc.ts";
import { JoiningStore } from "./joining-store.ts";
import type { Issued } from "./leaf-issuer.ts";
import type { Act, JoiningSettings, Refused, RefusedAct } from "./rpc.ts";
import type { Admission } from "./svid-admission.ts";

/** What the authority lends. */
export interface JoiningHost {
  /** Refuses services that left the document, and whoever else may have no certificate. */
  issue(who: Workload, csr: string, cause: string): Promise<Issued | Refused>;
  /** The same for who needs no certificate. */
  admit(svid: ProvenSvidJoin): Promise<Admission | Refused>;
  /** Hash of the key that an instance's last certificate is for, as far as that is known. */
  certifiedLast(service: string, instance: string): string | undefined;
  settings(): Promise<JoiningSettings>;
  audit(act: Act): Promise<void>;
  auditRefused(act: RefusedAct): Promise<void>;
}

/** Who joins as what, and why. */
interface Joiner extends ProvenJoin {
  readonly service: string;
  readonly instance: string;
  /** Hash of the certified key in whose stead it comes back; absent: it joins as for the first time. */
  readonly key?: string | undefined;
  readonly cause: string;
}

export class Joining {
  readonly #storage: DurableObjectStorage;
  readonly #store: JoiningStore;
  readonly #host: JoiningHost;
  /** Whoever is refused without end does not wake the config store each time. */
  readonly #refusals = newRefusalBudget(limits.control.refusalsAtOnce, limits.control.refusalsToldPerHour);

  constructor(storage: DurableObjectStorage, host: JoiningHost) {
    this.#storage = storage;
    this.#store = new JoiningStore(storage.sql);
    this.#host = host;
  }

  async byToken(join: ProvenTokenJoin): Promise<IssuedCredentials | Refused | "outdated"> {
    const { keyId, tokenId, tokenEndMs, reuse, judgedBy } = join;
    const settings = await this.#host.settings();
    if (isOutdated(judgedBy, settings.version)) return "outdated";
    return this.#join(join, lifetimeOf(settings), {
      refuse: () =>
        refuseEnded("token", tokenEndMs, Date.now()) ?? refuseReuse(this.#store.usedBy(tokenId), keyId, reuse),
      use: (nowMs) =>
        this.#store.use(tokenId, keyId, tokenEndMs, nowMs) ? undefined : "too many tokens are remembered",
    });
  }

  async byKey(join: ProvenJoin): Promise<IssuedCredentials | Refused> {
    const lifetimeMs = await this.#keyLifetimeMs();
    const key = this.#store.key(join.keyId);
    const cause = `enrolment key ${join.keyId.slice(0, 12)}`;
    const refuse = (): string | undefined => refuseKey(this.#store.key(join.keyId), lifetimeMs, Date.now());
    if (key === undefined) return this.refuse(cause, refuse() ?? "");
    const { service, instance } = key;
    // A certificate that is revoked is not replaced by this way either.
    const certified = this.#host.certifiedLast(service, instance);
    return this.#join({ ...join, service, instance, key: certified, cause }, lifetimeMs, {
      refuse,
      use: () => undefined,
    });
  }

  /** It comes again with each SVID and at the end of each token: only the first time is an act. */
  async bySvid(svid: ProvenSvidJoin): Promise<Admitted | Refused> {
    const { service, instance, spiffeId, key, challengeId, challengeEndMs } = svid;
    const who = `${service}/${instance} by the SVID of ${spiffeId}`;
    const given = await this.#host.admit(svid);
    if ("refused" in given) return TOLD.has(given.refused.code) ? given : this.refuse(who, given.refused.reason);
    const late = this.#storage.transactionSync(() => {
      const reason = this.#refuseChallenge(challengeId, challengeEndMs, Date.now());
      if (reason !== undefined) return reason;
      if (!this.#store.use(challengeId, key, challengeEndMs, Date.now())) return FULL;
      given.record();
      return undefined;
    });
    if (late !== undefined) return this.refuse(who, late);
    if (given.isFirst) await this.#audit("join", instance, who);
    return given.admitted;
  }

  #refuseChallenge(id: string, endMs: number, nowMs: number): string | undefined {
    const isReplayed = this.#store.usedBy(id) !== undefined;
    return isReplayed ? "the challenge was used before" : refuseEnded("challenge", endMs, nowMs);
  }

  /**
   * Everything that can fail is done before anything is used up; then all is asked again, for others may have come in between,
   * and done in one transaction.
   */
  async #join(
    joiner: Joiner,
    keyLifetimeMs: number,
    proof: { refuse: () => string | undefined; use: (nowMs: number) => string | undefined },
  ): Promise<IssuedCredentials | Refused> {
    const { service, instance, key, csr, cause, keyId, challengeId, challengeEndMs } = joiner;
    const who = `${service}/${instance} by ${cause}`;
    const early = proof.refuse();
    if (early !== undefined) return this.refuse(who, early);
    const issued = await this.#host.issue({ service, instance, key }, csr, cause);
    if ("refused" in issued) return TOLD.has(issued.refused.code) ? issued : this.refuse(who, issued.refused.reason);
    const late = this.#storage.transactionSync(() => {
      const nowMs = Date.now();
      const unfresh = this.#refuseChallenge(challengeId, challengeEndMs, nowMs);
      const reason = unfresh ?? proof.refuse() ?? proof.use(nowMs);
      if (reason !== undefined) return reason;
      if (!this.#store.use(challengeId, keyId, challengeEndMs, nowMs)) return FULL;
      this.#store.keepKey({ id: keyId, service, instance, isProven: true }, nowMs, nowMs - keyLifetimeMs);
      issued.record();
      return undefined;
    });
    if (late !== undefined) return this.refuse(who, late);
    await this.#audit("join", instance, who);
    return issued.credentials;
  }

  /** Beside an enrolment or renewal, inside of its transaction: the key that the instance comes back by. */
  keepKey(id: string, service: string, instance: string, nowMs: number, settings: JoiningSettings): void {
    this.#store.keepKey({ id, service, instance, isProven: false }, nowMs, nowMs - lifetimeOf(settings));
  }

  /** The client is told nothing but that; log and audit log say why, the latter not for each of many. */
  async refuse(who: string, reason: string): Promise<Refused> {
    const time = new Date().toISOString();
    console.warn(JSON.stringify({ time, kind: "audit", act: "refuse-join", who, reason }));
    const unwritten = takeRefusal(this.#refusals, 0, Date.now());
    const detail = `${who}: ${reason}`;
    const act = { act: "join-refused", by: "", author: "", version: 0, detail } as const;
    if (unwritten !== undefined) await tried(detail, () => this.#host.auditRefused({ ...act, unwritten }));
    return { refused: { code: "join_refused", reason: `${who}: ${reason}` } };
  }

  async keys(): Promise<EnrolmentKeyInfo[]> {
    const lifetimeMs = await this.#keyLifetimeMs();
    return this.#store.keys(Date.now() - lifetimeMs).map((key) => ({ ...key, expiresAtMs: key.usedAtMs + lifetimeMs }));
  }

  async removeKey(id: string, by: string): Promise<EnrolmentKeyInfo | Refused> {
    const lifetimeMs = await this.#keyLifetimeMs();
    const removed = this.#store.removeKey(id);
    if (removed === undefined) return { refused: { code: "key_unknown", reason: `no enrolment key ${id}` } };
    await this.#audit("enrolment-key-remove", by, `${removed.service}/${removed.instance}: ${id}`);
    return { ...removed, expiresAtMs: removed.usedAtMs + lifetimeMs };
  }

  async #keyLifetimeMs(): Promise<number> {
    return lifetimeOf(await this.#host.settings());
  }

  #audit(act: Act["act"], by: string, detail: string): Promise<void> {
    return tried(detail, () => this.#host.audit({ act, by, author: by, version: 0, detail }));
  }
}

/** The act is done whatever becomes of its line. */
async function tried(detail: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    console.error(JSON.stringify({ kind: "error", act: "audit", reason: String(error), detail }));
  }
}

const FULL = "too many challenges are remembered";

/** Refusals that say nothing of who may join, and what to do about them. */
const TOLD: ReadonlySet<string> = new Set(["csr_invalid", "issuance_limited", "issuer_ended"]);

const lifetimeOf = ({ enrolmentKeyMs }: JoiningSettings): number => enrolmentKeyMs ?? bounds.keyLifetimeMs;
