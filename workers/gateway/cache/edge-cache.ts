/** The cache of an isolate: its stores, what it knows of purges, and who waits for whom. */
import { newCollapses } from "../../../shared/cache/collapse.ts";
import type { PurgeChanges, PurgeScope } from "../../../shared/cache/purges.ts";
import type { Invalidation } from "../../../shared/cache/verdict.ts";
import type { CacheUse } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { type CounterState, type Series, seriesOf } from "../../../shared/policy/counters.ts";
import type { Env } from "../env.ts";
import { within } from "../upstream/wait.ts";
import { Collapser } from "./collapser.ts";
import { PurgeKnowledge, purgesOf } from "./purge-knowledge.ts";
import { TieredStore } from "./tiered-store.ts";

/** The cache of an isolate, made by the first request that needs it: bindings come with requests. */
export function edgeCaches(counters: CounterState): (env: Env) => EdgeCache {
  let known: EdgeCache | undefined;
  return (env) => {
    known ??= new EdgeCache(env, counters);
    return known;
  };
}

export class EdgeCache {
  readonly purges: PurgeKnowledge;
  readonly store: TieredStore;
  readonly collapser: Collapser;
  /** Keys that are asked for again beside requests. */
  readonly revalidations = newCollapses();
  readonly #env: Env;
  readonly #counters: CounterState;
  /** By route. */
  readonly #counts = new BoundedMap<Series<"cache">["counts"]>(limits.counters.seriesMax);

  constructor(env: Env, counters: CounterState) {
    this.#env = env;
    this.#counters = counters;
    this.purges = new PurgeKnowledge(env);
    this.store = new TieredStore(env, this.purges);
    this.collapser = new Collapser(env);
  }

  /** @param bytes of content that came from what is stored */
  count(route: string, use: CacheUse, bytes: number): void {
    let counts = this.#counts.get(route);
    if (counts === undefined) {
      counts = seriesOf(this.#counters, "cache", route).counts;
      this.#counts.set(route, counts);
    }
    counts[use]++;
    counts.bytes += bytes;
  }

  /**
   * Purges what an unsafe request has made invalid, under whatever key it is stored: it may lie in any isolate. Waits until this one
   * knows of it, but not for long.
   */
  async invalidate({ host, targets, tags }: Invalidation, ctx: Pick<ExecutionContext, "waitUntil">): Promise<void> {
    const scopes: PurgeScope[] = [
      ...targets.map((path) => ({ kind: "path", path, host }) as const),
      ...tags.map((tag) => ({ kind: "tag", tag }) as const),
    ];
    const purged = this.#purge(scopes);
    ctx.waitUntil(purged);
    await within(purged, limits.cachePurges.askWithinMs);
  }

  async #purge(scopes: readonly PurgeScope[]): Promise<void> {
    try {
      const log = purgesOf(this.#env);
      await log.purge(scopes, false);
      this.purges.take((await log.changes(this.purges.log.number)) as PurgeChanges);
    } catch (cause) {
      console.warn(JSON.stringify({ kind: "cache", error: "invalidation_failed", reason: String(cause) }));
    }
  }
}
