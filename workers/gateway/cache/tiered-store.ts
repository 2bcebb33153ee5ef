/**
 * All stores of an isolate as one: memory, then what is further away. Answers are written to memory and to the first that is there of
 * the platform's cache and the objects, or to all three; what is found further away comes nearer. What a purge has ended is not found.
 */

import type { ByteRange } from "../../../shared/cache/byte-range.ts";
import { purgeVerdict } from "../../../shared/cache/purges.ts";
import type { NewHead, StoredHead } from "../../../shared/cache/stored-head.ts";
import { limits } from "../../../shared/limits.ts";
import { newHeldBytes } from "../../../shared/policy/held-bytes.ts";
import type { Env } from "../env.ts";
import type { BodySink, CacheStore, Soon, StoredBody } from "./cache-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { ObjectStore } from "./object-store.ts";
import { PlatformStore } from "./platform-store.ts";
import type { PurgeKnowledge } from "./purge-knowledge.ts";
import { type StoringBody, storeBody } from "./store-body.ts";
import { TieredSink } from "./tiered-sink.ts";

/** near: the data centre's isolates share answers; everywhere: all isolates do. */
export type CacheReach = "near" | "everywhere";

const NONE: readonly StoredHead[] = [];

export class TieredStore {
  readonly memory: MemoryStore;
  readonly #platform: PlatformStore;
  readonly #objects: ObjectStore;
  readonly #purges: PurgeKnowledge;
  readonly #held = newHeldBytes();

  constructor(
    env: Pick<Env, "CACHE">,
    purges: PurgeKnowledge,
    memory = new MemoryStore(),
    platform = new PlatformStore(),
  ) {
    this.memory = memory;
    this.#platform = platform;
    this.#objects = new ObjectStore(env);
    this.#purges = purges;
  }

  /**
   * Heads of a key, of memory and of as many stores behind it as it takes.
   * @param isEnough whether one of these will do; the next store is asked where not. At once where memory's do
   */
  find(
    key: string,
    isEnough: (heads: readonly StoredHead[]) => boolean,
    reach: CacheReach,
    nowMs: number,
  ): Soon<readonly StoredHead[]> {
    const near = this.#living(this.memory, key, this.memory.find(key, nowMs));
    return isEnough(near) ? near : this.#findFurther(key, near, isEnough, reach, nowMs);
  }

  /** The body of a head that was found. A small one from further away goes into memory on its way. */
  open(
    key: string,
    head: StoredHead,
    reach: CacheReach,
    ctx: Waiting,
    range?: ByteRange,
  ): Soon<StoredBody | undefined> {
    return this.memory.open(key, head, range) ?? this.#openFurther(key, head, reach, ctx, range);
  }

  /**
   * Where an answer's body can go while the client gets it.
   * @param bodyBytes as far as it is known before
   * @returns undefined: no store takes it
   */
  put(
    key: string,
    head: NewHead,
    bodyBytes: number | undefined,
    reach: CacheReach,
    nowMs: number,
  ): BodySink | undefined {
    if (JSON.stringify(head).length > limits.cacheStores.headBytesMax) return undefined;
    const sinks = [this.memory, ...this.#further(reach)].map((store) => store.put(key, head, bodyBytes, nowMs));
    const taking = sinks.filter((sink) => sink !== undefined);
    return taking.length === 0 ? undefined : new TieredSink(taking);
  }

  /** Streams a body to its client and into what `put` gave; see `storeBody`. */
  store(body: ReadableStream<Uint8Array>, sink: BodySink, bodyBytes: number | undefined): StoringBody {
    return storeBody(body, sink, bodyBytes, this.#held);
  }

  /** Another head for a body that is stored: in memory at once. */
  async replace(key: string, head: StoredHead, reach: CacheReach): Promise<void> {
    this.memory.replace(key, head);
    await Promise.all(this.#further(reach).map((store) => store.replace(key, head)));
  }

  /** From memory at once. @param ids absent: all answers of the key */
  async remove(key: string, reach: CacheReach, ids?: readonly string[]): Promise<void> {
    this.memory.remove(key, ids);
    await Promise.all(this.#further(reach).map((store) => store.remove(key, ids)));
  }

  async #findFurther(
    key: string,
    near: readonly StoredHead[],
    isEnough: (heads: readonly StoredHead[]) => boolean,
    reach: CacheReach,
    nowMs: number,
  ): Promise<readonly StoredHead[]> {
    if (this.#platform.isPresent === undefined) await this.#platform.detect();
    let heads = near;
    for (const store of this.#further(reach)) {
      heads = merged(heads, this.#living(store, key, await store.find(key, nowMs)));
      if (isEnough(heads)) break;
    }
    return heads;
  }

  async #openFurther(
    key: string,
    head: StoredHead,
    reach: CacheReach,
    ctx: Waiting,
    range: ByteRange | undefined,
  ): Promise<StoredBody | undefined> {
    for (const store of this.#further(reach)) {
      const body = await store.open(key, head, range);
      if (body !== undefined) return range === undefined ? this.#bringNear(key, head, body, ctx) : body;
    }
    return undefined;
  }

  #bringNear(key: string, head: StoredHead, body: StoredBody, ctx: Waiting): StoredBody {
    const sink = this.memory.put(key, head, head.bodyBytes, head.receivedAtMs);
    if (sink === undefined) return body;
    if (body instanceof ReadableStream) {
      const storing = this.store(body, sink, head.bodyBytes);
      ctx.waitUntil(storing.ended);
      return storing.body;
    }
    if (sink.write(body) === true) void sink.commit();
    return body;
  }

  #further(reach: CacheReach): readonly CacheStore[] {
    if (this.#platform.isPresent !== true) return [this.#objects];
    return reach === "near" ? [this.#platform] : [this.#platform, this.#objects];
  }

  /** Without those that a purge has ended. The others of memory are noted to have been looked at, so that nothing is looked at twice. */
  #living(store: CacheStore, key: string, heads: readonly StoredHead[]): readonly StoredHead[] {
    const { log } = this.#purges;
    if (heads.every(({ purge }) => purge === log.number)) return heads;
    return this.#judged(store, key, heads);
  }

  #judged(store: CacheStore, key: string, heads: readonly StoredHead[]): readonly StoredHead[] {
    const { log } = this.#purges;
    const living: StoredHead[] = [];
    for (const head of heads) {
      const verdict = purgeVerdict(log, head);
      if (verdict === "dead") {
        if (store === this.memory) this.memory.remove(key, [head.id]);
        continue;
      }
      const judged = verdict === "alive" && head.purge < log.number ? { ...head, purge: log.number } : head;
      if (store === this.memory && judged !== head) this.memory.replace(key, judged);
      living.push(judged);
    }
    return living.length === 0 ? NONE : living;
  }
}

type Waiting = Pick<ExecutionContext, "waitUntil">;

/** Of one answer the younger head: a store nearby may not have heard that it was confirmed. */
function merged(near: readonly StoredHead[], far: readonly StoredHead[]): readonly StoredHead[] {
  if (near.length === 0) return far;
  const ids = new Map(near.map((head) => [head.id, head]));
  for (const head of far) {
    const known = ids.get(head.id);
    if (known === undefined || known.receivedAtMs < head.receivedAtMs) ids.set(head.id, head);
  }
  return [...ids.values()];
}
