/** Tokens of the control API: JWT, HS256 under the control plane's `TOKEN_SECRET`, `typ` below, `iss` and `aud` fixed. */
import * as z from "zod/mini";

export const CONTROL_TOKEN_TYPE = "selvage-control+jwt";
export const CONTROL_TOKEN_ISSUER = "selvage";
export const CONTROL_TOKEN_AUDIENCE = "selvage-control";
export const CONTROL_TOKEN_ALGORITHM = "HS256";

export const controlTokenClaimsSchema = z.object({
  /** `keys`, `cache`: made by the control plane itself, under a key of its own, for one call to the gateway's administration of these. */
  role: z.enum(["admin", "agent", "gateway", "keys", "cache"]),
  /** A person or program; for agents the instance. */
  sub: z.string().check(z.minLength(1)),
  /** Agents only: the service whose identity it has. */
  service: z.optional(z.string()),
  /** Agents only: SHA-256 of the certified public key's SPKI, base64url. Without it a token renews nothing. */
  key: z.optional(z.string()),
  exp: z.number(),
});
export type ControlTokenClaims = z.infer<typeof controlTokenClaimsSchema>;
