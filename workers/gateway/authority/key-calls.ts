/** What the control plane asks of API keys (`shared/wire/keys.ts`). */
import { type Context, Hono } from "hono";
import { isKeyActive, type KeyRecord } from "../../../shared/auth/api-key.ts";
import { DEFAULT_KEY_PREFIX, KEY_RANDOM_BYTES, keyOf, keyStart } from "../../../shared/auth/key-form.ts";
import { shardOf } from "../../../shared/auth/key-memory.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type CreatedKey,
  type CreateKeyRequest,
  createKeyRequestSchema,
  type KeyPage,
  rollKeyRequestSchema,
  updateKeyRequestSchema,
} from "../../../shared/wire/keys.ts";
import type { Env } from "../env.ts";
import { adminProblem, badRequest, believe, readAdminJson } from "./admin-call.ts";
import { importKeys } from "./key-import.ts";
import { hashKey } from "./key-pepper.ts";
import { idOf, shardOfId, shardStub } from "./key-shards.ts";

type Call = Context<{ Bindings: Env }>;

export const keyCalls = new Hono<{ Bindings: Env }>();
const ID = "/keys/:id{[0-9a-f]{16}}";
keyCalls.use(async (c, next) => {
  await believe(c.env, c.req.header("authorization"), "keys");
  await next();
});
keyCalls.post("/keys", create);
keyCalls.get("/keys", list);
keyCalls.post("/keys/import", async (c) => c.json(await importKeys(c.req.raw.body, c.env, Date.now())));
keyCalls.get(ID, async (c) => c.json(await recordOf(c)));
keyCalls.patch(ID, update);
keyCalls.post(`${ID}/roll`, roll);
keyCalls.post(`${ID}/revoke`, async (c) => {
  const id = idIn(c);
  const revoked = await shardStub(c.env, shardOfId(id)).revoke(id);
  if (revoked === undefined) throw unknown(id);
  return c.json(revoked satisfies KeyRecord);
});
keyCalls.notFound(() => adminProblem("keys", new SelvageError("no_route", "no such call")));
keyCalls.onError((error) => adminProblem("keys", error));

async function create(c: Call): Promise<Response> {
  const request = await readAdminJson(c.req.raw, createKeyRequestSchema);
  const nowMs = Date.now();
  if (request.expiresAtMs !== undefined && request.expiresAtMs <= nowMs)
    throw badRequest("expiresAtMs: is not in the future");
  return c.json((await makeKey(c.env, request, nowMs)) satisfies CreatedKey, 201);
}

async function makeKey(env: Env, request: CreateKeyRequest, nowMs: number): Promise<CreatedKey> {
  const { prefix = DEFAULT_KEY_PREFIX, owner, name, plan, scopes = [], groups = [], expiresAtMs } = request;
  const key = newKey(prefix);
  const hash = await hashKey(key, env);
  const record: KeyRecord = {
    id: idOf(shardOf(hash)),
    prefix,
    start: keyStart(key, prefix),
    owner,
    ...(name !== undefined && { name }),
    ...(plan !== undefined && { plan }),
    scopes: [...new Set(scopes)],
    groups: [...new Set(groups)],
    createdAtMs: nowMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  };
  await shardStub(env, shardOf(hash)).add([{ hash, record }]);
  return { key, record };
}

function newKey(prefix: string): string {
  for (;;) {
    const key = keyOf(prefix, crypto.getRandomValues(new Uint8Array(KEY_RANDOM_BYTES)));
    if (key !== undefined) return key;
  }
}

async function update(c: Call): Promise<Response> {
  const change = await readAdminJson(c.req.raw, updateKeyRequestSchema);
  if (typeof change.expiresAtMs === "number" && change.expiresAtMs <= Date.now())
    throw badRequest("expiresAtMs: is not in the future");
  const { id } = await recordOf(c);
  const updated = await shardStub(c.env, shardOfId(id)).update(id, change);
  if (updated === undefined) throw new SelvageError("key_not_active", `key ${id}`);
  return c.json(updated satisfies KeyRecord);
}

/** The new key first: when anything fails on the way, the old one is as it was. */
async function roll(c: Call): Promise<Response> {
  const { overlapMs, expiresAtMs } = await readAdminJson(c.req.raw, rollKeyRequestSchema);
  const old = await recordOf(c);
  const nowMs = Date.now();
  if (!isKeyActive(old, nowMs) || old.rolledTo !== undefined) throw new SelvageError("key_not_active", `key ${old.id}`);
  const endsAtMs = expiresAtMs ?? old.expiresAtMs;
  if (endsAtMs !== undefined && endsAtMs <= nowMs) throw badRequest("expiresAtMs: is not in the future");
  const { prefix, owner, name, plan, scopes, groups } = old;
  const made = await makeKey(
    c.env,
    {
      prefix,
      owner,
      ...(name !== undefined && { name }),
      ...(plan !== undefined && { plan }),
      scopes: [...scopes],
      groups: [...groups],
      ...(endsAtMs !== undefined && { expiresAtMs: endsAtMs }),
    },
    nowMs,
  );
  const replaced = await shardStub(c.env, shardOfId(old.id)).replace(old.id, made.record.id, nowMs + overlapMs);
  if (replaced) return c.json(made satisfies CreatedKey, 201);
  // Somebody else rolled or revoked it in the same moment; nobody has seen the new one.
  await shardStub(c.env, shardOfId(made.record.id)).revoke(made.record.id);
  throw new SelvageError("key_not_active", `key ${old.id}`);
}

async function recordOf(c: Call): Promise<KeyRecord> {
  const id = idIn(c);
  const record = await shardStub(c.env, shardOfId(id)).find(id);
  if (record === undefined) throw unknown(id);
  return record;
}

/** Ids begin with their shard, so their order is that of the shards. */
async function list(c: Call): Promise<Response> {
  const { owner, after = "", limit } = c.req.query();
  const count = limit === undefined ? limits.apiKeys.pageDefault : Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > limits.apiKeys.pageMax)
    throw badRequest(`limit: a whole number from 1 to ${limits.apiKeys.pageMax}`);
  if (!/^([0-9a-f]{16})?$/.test(after)) throw badRequest("after: not an id");
  const keys: KeyRecord[] = [];
  for (let shard = after === "" ? 0 : shardOfId(after); shard < limits.apiKeys.shards && keys.length <= count; shard++)
    keys.push(...(await shardStub(c.env, shard).list(owner, after, count + 1 - keys.length)));
  const page = keys.slice(0, count);
  const next = keys.length > count ? page.at(-1)?.id : undefined;
  return c.json({ keys: page, ...(next !== undefined && { next }) } satisfies KeyPage);
}

function idIn(c: Call): string {
  return c.req.param("id") ?? "";
}

function unknown(id: string): SelvageError {
  return new SelvageError("key_unknown", `no key ${id}`);
}
