import { withoutParameter } from "../../../shared/auth/api-key.ts";
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import { distinctChallenges, errorOfProof, errorOfScopes, schemeOf } from "../../../shared/auth/challenges.ts";
import {
  type AuthSettings,
  type NextProof,
  nextProof,
  type Proof,
  refuseIdentity,
} from "../../../shared/auth/compose.ts";
import type { IdentityProvider } from "../../../shared/auth/providers.ts";
import { resourceOf, withResourceMetadata } from "../../../shared/auth/resource.ts";
import { revocationOf } from "../../../shared/auth/revocations.ts";
import { passInShadow, refusalOfUnproven } from "../../../shared/auth/shadow-auth.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { ProofContext, Verdict } from "../authority/verifier.ts";
import type { Verifiers } from "../authority/verifiers.ts";
import type { Soon } from "../cache/cache-store.ts";
import { tellAnswer } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readContent } from "../upstream/read-content.ts";
import type { Stage } from "../upstream/stages.ts";
import { notePassed, noteWouldRefuse } from "../upstream/would-refuse.ts";

/** What becomes of all proofs together. */
type Decided = Exclude<NextProof, { kind: "ask" }>;

/** Proves who asks, and that they may use the route. Without `auth` everyone is anonymous. */
export function authenticate(verifiers: Verifiers, counters: CounterState): Stage {
  return {
    span: "authenticate",
    enter: (c) => {
      const { auth } = c.get("route");
      if (auth !== undefined) return identify(c, auth, verifiers, counters);
      c.set("identity", anonymous);
      return undefined;
    },
  };
}

/** @returns what the client gets instead of what it asked for, where it has to prove itself first */
async function identify(
  c: Context<GatewayEnv>,
  auth: AuthSettings,
  verifiers: Verifiers,
  counters: CounterState,
): Promise<Response | undefined> {
  const loading = verifiers.load(c.get("held").plan.identity);
  if (loading !== undefined) await loading;
  const proofs = new Map<string, Proof>();
  const outcome = await prove(c, auth, verifiers, proofs);
  if (c.get("held").siblings?.has(c.get("route")) === true) tellVary(c, proofs, verifiers);
  if (auth.mode === "shadow") {
    pass(c, auth, outcome, verifiers, counters);
    return undefined;
  }
  if (outcome.kind === "missing" || outcome.kind === "refused") {
    const instead = await answerInstead(c, verifiers, proofs);
    if (instead !== undefined) return instead;
  }
  const identity = found(c, auth, outcome, proofs, verifiers);
  // What proved the client to us is no business of those inside: they get the Txn-Token.
  dropCredentials(c, verifiers);
  c.set("identity", identity);
  demand(c, auth, identity, proofs, verifiers);
  return undefined;
}

/** Nobody is refused, asked to log in or told what is missing; credentials end here all the same. */
function pass(
  c: Context<GatewayEnv>,
  auth: AuthSettings,
  outcome: Decided,
  verifiers: Verifiers,
  counters: CounterState,
): void {
  dropCredentials(c, verifiers);
  const { identity, refusal } = passInShadow(auth, outcome, (who) => isTrue(c, auth.when, who));
  c.set("identity", identity);
  if (refusal === undefined) notePassed(c, counters, "auth");
  else noteWouldRefuse(c, counters, { policy: "auth", error: refusal.code, reason: refusal.reason });
}

/** Those of every provider of the plan: a key that is shown where it is not asked for is a key still. */
function dropCredentials(c: Context<GatewayEnv>, verifiers: Verifiers): void {
  const fields = c.get("fields");
  fields.delete("authorization");
  for (const provider of Object.values(c.get("held").plan.identity)) {
    const verifier = verifiers.of(provider);
    for (const field of verifier.fields(provider)) fields.delete(field);
    const parameter = verifier.parameter?.(provider);
    const target = c.get("target");
    if (parameter !== undefined && target.query !== "")
      c.set("target", { ...target, query: withoutParameter(target.query, parameter) });
  }
}

/** @param proofs what becomes of each provider is put there */
async function prove(
  c: Context<GatewayEnv>,
  auth: AuthSettings,
  verifiers: Verifiers,
  proofs: Map<string, Proof>,
): Promise<Decided> {
  for (;;) {
    const next = nextProof(auth, proofs);
    if (next.kind !== "ask") return next;
    const provider = c.get("held").plan.identity[next.provider];
    const proof: Soon<Proof> =
      provider === undefined
        ? { kind: "refused", reason: "the plan has no such provider" }
        : proveBy(c, provider, verifiers);
    proofs.set(next.provider, proof instanceof Promise ? await proof : proof);
  }
}

/** Without a promise where there is nothing to wait for. */
function proveBy(c: Context<GatewayEnv>, provider: IdentityProvider, verifiers: Verifiers): Soon<Proof> {
  const verifier = verifiers.of(provider);
  if (verifier.vary !== undefined) addToAnswer(c, "vary", verifier.vary);
  const credential = verifier.credentialOf(c.req.raw, provider, c.get("target"), c.get("connection"));
  if (credential === undefined) return { kind: "absent" };
  try {
    const verifying = verifier.verify(credential, provider, proofContext(c));
    return verifying instanceof Promise
      ? verifying.then((verdict) => proofOf(c, verdict)).catch(failed)
      : proofOf(c, verifying);
  } catch (cause) {
    return failed(cause);
  }
}

