/** What the objects offer to the Worker and to each other. Interfaces alone, so that neither needs the other's code. */
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import type { CallerReport } from "../../../shared/policy/caller-view.ts";
import type { CounterReport, SeriesCounts } from "../../../shared/policy/counters.ts";
import type { Denied } from "../../../shared/policy/denial.ts";
import type { OutsideIssuer } from "../../../shared/policy/federation.ts";
import type { FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import type { ToldIngress } from "../../../shared/policy/ingress-callers.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import type { InstanceReport, RegistryUpdate, Released } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { TapNews } from "../../../shared/policy/tap-desk.ts";
import type { TapReport, TapsAnswer, ToldTap } from "../../../shared/policy/tap-source.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { DeprecatedCaller, Drift, VersionInfo } from "../../../shared/wire/admin.ts";
import type { ArtifactTable } from "../../../shared/wire/artifacts.ts";
import type { AuditPage } from "../../../shared/wire/audit.ts";
import type { CanaryChange, CanaryRequest, CanaryStatus, ToldCanary } from "../../../shared/wire/canary.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../../../shared/wire/revocations.ts";
import type { TapRequest } from "../../../shared/wire/taps.ts";
import type { TokenInfo } from "../../../shared/wire/tokens.ts";
import type { HubStatus } from "./held-verdicts.ts";

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

/** What a change was judged against. */
export interface Judged {
  /** The version that it replaces, 0: none; with another one live it is not made. Absent: whichever is. */
  readonly follows?: number;
  /** `ChangeSummary` as JSON. Absent: not known. */
  readonly changes?: string;
}

/** A change that was judged against a version that is not live any more. */
export interface Moved {
  readonly moved: true;
}

export interface Applied extends VersionInfo {
  readonly changed: boolean;
  /** It is not live: it gets a share of the requests. */
  readonly canary?: true;
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
  /** Of a canary that runs. */
  readonly canary?: Pick<CanaryStatus, "version" | "phase" | "share">;
  /** What isolates counted in the last minutes. */
  readonly counters: readonly SeriesCounts[];
  /** Agents that go on for less than this without the control plane are an alarm. */
  readonly outageBudgetMs: number;
  /** What is told, and whom. */
  readonly telemetry?: TelemetrySettings;
}

/** Sends metrics, see `metric-exporter.ts`. */
export interface MetricExporterRpc extends Rpc.DurableObjectBranded {
  /** The live version asks for metrics, or for others than before. */
  wake(): Promise<void>;
}

export interface LeaseGrant {
  readonly version: number;
  /** The gateway's face as JSON with its hash; absent when the isolate needs none. */
  readonly plan?: { readonly hash: string; readonly gateway: string };
  /** Absent when the isolate holds them. */
  readonly revocations?: RevocationList;
  /** Absent: none runs. */
  readonly canary?: CanaryGrant;
  /** Absent: the isolate holds it, or there is nothing to hold. */
  readonly ingress?: ToldIngress;
  /** Absent: nobody taps. */
  readonly taps?: readonly ToldTap[];
}

/** A second version, its face for gateways as JSON; absent when the isolate has it. */
export type CanaryGrant = Omit<ToldCanary, "gateway"> & { readonly gateway?: string };

/** One privileged act. `by`: subject of the token; `author`: who its holder says it acts for. */
export interface Act {
  readonly act:
    | "apply"
    | "rollback"
    | "canary-begin"
    | "canary-set"
    | "canary-promote"
    | "canary-abort"
    | "canary-promoted"
    | "canary-aborted"
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
    | "cache-purge"
    | "tap"
    | "records"
    | "records-delete"
    | "explain-token"
    | "agents-renew"
    | "agent-drain"
    | "federation-refresh"
    | "join"
    | "join-refused"
    | "enrolment-key-remove"
    | "token"
    | "token-revoke"
    | "token-refused"
    | "call-refused";
  /** Absent: it was done. */
  readonly outcome?: "done" | "refused";
  readonly by: string;
  readonly role?: string;
  readonly address?: string;
  readonly author: string;
  /** 0 where no version is concerned. */
  readonly version: number;
  readonly detail: string;
}

/** One that somebody without the right to it tried. */
export interface RefusedAct extends Act {
  /** Others of its kind that were not passed on. */
  readonly unwritten: number;
}

export interface JoiningSettings extends Pick<Plan["mesh"], "join" | "enrolmentKeyMs" | "lives"> {
  /** Of the live document; 0: there is none. */
  readonly version: number;
}

export interface AuditQuery {
  /** Entries with lower numbers alone. */
  readonly before?: number | undefined;
  readonly limit: number;
  readonly act?: string | undefined;
}

/** Who makes a call. */
export interface Actor {
  /** Subject of the token. */
  readonly sub: string;
  readonly role: string;
  readonly jti?: string | undefined;
  /** As far as the platform tells. */
  readonly address?: string | undefined;
  /** Who its holder says it acts for. Absent: itself. */
  readonly author?: string;
}

/** Tokens of the API, and what was done with them. */
export interface AccessRpc extends Rpc.DurableObjectBranded {
  /** Taps that are open, for gateways; replaces those that were told before. */
  tapping(taps: readonly ToldTap[]): Promise<void>;
  addToken(made: TokenInfo, maker: Actor): Promise<Refused | undefined>;
  /** Those that have not ended, newest first. */
  tokens(): Promise<TokenInfo[]>;
  isRevoked(jti: string): Promise<boolean>;
  revokeToken(jti: string, by: Actor): Promise<{ revoked: TokenInfo[] } | Refused>;
  audit(act: Act): Promise<void>;
  /** Written down as far as there are not too many. */
  auditRefused(act: RefusedAct): Promise<void>;
  /** Newest first. */
  auditLog(query: AuditQuery): Promise<AuditPage>;
}

export interface ConfigStoreRpc extends AccessRpc {
  /** @param canary how the version is tried before it becomes live; undefined: it becomes live */
  apply(
    change: Change & Judged,
    by: Actor,
    canary?: CanaryRequest,
  ): Promise<Applied | Refused | Moved | { readonly trustDomainIs: string }>;
  rollback(
    version: number,
    author: string,
    reason: string,
    by: Actor,
    judged?: Judged,
  ): Promise<Applied | Refused | Moved>;
  /** The one that runs, else the last one. */
  canary(): Promise<CanaryStatus | undefined>;
  changeCanary(change: CanaryChange, by: Actor): Promise<CanaryStatus | Refused>;
  /** Newest first. */
  versions(): Promise<VersionInfo[]>;
  version(version: number): Promise<StoredVersion | Refused>;
  /** Undefined: nothing was applied yet. */
  live(): Promise<StoredVersion | undefined>;
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
  /** Of the registry of the ingress agents, to whose callers the store belongs; as of `HubRpc`. */
  view(service: string, update: RegistryUpdate): Promise<HeldRevision | undefined>;
  /** What an agent counted. @param who of a connection, whose reports are numbered */
  counted(who: string, report: CounterReport): Promise<void>;
  /** For a hub that lacks something; undefined: nothing was applied yet. */
  publication(): Promise<Told | undefined>;
  /** Undefined when the live document lets workloads of that name join, else why not. */
  refuseService(service: string): Promise<Refused | undefined>;
  /** What the live document says of joining and of certificates. */
  joining(): Promise<JoiningSettings>;
  revoke(request: RevocationRequest, by: string): Promise<RevocationInfo | Refused>;
  unrevoke(id: string, by: string): Promise<RevocationInfo | Refused>;
  revocations(): Promise<Revocations>;
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
  /** Another issuer of the own trust domain. Absent: there is none. */
  readonly outside?: OutsideIssuer;
}

/** The token that an open connection goes on by. */
export interface RenewedToken {
  /** Hash of the key that it is for. */
  readonly key: string;
  readonly expiresAtMs: number;
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

/** What hubs are told of a canary: that it has begun, with its faces, or that it is over. */
export interface CanaryFaces extends Pick<Publication, "version" | "faces"> {
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly isOver: boolean;
}

/** All that hubs are told. */
export interface Told {
  readonly publication: Publication;
  readonly revocations?: RevocationList;
  /** One that runs, or that the last one is over: who was out of use at its end has not heard of that. */
  readonly canary?: CanaryFaces;
}

/** Live hosts that do not have a canary's version, the first by name, and one that refuses it. */
export interface CanaryLaggards {
  readonly count: number;
  readonly named: readonly string[];
  readonly refused?: { readonly who: string; readonly reason: string };
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
  /** What was heard before, or came before that, changes nothing. */
  canary(faces: CanaryFaces): Promise<void>;
  canaryLaggards(version: number): Promise<CanaryLaggards>;
  status(): Promise<HubStatus>;
  /** @param token of the certificate, where the one that a connection was opened by ends with the certificate before */
  renewed(service: string, instance: string, certificateNotAfterMs: number, token?: RenewedToken): Promise<void>;
  /** Tells agents to renew that have not done so by this id. */
  renewAll(id: string, withinMs: number): Promise<void>;
  /** Tells an agent to leave. @param key as of `instanceKey`. @returns false: it is not connected here */
  drain(key: string): Promise<boolean>;
  /** To all agents that are connected, as a message. */
  tapping(text: string): Promise<void>;
  /** Of a registry: what the callers of its service see together. */
  judged(service: string, verdict: FleetVerdict): Promise<void>;
  /** Of a registry: what changed of its service. */
  /** @returns what the hub holds after it; undefined: none of its agents calls the service */
  view(service: string, update: RegistryUpdate): Promise<HeldRevision | undefined>;
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
  /** What an agent says of its calls. */
  observed(service: string, caller: string, report: Omit<CallerReport, "service">): Promise<void>;
  /** All callers of the hub go by that revision. */
  seen(service: string, hub: string, held: HeldRevision): Promise<void>;
}

export interface TapsRpc extends Rpc.DurableObjectBranded {
  /** @param by subject of the token, who alone may read it */
  open(request: TapRequest, by: string): Promise<{ id: string } | Refused>;
  read(id: string, by: string): Promise<TapNews | Refused>;
  /** One that is over, or another's, stays as it is. */
  close(id: string, by: string): Promise<void>;
  /** Of a source. */
  report(reports: readonly TapReport[]): Promise<TapsAnswer>;
}
