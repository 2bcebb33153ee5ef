/** Calls of the gateway's administration of stored answers, which lie beside it. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { askGateway } from "./gateway-admin.ts";

/**
 * @param pathAndQuery below `/v1`
 * @param by who asks, for the gateway's log
 * @returns the gateway's answer, refusals included
 * @throws SelvageError purges_unavailable, secret_missing
 */
export function askCacheAdmin(
  env: Pick<Env, "CACHE_ADMIN" | "KEY_ADMIN_SECRET">,
  method: string,
  pathAndQuery: string,
  by: string,
  body: ReadableStream | null,
): Promise<Response> {
  const question = { method, pathAndQuery, by, body, timeoutMs: limits.apiKeys.adminCallMs };
  return askGateway(env.CACHE_ADMIN, env.KEY_ADMIN_SECRET, "cache", question, (cause) => {
    const members = { detail: "The gateway's administration of stored answers did not answer." };
    return new SelvageError("purges_unavailable", `the gateway's administration: ${cause}`, { members, cause });
  });
}
