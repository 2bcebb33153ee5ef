/** What the control plane asks of stored answers (`shared/wire/purges.ts`). */
import { type Context, Hono } from "hono";
import type { Purge, PurgeChanges } from "../../../shared/cache/purges.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type PurgeAnswer, type PurgeStatus, purgeRequestSchema } from "../../../shared/wire/purges.ts";
import { shardStub } from "../cache/object-store.ts";
import { purgesOf } from "../cache/purge-knowledge.ts";
import type { Env } from "../env.ts";
import { within } from "../upstream/wait.ts";
import { adminProblem, believe, readAdminJson } from "./admin-call.ts";

type Call = Context<{ Bindings: Env }>;

const { purgeWithinMs, visibleWithinMs } = limits.cachePurges;

export const cacheCalls = new Hono<{ Bindings: Env }>();
cacheCalls.use(async (c, next) => {
  await believe(c.env, c.req.header("authorization"), "cache");
  await next();
});
cacheCalls.post("/cache/purges", purge);
cacheCalls.get("/cache/purges", async (c) => {
  const { number, floor, purges } = await answered<PurgeChanges>(purgesOf(c.env).changes(0));
  return c.json({ number, floor, remembered: purges.length } satisfies PurgeStatus);
});
cacheCalls.notFound(() => adminProblem("cache", new SelvageError("no_route", "no such call")));
cacheCalls.onError((error) => adminProblem("cache", error));

async function purge(c: Call): Promise<Response> {
  const { scopes, soft = false } = await readAdminJson(c.req.raw, purgeRequestSchema);
  const purges = await answered<Purge[]>(purgesOf(c.env).purge(scopes, soft));
  if (!soft) c.executionCtx.waitUntil(within(forget(c.env, purges), purgeWithinMs));
  return c.json({ purges, visibleWithinMs } satisfies PurgeAnswer, 201);
}

/** Gives back the room of what was purged; what is left of it is not served, and goes in its time. */
async function forget(env: Env, purges: readonly Purge[]): Promise<void> {
  const endMs = Date.now() + purgeWithinMs;
  const forgetIn = async (shard: number): Promise<void> => {
    for (const { scope, number } of purges) {
      let after: number | undefined = 0;
      while (after !== undefined && Date.now() < endMs)
        after = (await shardStub(env, shard).forget(scope, number, after)) as number | undefined;
    }
  };
  await Promise.allSettled(Array.from({ length: limits.cacheStores.shards }, (_, shard) => forgetIn(shard)));
}

/** @throws SelvageError purges_unavailable */
async function answered<T>(asked: unknown): Promise<T> {
  const failed = (reason: string): SelvageError =>
    new SelvageError("purges_unavailable", `the log of purges: ${reason}`);
  const answer = await within(asked as Promise<T>, purgeWithinMs).catch((cause) => {
    throw failed(String(cause));
  });
  if (answer === undefined) throw failed("no answer in time");
  return answer;
}
