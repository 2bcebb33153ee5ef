/**
 * The control API as people and the CLI use it, JSON, errors as RFC 9457 problems; who may call what is in `control-calls.ts`:
 *
 *   POST /v1/config/versions      ApplyRequest -> ApplyAnswer (201; 200 when nothing changes) or DryRunAnswer; 422 with `errors` when
 *                                 it does not compile, 403 `not_owned` with `errors`, 409 `version_moved` with MovedMembers
 *   GET  /v1/config/versions      { versions: VersionInfo[] } newest first
 *   GET  /v1/config/versions/N    VersionDetail
 *   POST /v1/config/rollback      { version, reason? } -> ApplyAnswer: a new version with the old content
 *   GET  /v1/status               Status
 *   GET  /v1/deprecated           { callers: DeprecatedCaller[] } the last caller first
 *   GET  /v1/drift                { drift: Drift[] } what was found last first
 *   POST /v1/join-tokens          JoinTokenRequest -> { token, expiresAtMs }
 *   POST /v1/agents/renew         RenewAllRequest -> RenewAllAnswer (202)
 *   POST /v1/agents/drain         DrainRequest -> DrainRequest (202), 409 `agent_away`
 *   GET  /v1/services             { revision, services: { name: EndpointStatus[] } }
 *   GET  /healthz                 200 without a token
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { ChangeSummary } from "../plan/changes/summary.ts";
import type { SourceCondition } from "../policy/agent-sessions.ts";
import type { Alarm } from "../policy/alarms.ts";
import type { CaAlarm } from "../policy/ca-alarms.ts";
import type { SeriesCounts } from "../policy/counters.ts";
import type { FederationAlarm } from "../policy/federation.ts";
import type { EndpointVerdict } from "../policy/fleet-verdict.ts";
import type { FleetBudget } from "../policy/outage-budget.ts";
import { type ArtifactTable, artifactTableSchema } from "./artifacts.ts";
import { type CanaryStatus, canaryRequestSchema } from "./canary.ts";
import type { Endpoint } from "./endpoint.ts";
import type { KeyRingStatus } from "./rotation.ts";

const fence = {
  /** The version that is to be replaced, 0: none; 409 `version_moved` when another is live. Absent: whichever is. */
  expect: z.optional(z.int().check(z.minimum(0))),
};

export const applyRequestSchema = z.object({
  /** The document with its `${env:}` references resolved; checked and compiled by the control plane itself. */
  document: z.unknown(),
  /** The text as written, for people and for file:line in `explain`. */
  source: z.string(),
  file: z.string().check(z.maxLength(limits.wire.fileCharsMax)),
  /** Of what the document needs beside its plan; sent before. Absent: none. */
  artifacts: z.optional(artifactTableSchema),
  author: z.string().check(z.maxLength(limits.wire.authorCharsMax)),
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
  /** How the version is tried before it becomes live; absent: it becomes live at once. */
  canary: z.optional(canaryRequestSchema),
  ...fence,
  /** Judged in every way, and not made live. */
  dryRun: z.optional(z.boolean()),
});
export type ApplyRequest = z.infer<typeof applyRequestSchema>;

export const rollbackRequestSchema = z.object({
  version: z.int().check(z.minimum(1)),
  author: z.string().check(z.maxLength(limits.wire.authorCharsMax)),
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
  ...fence,
});
export type RollbackRequest = z.infer<typeof rollbackRequestSchema>;

export const joinTokenRequestSchema = z.object({
  service: z.string(),
  lifetimeMs: z.optional(z.int().check(z.minimum(1000))),
});
export type JoinTokenRequest = z.infer<typeof joinTokenRequestSchema>;

/** All agents renew, at random moments of `withinMs`. `id` of an earlier answer: those that have not acknowledged that one. */
export const renewAllRequestSchema = z.object({
  id: z.optional(z.string().check(z.regex(/^[0-9a-f-]{36}$/))),
  withinMs: z.optional(z.int().check(z.minimum(0), z.maximum(limits.fleet.renewWithinMsMax))),
});
export type RenewAllRequest = z.infer<typeof renewAllRequestSchema>;

export interface RenewAllAnswer {
  /** Agents that have renewed have it as their `renewal` in the status. */
  readonly id: string;
  readonly withinMs: number;
}

/** One agent leaves as at SIGTERM. How far it is says its `phase` in the status. */
export const drainRequestSchema = z.object({
  service: z.string().check(z.minLength(1), z.maxLength(limits.wire.hostCharsMax)),
  instance: z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax)),
});
export type DrainRequest = z.infer<typeof drainRequestSchema>;

