/** Calls about keys, stored answers and revocations; each leaves a line in the audit log. */
import type { KeyRecord } from "../../../shared/auth/api-key.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type DrainRequest,
  drainRequestSchema,
  type RenewAllAnswer,
  renewAllRequestSchema,
} from "../../../shared/wire/admin.ts";
import type { CreatedKey, ImportAnswer } from "../../../shared/wire/keys.ts";
import { describePurgeAnswer } from "../../../shared/wire/purges.ts";
import { type RevocationInfo, revocationRequestSchema } from "../../../shared/wire/revocations.ts";
import { type RotateAnswer, rotateRequestSchema } from "../../../shared/wire/rotation.ts";
import { readJson } from "../objects/read-json.ts";
import type { Act } from "../objects/rpc.ts";
import { askCacheAdmin } from "../upstream/cache-admin.ts";
import { drain, renewAll } from "../upstream/hubs.ts";
import { askKeyAdmin } from "../upstream/key-admin.ts";
import { audit, authority, CALL_BYTES, type Call, config, granted } from "./call.ts";

export async function rotate(c: Call): Promise<Response> {
  const { key, now = false, revoke = false, author } = await readJson(c.req.raw, rotateRequestSchema, CALL_BYTES);
  const made = granted(await authority(c).rotate(key, { now, revoke }));
  const detail = `${key} key ${made.kid}${now ? ", at once" : ""}${revoke ? ", all others revoked" : ""}`;
  await audit(c, "key-rotate", detail, author);
  return c.json(made satisfies RotateAnswer, 202);
}

/** Asked again with its id it tells those that have not said that they did, which is no new act. */
export async function renewAgents(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, renewAllRequestSchema, CALL_BYTES);
  const { id = crypto.randomUUID(), withinMs = limits.fleet.renewWithinMs } = request;
  await renewAll(c.env, id, withinMs);
  if (request.id === undefined) await audit(c, "agents-renew", `all, within ${withinMs} ms`);
  return c.json({ id, withinMs } satisfies RenewAllAnswer, 202);
}

export async function drainAgent(c: Call): Promise<Response> {
  const { service, instance } = await readJson(c.req.raw, drainRequestSchema, CALL_BYTES);
  if (!(await drain(c.env, service, instance)))
    throw new SelvageError("agent_away", `${service}/${instance} is not connected`);
  await audit(c, "agent-drain", `${service}/${instance}`);
  return c.json({ service, instance } satisfies DrainRequest, 202);
}

/** Keys and stored answers lie beside the gateway, which answers. */
const passOn = (ask: typeof askKeyAdmin | typeof askCacheAdmin) => (c: Call) => {
  const { pathname, search } = new URL(c.req.url);
  return ask(c.env, c.req.method, pathname.slice("/v1".length) + search, c.get("claims").sub, c.req.raw.body);
};
export const [askKeys, askCache] = [passOn(askKeyAdmin), passOn(askCacheAdmin)];

/** The same, with a line in the audit log for what was done. */
function change<Answer>(act: Act["act"], ask: typeof askKeys, describe: (answer: Answer) => string) {
  return async (c: Call): Promise<Response> => {
    const answer = await ask(c);
    if (!answer.ok) return answer;
    const text = await answer.text();
    await audit(c, act, describe(JSON.parse(text)));
    return new Response(text, answer);
  };
}
export const changeKeys = (act: Act["act"]) => change(act, askKeys, describeKeys);

/** What was done, without the key itself. */
function describeKeys(answer: Partial<CreatedKey & KeyRecord & ImportAnswer>): string {
  if (answer.imported !== undefined)
    return `${answer.imported} imported, ${answer.known} known, ${answer.refused} refused`;
  const { id, start, owner, plan } = answer.record ?? answer;
  return `key ${id} (${start}...) of ${owner}${plan === undefined ? "" : `, plan ${plan}`}`;
}

export const purge = change("cache-purge", askCache, describePurgeAnswer);

export async function revoke(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, revocationRequestSchema, CALL_BYTES);
  return c.json(granted(await config(c).revoke(request, c.get("claims").sub)) satisfies RevocationInfo, 201);
}

export async function unrevoke(c: Call): Promise<Response> {
  const id = c.req.param("id") ?? "";
  return c.json(granted(await config(c).unrevoke(id, c.get("claims").sub)) satisfies RevocationInfo);
}
