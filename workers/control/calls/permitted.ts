/** Lets those pass who may make a call, and writes down who tried without the right to. */
import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { SelvageError } from "../../../shared/errors.ts";
import { rolesFor } from "../../../shared/wire/control-calls.ts";
import type { ControlTokenClaims } from "../../../shared/wire/control-token.ts";
import { verifyControlToken } from "../authority/control-tokens.ts";
import { type Api, type Call, config } from "./call.ts";
import { tellRefused } from "./refusals.ts";

export const permitted: MiddlewareHandler<Api> = async (c, next) => {
  const call = callOf(c);
  const roles = rolesFor(call);
  if (roles === "open") return next();
  const claims = await believed(c);
  if (!roles.includes(claims.role)) {
    const reason = `${call ?? `${c.req.method} ${c.req.path}`} needs role ${roles.join(" or ")}`;
    tellRefused(c, "call-refused", claims, reason);
    throw new SelvageError("role_missing", `${reason}, ${claims.sub} has ${claims.role}`);
  }
  c.set("claims", claims);
  await next();
};

/** The call as it is registered; undefined: there is none. */
function callOf(c: Call): string | undefined {
  // Middleware is registered for every method.
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  return route && `${route.method} ${route.path}`;
}

/** @throws SelvageError credentials_missing, credentials_invalid */
async function believed(c: Call): Promise<ControlTokenClaims> {
  try {
    const claims = await verifyControlToken(c.env.TOKEN_SECRET, c.req.header("authorization"), Date.now());
    const { jti } = claims;
    if (jti === undefined || !(await config(c).isRevoked(jti))) return claims;
    tellRefused(c, "token-refused", claims, `the token ${jti} was revoked`);
  } catch (error) {
    if (error instanceof SelvageError && error.code === "credentials_invalid")
      tellRefused(c, "token-refused", undefined, error.reason);
    throw error;
  }
  throw new SelvageError("credentials_invalid", "the token was revoked");
}
