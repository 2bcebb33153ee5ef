/** What all calls of the API share: whom they ask, who may make them, and what they do with a refusal. */
import type { Context } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { ControlTokenClaims } from "../../../shared/wire/control-token.ts";
import type { Env } from "../env.ts";
import { type Act, type Actor, MAIN, type Refused } from "../objects/rpc.ts";

export interface Api {
  Bindings: Env;
  Variables: { claims: ControlTokenClaims };
}
export type Call = Context<Api>;

/** Bytes of a body that is no document. */
export const CALL_BYTES = limits.control.callBytesMax;

export const config = (c: Call) => c.env.CONFIG.getByName(MAIN);
export const authority = (c: Call) => c.env.AUTHORITY.getByName(MAIN);

/** Who makes a call. @param author who they say they act for */
export function actorOf(c: Call, author?: string): Actor {
  const { sub, role, jti } = c.get("claims");
  return { sub, role, jti, address: addressOf(c.req.raw), ...(author !== undefined && { author }) };
}

/** Writes down what a call has done. */
export async function audit(c: Call, act: Act["act"], detail: string, author?: string): Promise<void> {
  const { sub: by, role, address } = actorOf(c);
  const from = address === undefined ? {} : { address };
  await config(c).audit({ act, by, role, ...from, author: author ?? by, version: 0, detail });
}

/** Where a request came from. On Cloudflare alone: elsewhere anybody could say the field. */
export function addressOf(request: Request): string | undefined {
  const isCloudflare = (request as { cf?: unknown }).cf !== undefined;
  return isCloudflare ? (request.headers.get("cf-connecting-ip") ?? undefined) : undefined;
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
  "certificate_refused",
  "document_invalid",
  "document_missing",
  "token_exceeds",
  "token_unknown",
  "tokens_full",
  "join_token_outdated",
  "revocation_unknown",
  "revocations_full",
  "rotation_refused",
  "service_undeclared",
  "tap_unknown",
  "taps_full",
  "version_unknown",
]);

function isRefused(answer: object): answer is Refused {
  return "refused" in answer;
}