export interface VersionInfo {
  readonly version: number;
  readonly hash: string;
  readonly author: string;
  readonly reason: string;
  readonly file: string;
  readonly appliedAtMs: number;
  /** It is a canary, or was one that was rolled back. */
  readonly isWithheld?: true;
  /** What it changed. Absent: it was applied by a control plane of before. */
  readonly changes?: ChangeSummary;
}
/** Somebody who called a deprecated route. */
export interface DeprecatedCaller {
  readonly route: string;
  /** Consumer or subject, `anonymous`, or `*` for those who were not counted apart. */
  readonly caller: string;
  readonly requests: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}
/** A place where requests or answers broke the contract of their route. */
export interface Drift {
  readonly route: string;
  /** `-`: requests that asked for none. This and what follows are `*` for places that were not counted apart. */
  readonly operation: string;
  readonly side: "request" | "response";
  /** A part of the message, such as `body`, and the JSON pointer into it, with `*` for indexes and for names that are the sender's own. */
  readonly place: string;
  /** Of the schema, or what else of the contract was broken. */
  readonly keyword: string;
  readonly requests: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}
export interface VersionDetail extends VersionInfo {
  readonly source: string;
  readonly document: unknown;
  /** Absent: a control plane that knows none. */
  readonly artifacts?: ArtifactTable;
}
export interface ApplyAnswer extends VersionInfo {
  /** False: equal to the version that was live, which stays. */
  readonly changed: boolean;
  /** It is not live: it gets a share of the requests. */
  readonly canary?: true;
}
export interface DryRunAnswer {
  readonly dryRun: true;
  /** That is live, and stays. */
  readonly version: number;
  readonly changed: boolean;
  readonly changes: ChangeSummary;
}

/** Members of the problem `version_moved`. */
export interface MovedMembers {
  readonly expected: number;
  /** What became live since, newest first; the first is live. */
  readonly since: readonly VersionInfo[];
}

/** Who is where. `state`: current (acknowledged the live version), behind, refused, offline (known, but not connected). */
export interface Status {
  /** When it was said, by the clock of the control plane; absent: a control plane of before. */
  readonly nowMs?: number;
  readonly version: number;
  readonly hash: string;
  readonly gateways: readonly {
    readonly isolate: string;
    readonly version: number;
    readonly state: "current" | "behind" | "refused";
    readonly reason?: string;
    readonly leaseEndsInMs: number;
    /** Secrets of its plan that it lacks. Absent: none. */
    readonly missingSecrets?: readonly string[];
  }[];
  readonly agents: readonly AgentStatus[];
  readonly keys: readonly KeyRingStatus[];
  /** Of a version that is tried beside the live one. Absent: none is. */
  readonly canary?: Pick<CanaryStatus, "version" | "phase" | "share">;
  /** The agent that goes on for the shortest time without the control plane. Absent: there is none. */
  readonly outage?: Omit<FleetBudget, "until"> & { readonly limitedBy: string };
  /** Endpoints that callers see failing. Absent: none, or a control plane that is not told. */
  readonly verdicts?: readonly (EndpointVerdict & { readonly service: string })[];
  /** What is wrong now, as far as the counters and the authority tell. Absent, as the counters: a control plane that counts nothing yet. */
  readonly alarms?: readonly (Alarm | CaAlarm | FederationAlarm)[];
  /** What the gateways counted in the last `windowMs`. */
  readonly counters?: { readonly windowMs: number; readonly series: readonly SeriesCounts[] };
}
export interface AgentStatus {
  readonly instance: string;
  readonly service: string;
  readonly version: number;
  readonly state: "current" | "behind" | "refused" | "offline";
  readonly reason?: string;
  readonly phase: "starting" | "ready" | "draining";
  readonly lastSeenMsAgo: number;
  readonly certificateNotAfterMs: number;
  /** How long it goes on without the control plane, and what ends first. */
  readonly outage?: { readonly budgetMs: number; readonly limitedBy: string };
  /** Id of the last renewal that it was told to do and did. */
  readonly renewal?: string;
  /** Secrets of its plan that it lacks. Absent: none. */
  readonly missingSecrets?: readonly string[];
  /** Sources that it asks for endpoints. Absent: none. */
  readonly sources?: readonly SourceCondition[];
}
export interface EndpointStatus extends Endpoint {
  /** Callers see it failing. */
  readonly verdict?: EndpointVerdict;
  readonly leaseEndsInMs: number;
}
