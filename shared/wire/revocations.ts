/**
 * Revocations as administrators make them, role `admin`:
 *
 *   POST   /v1/revocations      RevocationRequest -> RevocationInfo (201)
 *   GET    /v1/revocations      { revision, revocations: RevocationInfo[] } newest first
 *   DELETE /v1/revocations/ID   RevocationInfo
 *
 * and as gateways get them with their lease.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

const name = z.string().check(z.minLength(1), z.maxLength(limits.identity.nameCharsMax));
const issuer = z.string().check(z.minLength(1), z.maxLength(limits.identity.issuerCharsMax));
/** Seconds since the epoch, as `iat`. */
const seconds = z.int().check(z.minimum(0));

const jti = { jti: name };
const subject = { sub: name, issuer };
const issued = { issuer, issuedBefore: seconds };
const stored = { expiresAtMs: z.number() };

export const revocationListSchema = z.object({
  revision: z.int(),
  entries: z.readonly(
    z.array(
      z.union([
        z.object({ ...jti, ...stored }),
        z.object({ ...subject, ...stored }),
        z.object({ ...issued, ...stored }),
      ]),
    ),
  ),
});

const terms = {
  /** Default: a day. */
  lifetimeMs: z.optional(z.int().check(z.minimum(1000), z.maximum(limits.control.revocationLifetimeMaxMs))),
  author: z.string().check(z.minLength(1), z.maxLength(limits.wire.authorCharsMax)),
  reason: z.optional(z.string().check(z.maxLength(limits.wire.changeReasonCharsMax))),
};

/** Strict: a member that is not of its form would make it about something else than was meant. */
export const revocationRequestSchema = z.union([
  z.strictObject({ ...jti, ...terms }),
  z.strictObject({ ...subject, ...terms }),
  z.strictObject({ ...issued, ...terms }),
]);
export type RevocationRequest = z.infer<typeof revocationRequestSchema>;

export interface RevocationInfo {
  readonly id: string;
  readonly jti?: string;
  readonly sub?: string;
  readonly issuer?: string;
  readonly issuedBefore?: number;
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
  readonly author: string;
  readonly reason: string;
}

export interface Revocations {
  readonly revision: number;
  readonly revocations: readonly RevocationInfo[];
}
