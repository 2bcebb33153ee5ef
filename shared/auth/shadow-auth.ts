/** `auth` in shadow: who a request goes on as that nobody refuses, and what it would have been refused with. */
import { type ErrorCode, SelvageError } from "../errors.ts";
import { anonymous, type Identity } from "../identity/identity.ts";
import { type AuthSettings, type NextProof, refuseIdentity } from "./compose.ts";

/** Why somebody was not found. */
export type Unproven = Exclude<NextProof, { kind: "identity" } | { kind: "ask" }>;

export interface AuthRefusal {
  readonly code: ErrorCode;
  /** For operators. */
  readonly reason: string;
}

/**
 * What enforced `auth` answers when it does not know who asks. What could not be found out for no reason of the client's keeps the
 * code of its cause.
 */
export function refusalOfUnproven(outcome: Unproven): AuthRefusal {
  if (outcome.kind !== "failed")
    return {
      code: outcome.kind === "refused" ? "credentials_invalid" : "credentials_missing",
      reason: outcome.reason,
    };
  const { cause } = outcome;
  if (cause instanceof SelvageError) return cause;
  return { code: "internal", reason: String(cause) };
}

/**
 * Nobody is refused, and nobody is more than was proven: who has shown too little goes on as anonymous, who is known and may not
 * goes on as who that is.
 * @param isTrue evaluates `when`, as in `refuseIdentity`
 */
export function passInShadow(
  auth: AuthSettings,
  outcome: Exclude<NextProof, { kind: "ask" }>,
  isTrue: (identity: Identity) => boolean | string,
): { readonly identity: Identity; readonly refusal: AuthRefusal | undefined } {
  if (outcome.kind !== "identity") return { identity: anonymous, refusal: refusalOfUnproven(outcome) };
  return { identity: outcome.identity, refusal: refuseIdentity(auth, outcome.identity, isTrue) };
}
