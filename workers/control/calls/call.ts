/** What all calls of the API share: whom they ask, who may make them, and what they do with a refusal. */
import type { Context, MiddlewareHandler } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { ControlTokenClaims } from "../../../shared/wire/control-token.ts";
import { verifyControlToken } from "../authority/control-tokens.ts";
import type { Env } from "../env.ts";
import { MAIN, type Refused } from "../objects/rpc.ts";

export type Role = ControlTokenClaims["role"];
export interface Api {
  Bindings: Env;
  Variables: { claims: ControlTokenClaims };
}
export type Call = Context<Api>;

/** Bytes of a body that is no document. */
export const CALL_BYTES = limits.control.callBytesMax;

export const config = (c: Call) => c.env.CONFIG.getByName(MAIN);
export const authority = (c: Call) => c.env.AUTHORITY.getByName(MAIN);

/** Lets only a token of that role pass. */
export function role(needed: Role): MiddlewareHandler<Api> {
  return async (c, next) => {
    const claims = await verifyControlToken(c.env.TOKEN_SECRET, c.req.header("authorization"), Date.now());
    if (claims.role !== needed)
      throw new SelvageError("role_missing", `needs role ${needed}, ${claims.sub} has ${claims.role}`);
    c.set("claims", claims);
    await next();
  };
}

/** What an object answered, unless it refused. */
export function granted<T extends object>(answer: T): Exclude<T, Refused> {
  if (isRefused(answer)) {
    const { code, reason } = answer.refused;
    throw new SelvageError(code, reason, TOLD.has(code) ? { members: { detail: reason } } : {});
  }
  return answer as Exclude<T, Refused>;
}

/** Refusals whose reason helps whoever called and reveals nothing: it had the right to know. */
const TOLD: ReadonlySet<string> = new Set([
  "canary_refused",
  "canary_running",
  "document_invalid",
  "document_missing",
  "revocation_unknown",
  "revocations_full",
  "rotation_refused",
  "service_undeclared",
  "version_unknown",
]);

function isRefused(answer: object): answer is Refused {
  return "refused" in answer;
}
