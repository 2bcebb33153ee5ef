import type { Context, MiddlewareHandler } from "hono";
import { bearerChallenge, bearerToken } from "../../../shared/auth/bearer.ts";
import { missingScopes } from "../../../shared/auth/scopes.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import type { TokenVerifier } from "../authority/token-verifier.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Proves who asks, and that they were granted the route's scopes. Without `auth` everyone is anonymous. */
export function authenticate(verifier: TokenVerifier): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { auth } = c.get("route");
    if (auth === undefined) c.set("identity", anonymous);
    else {
      c.set("identity", await identify(c, auth, verifier));
      // What proved the client to us is no business of those inside: they get the Txn-Token.
      c.get("fields").delete("authorization");
    }
    await next();
  };
}

async function identify(
  c: Context<GatewayEnv>,
  auth: { readonly any: readonly string[]; readonly scopes: readonly string[] },
  verifier: TokenVerifier,
): Promise<Identity> {
  const realm = c.get("target").host;
  const token = bearerToken(c.req.raw.headers.get("authorization") ?? undefined);
  if (token === undefined) {
    c.header("www-authenticate", bearerChallenge(realm));
    throw new SelvageError("credentials_missing", "no bearer token");
  }
  const { identity: known } = c.get("held").plan;
  const providers = auth.any.flatMap((name) => known[name] ?? []);
  const identity = await verifier.verify(token, providers, c.executionCtx, c.get("arrivedAtMs")).catch((error) => {
    if (error instanceof SelvageError && error.code === "credentials_invalid")
      c.header("www-authenticate", bearerChallenge(realm, "invalid_token"));
    throw error;
  });
  const missing = missingScopes(identity.scopes, auth.scopes);
  if (missing.length === 0) return identity;
  c.set("identity", identity);
  c.header("www-authenticate", bearerChallenge(realm, "insufficient_scope", auth.scopes));
  throw new SelvageError("scope_missing", `misses ${missing.join(" ")}`);
}
