/** Tokens of the control API: JWT, HS256 under the control plane's `TOKEN_SECRET`, `typ` below, `iss` and `aud` fixed. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

export const CONTROL_TOKEN_TYPE = "selvage-control+jwt";
export const CONTROL_TOKEN_ISSUER = "selvage";
export const CONTROL_TOKEN_AUDIENCE = "selvage-control";
export const CONTROL_TOKEN_ALGORITHM = "HS256";

export const controlTokenClaimsSchema = z.object({
  /**
   * `viewer` reads, `owner` also changes what its owners may. `keys`, `cache`: made by the control plane itself, under a key of
   * its own, for one call to the gateway's administration of these.
   */
  role: z.enum(["admin", "viewer", "owner", "agent", "gateway", "keys", "cache"]),
  /** Owners of the document for whom an `owner` may act. */
  owners: z.optional(z.array(z.string()).check(z.minLength(1), z.maxLength(limits.control.tokenOwnersMax))),
  /** By which it is listed and revoked. Absent: the token of a local system, or one of before. */
  jti: z.optional(z.string().check(z.minLength(1), z.maxLength(limits.wire.idCharsMax))),
  /** A person or program; for agents the instance. */
  sub: z.string().check(z.minLength(1)),
  /** Agents only: the service whose identity it has. */
  service: z.optional(z.string()),
  /** Agents only: SHA-256 of the certified public key's SPKI, base64url. Without it a token renews nothing. */
  key: z.optional(z.string()),
  /** Agents only: its certificate is an outside issuer's, and none of the authority's is given for it. */
  outside: z.optional(z.literal(true)),
  exp: z.number(),
});
export type ControlTokenClaims = z.infer<typeof controlTokenClaimsSchema>;
