/** Proves who asks, and that they may use the route. Without `auth` everyone is anonymous. */
import { bearerChallenge, type ChallengeError } from "../../../shared/auth/bearer.ts";
import { distinctChallenges, errorOfProof, errorOfScopes } from "../../../shared/auth/challenges.ts";
import {
  type AuthSettings,
  type NextProof,
  nextProof,
  type Proof,
  refuseIdentity,
} from "../../../shared/auth/compose.ts";
import { type RevocationIndex, revocationOf } from "../../../shared/auth/revocations.ts";
import { passInShadow, refusalOfUnproven } from "../../../shared/auth/shadow-auth.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { Stage } from "../../proxy/call.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { ExposedCall } from "./exposed-call.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";

type Proofs = Map<string, Proof>;
type Decided = Exclude<NextProof, { kind: "ask" }>;

export interface AuthenticateOptions {
  readonly verifier: JwtVerifier;
  /** What is revoked now, whenever a token was found good. */
  readonly revocations: () => RevocationIndex;
  readonly accessLog: { readonly metrics: Metrics };
}

export function authenticate(options: AuthenticateOptions): Stage<ExposedCall> {
  return (call, next) => {
    const { auth } = call.match.route;
    if (auth === undefined) next();
    else prove(call, auth, options, new Map(), next);
  };
}

/** Waits only where a key has to be fetched, or a signature to be checked. */
function prove(
  call: ExposedCall,
  auth: AuthSettings,
  options: AuthenticateOptions,
  proofs: Proofs,
  next: () => void,
): void {
  for (;;) {
    const asked = nextProof(auth, proofs);
    if (asked.kind !== "ask") {
      if (auth.mode === "shadow") pass(call, auth, asked, options.accessLog.metrics);
      else admit(call, auth, asked, proofs);
      next();
      return;
    }
    const { provider } = asked;
    const proof = proveBy(call, provider, options);
    if (proof instanceof Promise) {
      proof
        .then((found) => prove(call, auth, options, proofs.set(provider, found), next))
        .catch((error) => call.fail(error));
      return;
    }
    proofs.set(provider, proof);
  }
}

function proveBy(
  call: ExposedCall,
  name: string,
  { verifier, revocations }: AuthenticateOptions,
): Proof | Promise<Proof> {
  const { identity } = call.held.plan;
  const provider = Object.hasOwn(identity, name) ? identity[name] : undefined;
  if (provider === undefined) return { kind: "refused", reason: "the plan has no such provider" };
  const verdict = verifier.verify(call.field("authorization") ?? undefined, provider, Date.now());
  if (verdict === undefined) return { kind: "absent" };
  if (!(verdict instanceof Promise)) return proofOf(verdict, revocations());
  return verdict.then(
    (found) => proofOf(found, revocations()),
    (cause: unknown): Proof => ({ kind: "failed", cause }),
  );
}

function proofOf(verdict: Identity | string, revocations: RevocationIndex): Proof {
  if (typeof verdict === "string") return { kind: "refused", reason: verdict };
  const revoked = revocationOf(revocations, verdict, Date.now());
  return revoked === undefined ? { kind: "proven", identity: verdict } : { kind: "refused", reason: revoked };
}

/** In shadow nobody is refused; credentials end here all the same. */
function pass(call: ExposedCall, auth: AuthSettings, outcome: Decided, { shadows }: Metrics): void {
  endCredentials(call);
  const { identity, refusal } = passInShadow(auth, outcome, (who) => isTrue(call, auth.when, who));
  call.identity = identity;
  call.facts.sub = identity.sub;
  if (refusal === undefined) shadows.passed("auth");
  else shadows.wouldRefuse(call.facts, { policy: "auth", error: refusal.code, reason: refusal.reason });
}

/** What proved the client to us is no business of the application. */
const endCredentials = (call: ExposedCall): void =>
  call.exchange.head.fields.removeWhere((name) => name === "authorization" || name === "dpop");

/** @throws SelvageError unless somebody was found who may pass */
function admit(call: ExposedCall, auth: AuthSettings, outcome: Decided, proofs: Proofs): void {
  if (outcome.kind === "failed") {
    if (outcome.cause instanceof SelvageError && outcome.cause.code === "limit_exceeded")
      call.addToErrors(["retry-after", "1"]);
    throw outcome.cause;
  }
  if (outcome.kind !== "identity") {
    challenge(call, auth, (name) => errorOfProof(proofs.get(name)));
    const { code, reason } = refusalOfUnproven(outcome);
    throw new SelvageError(code, reason);
  }
  const { identity } = outcome;
  call.identity = identity;
  call.facts.sub = identity.sub;
  endCredentials(call);
  const refusal = refuseIdentity(auth, identity, (who) => isTrue(call, auth.when, who));
  if (refusal === undefined) return;
  if (refusal.code === "scope_missing") challenge(call, auth, (name) => errorOfScopes(proofs.get(name)));
  if (refusal.code === "credentials_missing") challenge(call, auth, () => undefined);
  throw new SelvageError(refusal.code, refusal.reason);
}

function isTrue(call: ExposedCall, when: string | undefined, identity: Identity): boolean | string {
  const condition = when === undefined ? undefined : call.held.conditions.get(when);
  return condition === undefined ? "it is not in the plan" : condition.evaluate(identity, call.asked());
}

/** @param errorOf of a provider, by its name */
function challenge(
  call: ExposedCall,
  { any, all = [], scopes }: AuthSettings,
  errorOf: (name: string) => ChallengeError | undefined,
): void {
  const realm = call.target.host;
  const found = [...all, ...any].map((name) => bearerChallenge(realm, errorOf(name), scopes));
  call.addToErrors(["www-authenticate", distinctChallenges(found).join(", ")]);
}
