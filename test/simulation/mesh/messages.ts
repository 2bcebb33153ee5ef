/** What nodes tell one another: the shapes of the real ones, with what certificates and plans are about instead of them. */
import type { HubPush } from "../../../shared/policy/hub-state.ts";
import type { InstanceReport } from "../../../shared/policy/registry.ts";

/** A version of the document: which services there are, and what each may call. */
export interface MeshPlan {
  readonly hash: string;
  readonly callable: ReadonlyMap<string, readonly string[]>;
}

export interface StoredVersion {
  readonly version: number;
  readonly appliedAtMs: number;
  readonly plan: MeshPlan;
}

export interface Publication extends StoredVersion {
  readonly trust: Trust;
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
}

/** What an agent proves who it is with. */
export type Proof =
  | { readonly kind: "token"; readonly id: string; readonly macIsGood: boolean }
  | { readonly kind: "renewal"; readonly service: string };

/** What an isolate says when it asks for a lease. */
export interface LeaseAsk {
  readonly isolate: string;
  readonly version: number;
  readonly hash: string;
}

export interface LeaseGrant {
  readonly version: number;
  readonly plan?: { readonly hash: string };
}

/** What an isolate before left to the next. */
export interface LastGood {
  readonly version: number;
  readonly hash: string;
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

export type HubSays = HubPush | ({ readonly type: "plan" } & TakenPlan) | ({ readonly type: "trust" } & Trust);
