/**
 * The control API as administrators and the CLI use it, role `admin`, JSON, errors as RFC 9457 problems:
 *
 *   POST /v1/config/versions      ApplyRequest -> ApplyAnswer (201; 200 when nothing changes), 422 with `errors` when it does not compile
 *   GET  /v1/config/versions      { versions: VersionInfo[] } newest first
 *   GET  /v1/config/versions/N    VersionDetail
 *   POST /v1/config/rollback      { version, reason? } -> ApplyAnswer: a new version with the old content
 *   GET  /v1/status               Status
 *   GET  /v1/deprecated           { callers: DeprecatedCaller[] } the last caller first
 *   GET  /v1/drift                { drift: Drift[] } what was found last first
 *   POST /v1/join-tokens          JoinTokenRequest -> { token, expiresAtMs }
 *   GET  /v1/services             { revision, services: { name: EndpointStatus[] } }
 *   GET  /healthz                 200 without a token
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { Alarm } from "../policy/alarms.ts";
import type { CaAlarm } from "../policy/ca-alarms.ts";
import type { SeriesCounts } from "../policy/counters.ts";
import type { FederationAlarm } from "../policy/federation.ts";
import { type ArtifactTable, artifactTableSchema } from "./artifacts.ts";
import type { Endpoint } from "./endpoint.ts";
import type { KeyRingStatus } from "./rotation.ts";

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
});
export type ApplyRequest = z.infer<typeof applyRequestSchema>;

export const rollbackRequestSchema = z.object({
  version: z.int().check(z.minimum(1)),
  author: z.string().check(z.maxLength(limits.wire.authorCharsMax)),
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
});
export type RollbackRequest = z.infer<typeof rollbackRequestSchema>;

export const joinTokenRequestSchema = z.object({
  service: z.string(),
  lifetimeMs: z.optional(z.int().check(z.minimum(1000))),
});
export type JoinTokenRequest = z.infer<typeof joinTokenRequestSchema>;

export interface VersionInfo {
  readonly version: number;
  readonly hash: string;
  readonly author: string;
  readonly reason: string;
  readonly file: string;
  readonly appliedAtMs: number;
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
}

/** Who is where. `state`: current (acknowledged the live version), behind, refused, offline (known, but not connected). */
export interface Status {
  readonly version: number;
  readonly hash: string;
  readonly gateways: readonly {
    readonly isolate: string;
    readonly version: number;
    readonly state: "current" | "behind" | "refused";
    readonly reason?: string;
    readonly leaseEndsInMs: number;
  }[];
  readonly agents: readonly AgentStatus[];
  readonly keys: readonly KeyRingStatus[];
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
}
export interface EndpointStatus extends Endpoint {
  readonly leaseEndsInMs: number;
}
