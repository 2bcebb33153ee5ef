import type { Context, MiddlewareHandler } from "hono";
import { withoutParameter } from "../../../shared/auth/api-key.ts";
import { bearerChallenge, bearerToken } from "../../../shared/auth/bearer.ts";
import { missingScopes } from "../../../shared/auth/scopes.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import type { IdentityProvider, JwtProvider, RoutePlan } from "../../../shared/plan/plan.ts";
import type { KeyVerifier } from "../authority/key-verifier.ts";
import type { TokenVerifier } from "../authority/token-verifier.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

type Call = Context<GatewayEnv>;
type Proof = () => Promise<Identity>;
type Fault = "invalid_token" | "insufficient_scope" | undefined;

/** Proves who asks, and that they were granted the route's scopes. Without `auth` everyone is anonymous. */
export function authenticate(tokens: TokenVerifier, keys: KeyVerifier): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { auth } = c.get("route");
    if (auth === undefined) c.set("identity", anonymous);
    else {
      c.set("identity", await identify(c, auth, tokens, keys));
      dropCredentials(c, keys);
    }
    await next();
  };
}

/** What proved the client to us is no business of those inside: they get the Txn-Token. */
function dropCredentials(c: Call, keys: KeyVerifier): void {
  const fields = c.get("fields");
  fields.delete("authorization");
  const providers = c.get("held").plan.identity;
  for (const name of Object.keys(providers)) {
    const provider = providers[name];
    if (provider?.kind !== "api-key") continue;
    for (const field of keys.fields(provider)) fields.delete(field);
    const target = c.get("target");
    if (provider.query !== undefined && target.query !== "")
      c.set("target", { ...target, query: withoutParameter(target.query, provider.query) });
  }
}

async function identify(
  c: Call,
  auth: NonNullable<RoutePlan["auth"]>,
  tokens: TokenVerifier,
  keys: KeyVerifier,
): Promise<Identity> {
  const known = c.get("held").plan.identity;
  const providers = auth.any.flatMap((name) => known[name] ?? []);
  const proofs = proofsOf(c, providers, tokens, keys);
  if (proofs.length === 0) {
    challenge(c, keys, providers, undefined);
    throw new SelvageError("credentials_missing", "no credentials of this route's providers");
  }
  const identity = await firstOf(proofs).catch((error) => {
    if (error instanceof SelvageError && error.code === "credentials_invalid")
      challenge(c, keys, providers, "invalid_token");
    if (error instanceof SelvageError && error.code === "limit_exceeded") c.header("retry-after", "1");
    throw error;
  });
  const missing = missingScopes(identity.scopes, auth.scopes);
  if (missing.length === 0) return identity;
  c.set("identity", identity);
  challenge(c, keys, providers, "insufficient_scope", auth.scopes);
  throw new SelvageError("scope_missing", `misses ${missing.join(" ")}`);
}

/** What the request carries that a provider could take. */
function proofsOf(
  c: Call,
  providers: readonly IdentityProvider[],
  tokens: TokenVerifier,
  keys: KeyVerifier,
): readonly Proof[] {
  const { headers } = c.req.raw;
  const nowMs = c.get("arrivedAtMs");
  const token = bearerToken(headers.get("authorization") ?? undefined);
  const proofs: Proof[] = [];
  let isKey = false;
  for (const provider of providers) {
    if (provider.kind !== "api-key") continue;
    const key = keys.credentialOf(headers, provider, c.get("target").query);
    if (key === undefined) continue;
    isKey ||= key === token;
    const call = { env: c.env, ctx: c.executionCtx, clientIp: c.get("clientIp"), nowMs };
    proofs.push(async () => orThrow(await keys.verify(key, provider, call)));
  }
  const jwts = providers.filter((provider): provider is JwtProvider => provider.kind === "jwt");
  if (token !== undefined && !isKey && jwts.length > 0)
    proofs.push(() => tokens.verify(token, jwts, c.executionCtx, nowMs));
  return proofs;
}

function orThrow(proven: Identity | string): Identity {
  if (typeof proven === "string") throw new SelvageError("credentials_invalid", proven);
  return proven;
}

/** The first that holds; else why none does: first what is not the client's fault. */
async function firstOf(proofs: readonly Proof[]): Promise<Identity> {
  const failures: unknown[] = [];
  for (const proof of proofs) {
    try {
      return await proof();
    } catch (error) {
      failures.push(error);
    }
  }
  throw (
    failures.find((error) => !(error instanceof SelvageError && error.code === "credentials_invalid")) ?? failures[0]
  );
}

/** One challenge for each way in which the providers take credentials (RFC 9110 section 11.6.1). */
function challenge(
  c: Call,
  keys: KeyVerifier,
  providers: readonly IdentityProvider[],
  fault: Fault,
  scopes: readonly string[] = [],
): void {
  const realm = c.get("target").host;
  const all = providers.flatMap((provider) =>
    provider.kind === "jwt" ? [bearerChallenge(realm, fault, scopes)] : keys.challenges(provider, realm, fault, scopes),
  );
  if (all.length > 0) c.header("www-authenticate", [...new Set(all)].join(", "));
}
