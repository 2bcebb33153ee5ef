/** A Worker that is nothing but stores, purges and collapsing, before an origin: everything is fresh for an hour. */
import { WorkerEntrypoint } from "cloudflare:workers";
import { Collapser } from "../../../../workers/gateway/cache/collapser.ts";
import { PurgeKnowledge } from "../../../../workers/gateway/cache/purge-knowledge.ts";
import { TieredStore } from "../../../../workers/gateway/cache/tiered-store.ts";
import type { Env } from "../../../../workers/gateway/env.ts";
import {
  CacheAdmin,
  CachePurges,
  CacheShard,
  IdempotencyStore,
  KeyShard,
  LastGood,
  Limiter,
  ReplayStore,
  SessionShard,
} from "../../../../workers/gateway/index.ts";

export {
  CacheAdmin,
  CachePurges,
  CacheShard,
  IdempotencyStore,
  KeyShard,
  LastGood,
  Limiter,
  ReplayStore,
  SessionShard,
};

interface Parts {
  readonly purges: PurgeKnowledge;
  readonly store: TieredStore;
  readonly collapser: Collapser;
}
let parts: Parts | undefined;

function partsOf(env: Env): Parts {
  const purges = new PurgeKnowledge(env);
  return { purges, store: new TieredStore(env, purges), collapser: new Collapser(env) };
}

export default {
  /** `x-origin` is where the origin is; `x-everywhere` collapses over all isolates; `range` is `first-last`. */
  async fetch(request, env, ctx): Promise<Response> {
    parts ??= partsOf(env);
    const { pathname } = new URL(request.url);
    if (pathname === "/memory")
      return Response.json({ bytes: parts.store.memory.bytes, size: parts.store.memory.size });
    const endMs = Date.now() + 20_000;
    for (;;) {
      const found = await serve(parts, pathname, request, ctx);
      if (found !== undefined) return found;
      const turn = await parts.collapser.enter(pathname, request.headers.has("x-everywhere"), endMs);
      if (turn.kind !== "look") return ask(parts, pathname, request, ctx, turn.end);
    }
  },
} satisfies ExportedHandler<Env>;

async function serve(
  { purges, store }: Parts,
  key: string,
  { headers }: Request,
  ctx: ExecutionContext,
): Promise<Response | undefined> {
  if (!(await purges.isFresh(ctx, Date.now()))) return undefined;
  const [head] = await store.find(key, (heads) => heads.length > 0, "near", Date.now());
  if (head === undefined) return undefined;
  const [first, last] = headers.get("range")?.split("-").map(Number) ?? [];
  const range = first === undefined || last === undefined ? undefined : { first, last };
  const body = await store.open(key, head, "near", ctx, range);
  return body && new Response(body, { headers: { "x-cache": "hit" } });
}

async function ask(
  { purges, store }: Parts,
  key: string,
  { headers }: Request,
  ctx: ExecutionContext,
  end: (outcome: "stored" | "unstorable" | "failed") => Promise<void>,
): Promise<Response> {
  const { number: purge } = purges.log;
  const requestedAtMs = Date.now();
  const answer = await fetch(`${headers.get("x-origin")}${key}`);
  const nowMs = Date.now();
  const bodyBytes = Number(answer.headers.get("content-length")) || undefined;
  const head = {
    id: crypto.randomUUID(),
    method: "GET",
    status: 200,
    fields: [],
    requestedAtMs,
    receivedAtMs: nowMs,
    selectedBy: {},
    tags: (answer.headers.get("x-tags") ?? "").split(" "),
    host: "localhost",
    target: key,
    purge,
    keepUntilMs: nowMs + 3_600_000,
    bornAtMs: nowMs,
    freshUntilMs: nowMs,
    stale: { whileRevalidateUntilMs: 0, ifErrorUntilMs: 0, ifUnreachableUntilMs: 0, byClient: false },
    dateMs: nowMs,
  };
  const sink = store.put(key, head, bodyBytes, "near", nowMs);
  if (sink === undefined || answer.body === null) {
    await end("unstorable");
    return answer;
  }
  const { body, outcome, ended } = store.store(answer.body, sink, bodyBytes);
  ctx.waitUntil(outcome.then((how) => end(how === "stored" ? "stored" : "failed")));
  ctx.waitUntil(ended);
  return new Response(body, { headers: { "x-cache": "miss" } });
}

export class Calls extends WorkerEntrypoint {
  override fetch(): Response {
    return Response.json({ calls: 0 });
  }
}
