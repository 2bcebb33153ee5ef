/** What the objects offer to the Worker and to each other. Interfaces alone, so that neither needs the other's code. */
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import type { CaAlarm } from "../../../shared/policy/ca-alarms.ts";
import type { SeriesCounts } from "../../../shared/policy/counters.ts";
import type { Denied, Workload } from "../../../shared/policy/denial.ts";
import type { FederationAlarm, Partners } from "../../../shared/policy/federation.ts";
import type { RingKey } from "../../../shared/policy/key-ring.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import type { InstanceReport, RegistryUpdate, Released } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { DeprecatedCaller, Drift, VersionInfo } from "../../../shared/wire/admin.ts";
import type { ArtifactTable } from "../../../shared/wire/artifacts.ts";
import type {
  CaStatus,
  DeniedInfo,
  DeniedList,
  DenyRequest,
  ForceRequest,
  IssuanceEntry,
  RotateCaRequest,
} from "../../../shared/wire/ca.ts";
import type { FederationStatus } from "../../../shared/wire/federation.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../../../shared/wire/revocations.ts";

/** An error as data: an exception would lose its class on the way between objects. */
export interface Refused {
  readonly refused: { readonly code: ErrorCode; readonly reason: string };
}

/** Name of the one object of its class, and of the first hub. */
export const MAIN = "main";

/** A compiled document on its way into the store. */
export interface Change {
  /** Canonical JSON of the plan. */
  readonly plan: string;
  /** Document as JSON. */
  readonly document: string;
  readonly source: string;
  /** Digests by what the artifacts are in the document. */
  readonly artifacts: ArtifactTable;
  readonly file: string;
  readonly author: string;
  readonly reason: string;
}

export interface Applied extends VersionInfo {
  readonly changed: boolean;
}

export interface StoredVersion extends VersionInfo {
  readonly source: string;
  /** Document as JSON. */
  readonly document: string;
  readonly artifacts: ArtifactTable;
}

export interface ConfigStatus {
  /** 0: nothing was applied yet. */
  readonly version: number;
  readonly hash: string;
  readonly leases: readonly Lease[];
  /** What isolates counted in the last minutes. */
  readonly counters: readonly SeriesCounts[];
}

export interface LeaseGrant {
  readonly version: number;
  /** The gateway's face as JSON with its hash; absent when the isolate needs none. */
  readonly plan?: { readonly hash: string; readonly gateway: string };
  /** Absent when the isolate holds them. */
  readonly revocations?: RevocationList;
}

/** One privileged act. `by`: subject of the token; `author`: who its holder says it acts for. */
export interface Act {
  readonly act:
    | "apply"
    | "rollback"
    | "join-token"
    | "revoke"
    | "unrevoke"
    | "key-create"
    | "key-update"
    | "key-roll"
    | "key-revoke"
    | "key-import"
    | "key-rotate"
    | "ca-rotate"
    | "ca-step"
    | "ca-csr"
    | "ca-import"
    | "cache-purge";
  readonly by: string;
  readonly author: string;
  /** 0 where no version is concerned. */
  readonly version: number;
  readonly detail: string;
}

/** Who does something, for the audit log. */
export type Actor = Pick<Act, "by" | "author">;

export interface AuditEntry extends Act {
  readonly atMs: number;
}

