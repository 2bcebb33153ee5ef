/**
 * Tokens of the control API (contracts of its calls):
 *
 *   POST   /v1/tokens       TokenRequest -> MadeToken (201); 403 `token_exceeds`, 409 `owner_undeclared`, `tokens_full`
 *   GET    /v1/tokens       { tokens: TokenInfo[] } those that have not ended, newest first
 *   DELETE /v1/tokens/JTI   RevokedTokens: it, and what was made with it, are refused from now on
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

/** Those of people and programs, and of gateways. Agents get theirs with their certificates. */
export const GIVEN_ROLES = ["admin", "owner", "viewer", "gateway"] as const;
export type GivenRole = (typeof GIVEN_ROLES)[number];

const { tokenOwnersMax, tokenLifetimeMaxMs } = limits.control;

export const tokenRequestSchema = z.object({
  role: z.enum(GIVEN_ROLES),
  /** The person or program that gets it. */
  sub: z.string().check(z.minLength(1), z.maxLength(limits.wire.authorCharsMax)),
  /** With role `owner`, and only then. */
  owners: z.optional(z.array(z.string()).check(z.minLength(1), z.maxLength(tokenOwnersMax))),
  lifetimeMs: z.optional(z.int().check(z.minimum(1000), z.maximum(tokenLifetimeMaxMs))),
});
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

export interface TokenInfo {
  readonly jti: string;
  /** `unknown`: it was made without the control plane, which knows that it is revoked. */
  readonly role: GivenRole | "unknown";
  readonly sub: string;
  readonly owners?: readonly string[];
  readonly madeAtMs: number;
  readonly expiresAtMs: number;
  /** Subject of the token that it was made with. */
  readonly madeBy: string;
  readonly revokedAtMs?: number;
}

export interface MadeToken extends TokenInfo {
  readonly token: string;
}

export interface RevokedTokens {
  /** The first is the one that was asked for. */
  readonly revoked: readonly TokenInfo[];
}
