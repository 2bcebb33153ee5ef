import type { RevocationList } from "../../../shared/auth/revocations.ts";
import type { AgentPlan } from "../../../shared/plan/plan.ts";
import { watchedBy } from "../../../shared/plan/watched-services.ts";
import { isMeshLimit, type MeshLimit } from "../../../shared/policy/call-limits.ts";
import { isOldPublication } from "../../../shared/policy/publication.ts";
import type { Publication, Trust } from "./rpc.ts";
import { TextStore } from "./text-store.ts";

/** The live plan's face of one service, ready to send. */
export interface Face {
  /** Services whose endpoints it is told. */
  readonly outbound: readonly string[];
  /** It faces the outside. */
  readonly isExposed: boolean;
  /** Limits that are counted over all its instances. */
  readonly limits: readonly MeshLimit[];
  readonly hash: string;
  /** Hub message as JSON text. */
  readonly message: string;
}

interface Summary {
  readonly version: number;
  readonly appliedAtMs?: number;
  readonly services: readonly string[];
  /** Which services each may call; absent: stored before there were several hubs. */
  readonly callable?: readonly (readonly [service: string, names: readonly string[]])[];
}

/** What the hub last got from the config store; kept, so that it serves on without it. */
export class PublicationStore {
  readonly #texts: TextStore;
  #summary: Summary | undefined;
  #trust: Trust | undefined;
  #revocations: RevocationList = { revision: 0, entries: [] };
  /** Made once for all agents: it may be large. */
  #revocationsMessage: string | undefined;
  readonly #faces = new Map<string, Face>();

  constructor(sql: SqlStorage) {
    this.#texts = new TextStore(sql);
    const text = this.#texts.get("summary");
    if (text !== undefined) this.#summary = JSON.parse(text) as Summary;
    const trust = this.#texts.get("trust");
    if (trust !== undefined) this.#trust = JSON.parse(trust) as Trust;
    const revocations = this.#texts.get("revocations");
    if (revocations !== undefined) this.#revocations = JSON.parse(revocations) as RevocationList;
  }

  /** 0: nothing yet. */
  get version(): number {
    return this.#summary?.version ?? 0;
  }

  get trust(): Trust | undefined {
    return this.#trust;
  }

  /** @returns false when it is the one that is held, or older */
  putTrust(trust: Trust): boolean {
    if (trust.changedAtMs <= (this.#trust?.changedAtMs ?? 0)) return false;
    this.#trust = trust;
    this.#texts.put("trust", JSON.stringify(trust));
    return true;
  }

  /** Hub message as JSON text. */
  get revocations(): string {
    this.#revocationsMessage ??= JSON.stringify({ type: "revocations", ...this.#revocations });
    return this.#revocationsMessage;
  }

  /** @returns false when it is the one that is held, or older */
  putRevocations(list: RevocationList): boolean {
    if (list.revision <= this.#revocations.revision) return false;
    this.#revocations = list;
    this.#revocationsMessage = undefined;
    this.#texts.put("revocations", JSON.stringify(list));
    return true;
  }

  /** Revision of a list that is held instead of this one; undefined: it is the same. */
  otherRevocations(list: RevocationList): number | undefined {
    return JSON.stringify(list) === JSON.stringify(this.#revocations) ? undefined : this.#revocations.revision;
  }

  /** Whether it is the one that is held, or was made before that. */
  isOld(publication: Publication): boolean {
    return isOldPublication(publication, { version: this.version, appliedAtMs: this.#summary?.appliedAtMs ?? 0 });
  }

  put(publication: Publication): void {
    for (const service of this.#summary?.services ?? []) this.#texts.delete(`face/${service}`);
    for (const { service, hash, plan } of publication.faces)
      this.#texts.put(`face/${service}`, JSON.stringify({ hash, plan }));
    const services = publication.faces.map((face) => face.service);
    const { version, appliedAtMs } = publication;
    const callable = publication.faces.map(({ service, plan }) => [service, callableBy(plan)] as const);
    this.#summary = { version, appliedAtMs, services, callable };
    this.#texts.put("summary", JSON.stringify(this.#summary));
    this.#faces.clear();
  }

  /** Which services those of each service may call. */
  get callable(): Map<string, readonly string[]> {
    const { callable, services = [] } = this.#summary ?? {};
    return new Map(callable ?? services.map((service) => [service, this.face(service)?.outbound ?? []]));
  }

  /** Undefined when the live plan does not know the service. */
  face(service: string): Face | undefined {
    const known = this.#faces.get(service);
    if (known !== undefined) return known;
    const text = this.#texts.get(`face/${service}`);
    if (text === undefined) return undefined;
    const { hash, plan } = JSON.parse(text) as { hash: string; plan: string };
    const parsed = JSON.parse(plan) as AgentPlan;
    const message = JSON.stringify({ type: "plan", version: this.version, hash, plan: parsed });
    const isExposed = parsed.inbound?.expose !== undefined;
    const limits = meshLimitsOf(parsed);
    const face = { outbound: watchedBy(parsed), isExposed, limits, hash, message };
    this.#faces.set(service, face);
    return face;
  }
}

/** Services whose endpoints a face's agents are told. @param plan as JSON text */
export function callableBy(plan: string): string[] {
  return watchedBy(JSON.parse(plan) as AgentPlan);
}

/** Limits that a face's agents have counted over all of them. */
export function meshLimitsOf({ inbound }: AgentPlan): readonly MeshLimit[] {
  return (inbound?.rateLimits ?? []).filter(isMeshLimit);
}