export interface ConfigStoreRpc extends Rpc.DurableObjectBranded {
  apply(change: Change, by: string): Promise<Applied | Refused | { readonly trustDomainIs: string }>;
  rollback(version: number, author: string, reason: string, by: string): Promise<Applied | Refused>;
  /** Newest first. */
  versions(): Promise<VersionInfo[]>;
  version(version: number): Promise<StoredVersion | Refused>;
  status(): Promise<ConfigStatus>;
  /** Those of some artifacts that are not here. */
  missingArtifacts(digests: readonly string[]): Promise<string[]>;
  /** @returns false: no room */
  putArtifact(digest: string, bytes: Uint8Array): Promise<boolean>;
  artifact(digest: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** The last caller first. */
  deprecatedCallers(): Promise<DeprecatedCaller[]>;
  /** What was found last first. */
  drift(): Promise<Drift[]>;
  lease(asked: LeaseRequest): Promise<LeaseGrant>;
  /** For a hub that was never told; undefined: nothing was applied yet. */
  publication(): Promise<{ readonly publication: Publication; readonly revocations?: RevocationList } | undefined>;
  /** Undefined when the live document lets workloads of that name join, else why not. */
  refuseService(service: string): Promise<Refused | undefined>;
  revoke(request: RevocationRequest, by: string): Promise<RevocationInfo | Refused>;
  unrevoke(id: string, by: string): Promise<RevocationInfo | Refused>;
  revocations(): Promise<Revocations>;
  audit(act: Act): Promise<void>;
  /** Newest first. */
  auditLog(): Promise<AuditEntry[]>;
}

export interface Trust {
  /** Agents name it when they have it. */
  readonly id: string;
  /** Tells a newer bundle from an older one that comes late; 0: there is no authority yet. */
  readonly changedAtMs: number;
  /** PEM. */
  readonly roots: string[];
  /** Public JWKs as JSON. */
  readonly txnKeys: string[];
  /** For ingress agents; sealed under the name `hop/KID`. */
  readonly hopKeys: { readonly kid: string; readonly sealed: string }[];
  /** Fingerprint of the issuer that agents' certificates are to be from, and the time to get one. Absent: of any. */
  readonly issuer?: string;
  readonly renewWithinMs?: number;
  /** Absent: nobody. */
  readonly denied?: Denied;
  /** PEM roots of other trust domains. Absent: none. */
  readonly federated?: Readonly<Record<string, readonly string[]>>;
}

export type KeyKind = "signing" | "hop";

/** Kids of what a gateway holds. */
export type HeldKeys = { readonly [Kind in KeyKind]?: string };

/** What it lacks. `secret`: the private JWK as JSON, or 32 bytes as base64url. */
export type GatewayKeys = { [Kind in KeyKind]?: { readonly kid: string; readonly secret: string } };

export interface KeyRings {
  readonly rings: readonly { readonly kind: KeyKind; readonly keys: readonly RingKey[] }[];
  /** Id of the trust bundle that has them all. */
  readonly trust: string;
  /** What of the authority ends soon, and which bundles are not to be had. */
  readonly alarms: readonly (CaAlarm | FederationAlarm)[];
}

/** Who does not have a trust bundle yet: agents of all services, those of the gateway, and the first names. */
export interface Laggards {
  readonly agents: number;
  readonly ingresses: number;
  /** Those of the agents that are connected. */
  readonly live: number;
  /** Agents that are remembered, whatever they have. */
  readonly known: number;
  readonly named: readonly { readonly service: string; readonly instance: string; readonly connected: boolean }[];
}

export interface IssuedCredentials {
  readonly service: string;
  readonly trustDomain: string;
  readonly certificates: string[];
  readonly roots: string[];
  readonly token: string;
  readonly notAfterMs: number;
  readonly mac?: string;
  /** See `Credentials`. */
  readonly lineage?: string[];
}

/** What is done about a rotation of the authority. */
export type CaOrder =
  | ({ readonly type: "rotate" } & Pick<RotateCaRequest, "what" | "selfMade">)
  | ({ readonly type: "force" } & Pick<ForceRequest, "step" | "whom">)
  | { readonly type: "abort" };

export interface AuthorityRpc extends Rpc.DurableObjectBranded {
  /** Makes root, issuer and the keys of gateways where there are none. @returns the trust domain that the authority is for */
  ensure(trustDomain: string): Promise<string>;
  trust(): Promise<Trust>;
  createJoinToken(
    service: string,
    lifetimeMs: number,
    url: string,
  ): Promise<{ readonly token: string; readonly expiresAtMs: number } | Refused>;
  enrol(id: string, csr: string, instance: string, mac: string): Promise<IssuedCredentials | Refused>;
  renew(who: Workload, csr: string): Promise<IssuedCredentials | Refused>;
  /** A line of the issuance log for a renewal that was refused before it came here. */
  noteRefusal(service: string, instance: string, reason: string): Promise<void>;
  /** The current keys, unless they are held; none before the first apply. */
  gatewayKeys(held: HeldKeys): Promise<GatewayKeys>;
  rotate(
    kind: KeyKind,
    how: { readonly now: boolean; readonly revoke: boolean },
  ): Promise<{ readonly kid: string } | Refused>;
  keyRings(): Promise<KeyRings>;
  ca(): Promise<CaStatus>;
  /** Newest first. */
  issuanceLog(): Promise<IssuanceEntry[]>;
  orderCa(order: CaOrder, actor: Actor): Promise<CaStatus | Refused>;
  requestIssuer(fresh: boolean, actor: Actor): Promise<{ readonly csr: string } | Refused>;
  importChain(
    pem: string,
    actor: Actor,
  ): Promise<{ readonly warnings: readonly string[]; readonly ca: CaStatus } | Refused>;
  deny(request: DenyRequest, by: string): Promise<DeniedInfo | Refused>;
  lift(id: string, by: string): Promise<DeniedInfo | Refused>;
  denied(): Promise<DeniedList>;
  federation(order: FederationOrder): Promise<FederationAnswer>;
}

/** About other trust domains: which the live document names, to fetch all of their bundles now, or nothing. */
export type FederationOrder =
  | { readonly type: "configure"; readonly partners: Partners }
  | { readonly type: "refresh" | "ask" };

export interface FederationAnswer {
  readonly status: FederationStatus;
  /** The own SPIFFE bundle as JSON; absent before the first apply. */
  readonly bundle?: string | undefined;
}

/** One version with the face of every service, as JSON with its hash. */
export interface Publication {
  readonly version: number;
  /** Tells a store that was set back, whose later versions have lower numbers, from an older publication that comes late. */
  readonly appliedAtMs: number;
  readonly faces: readonly { readonly service: string; readonly hash: string; readonly plan: string }[];
  readonly trust: Trust;
}

/** What a hub says of its agents of one service. `batch` numbers what it says. */
export interface Reports {
  readonly batch: number;
  readonly reports: readonly InstanceReport[];
}

/** One of several objects, each with the sockets of some agents: see `upstream/hubs.ts`. */
export interface HubRpc extends Rpc.DurableObjectBranded {
  publish(publication: Publication): Promise<void>;
  /** A trust bundle for all agents; an older one than is held changes nothing. */
  trust(trust: Trust): Promise<void>;
  /**
   * All that is revoked, for agents that face the outside; an older list than is held changes nothing.
   * @returns revision of another list that is held instead; undefined: this one is
   */
  revoked(list: RevocationList): Promise<number | undefined>;
  laggards(trustId: string): Promise<Laggards>;
  status(): Promise<{ readonly revision: number; readonly instances: readonly Instance[] }>;
  renewed(service: string, instance: string, certificateNotAfterMs: number): Promise<void>;
  /** Of a registry: what changed of its service. */
  view(service: string, update: RegistryUpdate): Promise<void>;
  /** Of a registry: an instance that drains need not wait any more. */
  released(service: string, one: Omit<Released, "hub">): Promise<void>;
  /** For a registry that was made anew: everything about its service. */
  reports(service: string): Promise<Reports>;
  /** Of another hub: agents that are away and belong here by now. */
  adopt(instances: readonly Instance[]): Promise<void>;
}

/** One object a service, named as it is. What it decides is in `shared/policy/registry.ts`. */
export interface ServiceRegistryRpc extends Rpc.DurableObjectBranded {
  /**
   * @param all whatever this hub reported before is over
   * @returns number of a later batch that was taken before, if so; then this one was left alone
   */
  report(service: string, hub: string, reports: Reports, all: boolean): Promise<number | undefined>;
  /** @param held undefined: nothing */
  subscribe(service: string, hub: string, held: HeldRevision | undefined): Promise<RegistryUpdate>;
  unsubscribe(service: string, hub: string): Promise<void>;
  /** All callers of the hub go by that revision. */
  seen(service: string, hub: string, held: HeldRevision): Promise<void>;
}
