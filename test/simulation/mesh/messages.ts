/** What nodes tell one another: the shapes of the real ones, with what certificates and plans are about instead of them. */
import type { CanaryNews as CanaryAge, CanaryTerms } from "../../../shared/policy/canary-rollout.ts";
import type { CounterReport } from "../../../shared/policy/counters.ts";
import type { HubPush } from "../../../shared/policy/hub-state.ts";
import type { JoinPlan } from "../../../shared/policy/join-rules.ts";
import type { HeldCanary } from "../../../shared/policy/lease.ts";
import type { InstanceReport } from "../../../shared/policy/registry.ts";

/** A version of the document: which services there are, and what each may call. */
export interface MeshPlan {
  readonly hash: string;
  readonly callable: ReadonlyMap<string, readonly string[]>;
  /** Share of its requests that fail, 0 to 1. */
  readonly failing: number;
  readonly join: JoinPlan;
}

export interface StoredVersion {
  readonly version: number;
  readonly appliedAtMs: number;
  readonly plan: MeshPlan;
}

export interface Publication extends StoredVersion {
  readonly trust: Trust;
}

/** That a canary has begun, with its version, or is over. */
export interface CanaryNews extends CanaryAge {
  readonly plan?: MeshPlan;
}

/** What a hub is told that asks. */
export interface Told {
  readonly publication: Publication;
  readonly canary?: CanaryNews | undefined;
}

export interface Trust {
  readonly id: string;
  readonly changedAtMs: number;
  /** Names of roots, the one that signs first. */
  readonly roots: readonly string[];
  /** Kids of the keys that gateways may sign with. */
  readonly keys: readonly string[];
  /** Root that every certificate is to be of; absent: of any. */
  readonly issuer?: string;
  readonly denied?: readonly string[];
}

/** An X.509-SVID, as far as it matters. */
export interface Leaf {
  readonly service: string;
  readonly instance: string;
  readonly spiffeId: string;
  readonly serial: string;
  readonly root: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Of the agent's token beside it. */
  readonly tokenEndsMs: number;
}

/** A token of the platform, as far as it matters. */
export interface PlatformToken {
  readonly id: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Challenge {
  readonly id: string;
  readonly endsAtMs: number;
}

/** What an agent proves who it is with. */
export type Proof =
  | { readonly kind: "token"; readonly id: string; readonly macIsGood: boolean; readonly key?: string }
  | { readonly kind: "renewal"; readonly service: string; readonly tokenEndsMs: number; readonly key: string }
  | { readonly kind: "platform"; readonly token: PlatformToken; readonly key: string; readonly challenge: Challenge }
  /** For the service and instance that it is kept for. */
  | { readonly kind: "key"; readonly key: string; readonly challenge: Challenge };

/** What an isolate says when it asks for a lease. */
export interface LeaseAsk {
  readonly isolate: string;
  readonly version: number;
  readonly hash: string;
  readonly canary?: HeldCanary | undefined;
  readonly counted?: CounterReport | undefined;
}

export interface LeaseGrant {
  readonly version: number;
  readonly plan?: MeshPlan;
  readonly canary?: CanaryGrant | undefined;
  /** Number of the report that was taken. */
  readonly counted?: number | undefined;
}

/** With the version's face, where the isolate does not have that. */
export interface CanaryGrant extends CanaryTerms {
  readonly face?: MeshPlan;
}

/** What an isolate before left to the next. */
export interface LastGood {
  readonly version: number;
  readonly plan: MeshPlan;
  readonly atMs: number;
}

/** What a hub tells a registry of instances. */
export interface Reports {
  readonly batch: number;
  readonly reports: readonly InstanceReport[];
}

export interface TakenPlan {
  readonly version: number;
  readonly hash: string;
  readonly callable: readonly string[];
}

export type HubSays =
  | HubPush
  | ({ readonly type: "plan" } & TakenPlan)
  /** Of version 0: there is none. */
  | { readonly type: "canary"; readonly version: number; readonly plan?: TakenPlan }
  | ({ readonly type: "trust" } & Trust);
