/** Whom a past request proves to be of, by its record: what was shown is hidden there, and what it proved is known. */
import type { Proof } from "../auth/compose.ts";
import { identityOfClaims, refuseAudience } from "../auth/jwt-claims.ts";
import type { ClaimNames, IdentityProvider } from "../auth/providers.ts";
import { own } from "../auth/scopes.ts";
import { webhookStyles } from "../auth/webhook.ts";
import { looseParametersOf } from "../http/query-parameters.ts";
import type { Identity } from "../identity/identity.ts";
import type { RecordedIdentity } from "../policy/request-record.ts";
import { HIDDEN } from "../policy/tap-entry.ts";
import { type Credential, type ExplainRequest, headerOf } from "./explain-step.ts";

type Recorded = Extract<Credential, { kind: "recorded" }>;
type Shown = Pick<ExplainRequest, "headers" | "query">;

/** Claim of an identity of whose credentials only their presence is known. */
const UNSEEN = "credentials_not_recorded";

/** @param name of the provider in the document */
export function proofOfRecorded(
  name: string,
  provider: IdentityProvider,
  { identity, refused, missing }: Recorded,
  request: Shown,
): Proof {
  const proven = identity === undefined || identity.method === "anonymous" ? undefined : identity;
  if (proven !== undefined && isTheirs(proven, name, provider)) return proofBy(proven, provider);
  if (!isShown(provider, request, proven, missing === true)) return { kind: "absent" };
  if (proven !== undefined && readSame(proven, provider))
    return { kind: "refused", reason: `what was shown is of ${proven.provider ?? proven.issuer}` };
  if (refused !== undefined) return { kind: "refused", reason: `refused then, too: ${refused}` };
  return { kind: "proven", identity: unseen(name, provider) };
}

/** Whether the credentials of then are those of a provider: of this kind, and of its issuer or else of its name, where that is known. */
function isTheirs(identity: RecordedIdentity, name: string, provider: IdentityProvider): boolean {
  if (identity.method !== provider.kind) return false;
  const issuer = issuerOf(provider);
  if (issuer !== undefined) return identity.issuer === issuer;
  return identity.provider === undefined || identity.provider === name;
}

function issuerOf(provider: IdentityProvider): string | undefined {
  if ("issuer" in provider) return provider.issuer;
  if (provider.kind === "api-key") return provider.prefix;
  return undefined;
}

/** By the provider as it is now: its audiences, and the claims that parts of the identity are read from. */
function proofBy(recorded: RecordedIdentity, provider: IdentityProvider): Proof {
  const { claims } = recorded;
  const audiences = "audiences" in provider ? provider.audiences : undefined;
  const refused = audiences === undefined || !isKnown(claims.aud) ? undefined : refuseAudience(claims, audiences);
  if (refused !== undefined) return { kind: "refused", reason: refused };
  const readsClaims = provider.kind === "jwt" || provider.kind === "introspection" || provider.kind === "oidc";
  const identity = readsClaims ? readAgain(recorded, provider.claims ?? {}) : identityOf(recorded);
  return { kind: "proven", identity };
}

function identityOf({ provider: _, ...identity }: RecordedIdentity): Identity {
  return identity;
}

/** What the record does not show is as it was then. */
function readAgain(recorded: RecordedIdentity, names: ClaimNames): Identity {
  const { sub, issuer: iss, claims } = recorded;
  const was = identityOf(recorded);
  const read = identityOfClaims({ ...claims, sub, iss }, names);
  if (typeof read === "string") return was;
  const seen = (claim: string | undefined): boolean => claim !== undefined && isKnown(own(claims, claim));
  const { consumer: _, plan: __, ...rest } = was;
  const consumer = named(names.consumer, seen, read.consumer, was.consumer);
  const plan = named(names.plan, seen, read.plan, was.plan);
  const scopesSeen = names.scopes === undefined ? seen("scope") || seen("scp") : seen(names.scopes);
  return {
    ...rest,
    ...(scopesSeen && { scopes: read.scopes }),
    ...(seen(names.groups ?? "groups") && { groups: read.groups }),
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
  };
}

function named(
  claim: string | undefined,
  seen: (claim: string) => boolean,
  read: string | undefined,
  was: string | undefined,
): string | undefined {
  if (claim === undefined) return undefined;
  return seen(claim) ? read : was;
}

const isKnown = (value: unknown): boolean => value !== undefined && value !== HIDDEN;

/** Whether two kinds of credentials stand in the same place, so that the one was taken for the other. */
function readSame({ method }: RecordedIdentity, { kind }: IdentityProvider): boolean {
  return method === kind || (BY_TOKEN.has(method) && BY_TOKEN.has(kind));
}

const BY_TOKEN: ReadonlySet<string> = new Set(["jwt", "introspection"]);

/**
 * Whether a request shows what a provider would look at.
 * @param proven who it was, by another provider
 * @param missing nobody found credentials then, where they were asked for
 */
function isShown(
  provider: IdentityProvider,
  request: Shown,
  proven: RecordedIdentity | undefined,
  missing: boolean,
): boolean {
  const has = (name: string): boolean => headerOf(request, name) !== undefined && !(missing && OF_MANY_KINDS.has(name));
  if (provider.kind === "jwt" || provider.kind === "introspection") return has("authorization") && !isKey(proven);
  if (provider.kind === "api-key") {
    const { header, bearer, query } = provider;
    if (header !== undefined && has(header)) return true;
    // A token that was taken for one is no key.
    if (bearer && has("authorization") && (proven === undefined || !BY_TOKEN.has(proven.method))) return true;
    return query !== undefined && looseParametersOf(request.query).some(([name]) => name === query);
  }
  if (provider.kind === "certificate") return has("client-cert");
  if (provider.kind === "signature") return has("signature-input");
  if (provider.kind === "webhook") return has(webhookStyles[provider.style].signatures);
  // Which cookies there were is hidden: those of somebody who had proven something otherwise hold no session.
  return proven === undefined && has("cookie");
}

/** Fields that are there for other reasons, too. */
const OF_MANY_KINDS: ReadonlySet<string> = new Set(["authorization", "cookie"]);

const isKey = (proven: RecordedIdentity | undefined): boolean => proven?.method === "api-key";

function unseen(name: string, provider: IdentityProvider): Identity {
  const sub = `whoever was recorded without ${name} having been asked`;
  const issuer = issuerOf(provider) ?? name;
  return { sub, issuer, scopes: [], claims: { sub, [UNSEEN]: true }, groups: [], method: provider.kind };
}

/** Whether of an identity nothing is known but that credentials were there. */
export const isUnseen = ({ claims }: Identity): boolean => claims[UNSEEN] === true;

/** What is said beside an identity of whose credentials only their presence is known. */
export function unseenNote(identity: Identity): string {
  return isUnseen(identity)
    ? " (credentials were there and NOT RECORDED, its scopes are those that are asked for)"
    : "";
}
