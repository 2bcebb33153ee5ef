/** Calls of the gateway's administration of API keys: keys live beside the gateway, and only it has their pepper. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { askGateway } from "./gateway-admin.ts";

/**
 * @param pathAndQuery below `/v1`
 * @param by who asks, for the gateway's log
 * @returns the gateway's answer, refusals included
 * @throws SelvageError keys_unavailable, secret_missing
 */
export function askKeyAdmin(
  env: Pick<Env, "KEY_ADMIN" | "KEY_ADMIN_SECRET">,
  method: string,
  pathAndQuery: string,
  by: string,
  body: ReadableStream | null,
): Promise<Response> {
  const { importCallMs, adminCallMs } = limits.apiKeys;
  const timeoutMs = pathAndQuery === "/keys/import" ? importCallMs : adminCallMs;
  const question = { method, pathAndQuery, by, body, timeoutMs };
  return askGateway(env.KEY_ADMIN, env.KEY_ADMIN_SECRET, "keys", question, (cause) => {
    const members = { detail: "The gateway's administration of keys did not answer." };
    return new SelvageError("keys_unavailable", `the gateway's administration of keys: ${cause}`, { members, cause });
  });
}
