/**
 * The certificate authority as administrators see and turn it, role `admin`:
 *
 *   GET    /v1/ca                     CaStatus
 *   GET    /v1/ca/log                 { entries: IssuanceEntry[] } newest first
 *   POST   /v1/ca/rotations           RotateCaRequest -> CaStatus (202), 409 `rotation_refused`
 *   POST   /v1/ca/rotations/force     ForceRequest -> CaStatus, 409 when the rotation is at another step
 *   POST   /v1/ca/rotations/abort     AuthorRequest -> CaStatus, 409 when it cannot be given up any more
 *   POST   /v1/ca/csr                 CsrRequest -> CsrAnswer
 *   POST   /v1/ca/import              ImportChainRequest -> ImportChainAnswer (202), 422 `certificate_refused`
 *   POST   /v1/denied                 DenyRequest -> DeniedInfo (201), 409 when the list is full
 *   GET    /v1/denied                 DeniedList, newest first
 *   DELETE /v1/denied/ID              DeniedInfo
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { Rotation } from "../policy/authority-rotation.ts";
import type { CaAlarm } from "../policy/ca-alarms.ts";

const author = z.string().check(z.minLength(1), z.maxLength(limits.wire.authorCharsMax));
const name = z.string().check(z.minLength(1), z.maxLength(limits.wire.instanceCharsMax));

export const authorRequestSchema = z.object({ author });

export const rotateCaRequestSchema = z.object({
  what: z.enum(["root", "issuer"]),
  /** Also where the root is somebody else's: back to one of its own. */
  selfMade: z.optional(z.boolean()),
  author,
});
export type RotateCaRequest = z.infer<typeof rotateCaRequestSchema>;

export const forceRequestSchema = z.object({
  /** The step that the rotation is at. */
  step: z.enum(["trust", "renew", "remove"]),
  /**
   * `away`: goes past agents that are not connected. `partners`: past other trust domains that may not have fetched the bundle.
   * `all`: past anybody. All hold for the steps that follow.
   */
  whom: z.enum(["away", "partners", "all"]),
  author,
});
export type ForceRequest = z.infer<typeof forceRequestSchema>;

/** `fresh`: a new key, instead of the one that waits for its certificate. */
export const csrRequestSchema = z.object({ fresh: z.optional(z.boolean()), author });
export type CsrRequest = z.infer<typeof csrRequestSchema>;

export interface CsrAnswer {
  /** PKCS#10, PEM. */
  readonly csr: string;
}

/** Certificates from the issuing one up to the root, PEM, in any order. */
export const importChainRequestSchema = z.object({ chain: z.string(), author });
export type ImportChainRequest = z.infer<typeof importChainRequestSchema>;

export interface ImportChainAnswer {
  readonly warnings: readonly string[];
  readonly ca: CaStatus;
}

export interface CertificateStatus {
  /** SHA-256 of its DER, hex. */
  readonly fingerprint: string;
  readonly subject: string;
  /** Signed outside of the control plane. */
  readonly external: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly pem: string;
}

export interface CaStatus {
  /** Empty: there is no authority before the first apply. */
  readonly trustDomain: string;
  /** Roots that agents believe, the one that signs first. */
  readonly roots: readonly (CertificateStatus & { readonly state: "signs" | "comes" | "goes" })[];
  readonly issuer?: CertificateStatus;
  /** Another issuer of the trust domain, with whose roots this authority has nothing to do. Absent: there is none. */
  readonly outside?: { readonly id: string; readonly roots: readonly CertificateStatus[] };
  readonly rotation?: Rotation & { readonly waitingFor: WaitingFor };
  /** A key waits for the certificate that `csr` asked for. */
  readonly csrPending: boolean;
  readonly alarms: readonly CaAlarm[];
}

export interface WaitingFor {
  /** Connected agents that have not acknowledged the step, and those that are away. */
  readonly live: number;
  readonly away: number;
  /** The first of them, `SERVICE/INSTANCE`. */
  readonly named: readonly { readonly name: string; readonly connected: boolean }[];
  /** At step `renew` of a root: valid certificates of the old root whose holders have no newer one. */
  readonly leaves: number;
  readonly leavesNamed: readonly { readonly name: string; readonly notAfterMs: number }[];
  /** At step `trust`: other trust domains, and until when they have the time to fetch the new root. Absent: none is waited for. */
  readonly partners?: { readonly named: readonly string[]; readonly untilMs: number };
}

/** With `serial`: a certificate that was issued; with `reason`: a request that was refused. */
export type IssuanceEntry = {
  readonly atMs: number;
  readonly service: string;
  readonly instance: string;
  /** `renewal`, or the join token. */
  readonly cause: string;
} & ({ readonly serial: string; readonly notAfterMs: number } | { readonly reason: string });

const terms = {
  author,
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
};

/** Strict, as revocations of tokens are: a member that is not of its form would deny something else than was meant. */
export const denyRequestSchema = z.union([
  z.strictObject({ service: name, ...terms }),
  z.strictObject({ service: name, instance: name, ...terms }),
  z.strictObject({ serial: z.string().check(z.regex(/^[0-9a-fA-F:]{1,64}$/)), ...terms }),
]);
export type DenyRequest = z.infer<typeof denyRequestSchema>;

export interface DeniedInfo {
  readonly id: string;
  readonly service?: string;
  readonly instance?: string;
  readonly serial?: string;
  readonly createdAtMs: number;
  readonly author: string;
  readonly reason: string;
}

export interface DeniedList {
  readonly denied: readonly DeniedInfo[];
  /** Agents that have not acknowledged the list as it is: connected ones, ones that are away, the first names. */
  readonly waitingFor: Pick<WaitingFor, "live" | "away" | "named">;
}
