import { type ApiKeyProvider, identityOfKey, presentedKey, refuseKeyRecord } from "../auth/api-key.ts";
import type { Proof } from "../auth/compose.ts";
import { keyStart, refuseKeyForm } from "../auth/key-form.ts";
import type { Identity } from "../identity/identity.ts";
import { isUnseen } from "./explain-recorded.ts";
import { type ExplainRequest, headerOf } from "./explain-step.ts";

type Shown = Pick<ExplainRequest, "headers" | "query" | "credential">;

/** Claim of an identity whose key nobody has looked up. */
const UNCHECKED = "key_not_looked_up";

/** A key of the request, of which only the form is judged, or the record of one that was looked up, or who is assumed. */
export function proofOfKey(provider: ApiKeyProvider, { headers, query, credential }: Shown, nowMs: number): Proof {
  const { prefix, foreign } = provider;
  if (credential.kind === "key") {
    const refused = refuseKeyRecord(credential.record, prefix, nowMs);
    return refused === undefined
      ? { kind: "proven", identity: identityOfKey(credential.record) }
      : { kind: "refused", reason: refused };
  }
  if (credential.kind === "assumed") {
    const { sub, scopes, claims = {} } = credential;
    return { kind: "proven", identity: { ...ownerOf(sub, prefix, scopes), claims: { ...claims, sub } } };
  }
  const key = presentedKey(provider, (name) => headerOf({ headers }, name), query);
  if (key === undefined) return { kind: "absent" };
  const reason = refuseKeyForm(key, prefix, foreign);
  if (reason !== undefined) return { kind: "refused", reason };
  const start = keyStart(key, prefix);
  const identity = ownerOf(`owner of ${start}...`, prefix, []);
  return { kind: "proven", identity: { ...identity, claims: { sub: identity.sub, [UNCHECKED]: true } } };
}

/** Whether an identity is of a key that nobody has looked up: its owner and plan are not known. */
const isNotLookedUp = ({ claims }: Identity): boolean => claims[UNCHECKED] === true;

/** Whether it is not known whose an identity is: neither its owner nor its plan. */
export const isUnchecked = (identity: Identity): boolean => isNotLookedUp(identity) || isUnseen(identity);

/** What is said beside an identity whose key was not looked up. */
export function keyNote(identity: Identity): string {
  return isNotLookedUp(identity)
    ? " (its form only: the key WAS NOT LOOKED UP, its scopes are those that are asked for)"
    : "";
}

function ownerOf(sub: string, issuer: string, scopes: readonly string[]): Identity {
  const claims = { sub, scope: scopes.join(" ") };
  return { sub, issuer, scopes, claims, consumer: sub, groups: [], method: "api-key" };
}