const failed = (cause: unknown): Proof => ({ kind: "failed", cause });

function proofOf(c: Context<GatewayEnv>, verdict: Verdict): Proof {
  if (typeof verdict === "string") return { kind: "refused", reason: verdict };
  if ("reason" in verdict) return { kind: "refused", ...verdict };
  const revoked = revocationOf(c.get("held").revocations, verdict, c.get("arrivedAtMs"));
  return revoked === undefined ? { kind: "proven", identity: verdict } : { kind: "refused", reason: revoked };
}

/** Caches behind the gateway must not give one route's answer for that of another, which somebody else gets. */
function tellVary(c: Context<GatewayEnv>, proofs: ReadonlyMap<string, Proof>, verifiers: Verifiers): void {
  const { identity } = c.get("held").plan;
  const fields = [...proofs.keys()].flatMap((name) => {
    const provider = identity[name];
    return provider === undefined ? [] : verifiers.of(provider).fields(provider);
  });
  if (fields.length > 0) addToAnswer(c, "vary", [...new Set(fields)].join(", "));
}

function proofContext(c: Context<GatewayEnv>): ProofContext {
  return {
    env: c.env,
    ctx: c.executionCtx,
    clientIp: c.get("clientIp"),
    nowMs: c.get("arrivedAtMs"),
    request: c.req.raw,
    target: c.get("target"),
    connection: c.get("connection"),
    content: () => readContent(c),
    answer: (name, value) => addToAnswer(c, name, value),
  };
}

function addToAnswer(c: Context<GatewayEnv>, name: string, value: string): void {
  tellAnswer(c, [[name, value]]);
}

/** What leads to a proof whoever showed none, where a provider knows how. Who showed another one that is not good hears that. */
async function answerInstead(
  c: Context<GatewayEnv>,
  verifiers: Verifiers,
  proofs: ReadonlyMap<string, Proof>,
): Promise<Response | undefined> {
  const lacking = [...proofs].flatMap(([name, { kind }]) => {
    const provider = c.get("held").plan.identity[name];
    return provider === undefined || kind === "proven" ? [] : [{ provider, kind, verifier: verifiers.of(provider) }];
  });
  if (lacking.some(({ kind, verifier }) => kind === "refused" && verifier.begin === undefined)) return undefined;
  for (const { provider, verifier } of lacking) {
    const answer = await verifier.begin?.(provider, proofContext(c));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Who it is, unless that was not shown. */
function found(
  c: Context<GatewayEnv>,
  auth: AuthSettings,
  outcome: Decided,
  proofs: ReadonlyMap<string, Proof>,
  verifiers: Verifiers,
): Identity {
  if (outcome.kind === "identity") return outcome.identity;
  if (outcome.kind === "failed") {
    if (outcome.cause instanceof SelvageError && outcome.cause.code === "limit_exceeded") c.header("retry-after", "1");
    throw outcome.cause;
  }
  challenge(c, auth, verifiers, (name) => errorOfProof(proofs.get(name)));
  const { code, reason } = refusalOfUnproven(outcome);
  throw new SelvageError(code, reason);
}

/** What the route demands of whoever it is. */
function demand(
  c: Context<GatewayEnv>,
  auth: AuthSettings,
  identity: Identity,
  proofs: ReadonlyMap<string, Proof>,
  verifiers: Verifiers,
): void {
  const refusal = refuseIdentity(auth, identity, (who) => isTrue(c, auth.when, who));
  if (refusal === undefined) return;
  if (refusal.code === "scope_missing") challenge(c, auth, verifiers, (name) => errorOfScopes(proofs.get(name)));
  if (refusal.code === "credentials_missing") challenge(c, auth, verifiers, () => undefined);
  throw new SelvageError(refusal.code, refusal.reason);
}

function isTrue(c: Context<GatewayEnv>, when: string | undefined, identity: Identity): boolean | string {
  const condition = when === undefined ? undefined : c.get("held").conditions.get(when);
  if (condition === undefined) return "it is not in the plan";
  const headers = Object.fromEntries(c.get("fields"));
  return condition.evaluate(identity, {
    method: c.req.raw.method,
    host: c.get("target").host,
    path: c.get("path"),
    headers,
  });
}

/**
 * One challenge for each scheme that would be accepted, with what is wrong with the credential of that scheme: a word, and
 * nothing that a token could be probed by (RFC 6750 section 3.1). The rest stays in the log.
 * @param errorOf of a provider, by its name
 */
function challenge(
  c: Context<GatewayEnv>,
  { any, all = [], scopes }: AuthSettings,
  verifiers: Verifiers,
  errorOf: (name: string) => ChallengeError | undefined,
): void {
  const realm = c.get("target").host;
  const scheme = schemeOf(c.req.raw.headers.get("authorization"));
  const { identity: known } = c.get("held").plan;
  const found = [...all, ...any].flatMap((name) => {
    const provider = known[name];
    if (provider === undefined) return [];
    return verifiers.of(provider).challenges(provider, realm, errorOf(name), scopes, scheme);
  });
  const told = distinctChallenges(found);
  const resource = resourceOf(c.get("held").plan.resources, realm, c.get("path"));
  const leading = resource === undefined ? told : withResourceMetadata(told, resource, scopes);
  if (leading.length > 0) c.header("www-authenticate", leading.join(", "));
}
