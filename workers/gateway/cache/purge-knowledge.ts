/** What an isolate knows of purges. It asks for what is new beside requests, at most once a second, and never without any. */
import { beginConfirming, endConfirming, neverConfirmed } from "../../../shared/auth/shard-confirmation.ts";
import { type PurgeChanges, type PurgeLog, takeChanges, unknownPurges } from "../../../shared/cache/purges.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { until, within } from "../upstream/wait.ts";
import type { Soon } from "./cache-store.ts";

const { confirmAfterMs, staleMs, askWithinMs, lostAfterMs, retryMs } = limits.cachePurges;
const settings = { confirmAfterMs, shardWaitMs: lostAfterMs, confirmRetryMs: retryMs };

export class PurgeKnowledge {
  readonly log: PurgeLog = unknownPurges();
  readonly #env: Pick<Env, "CACHE_PURGES">;
  readonly #confirmation = neverConfirmed();

  constructor(env: Pick<Env, "CACHE_PURGES">) {
    this.#env = env;
  }

  /**
   * Whether anything may be served from a store now: what is known is young enough. A promise only where it is not, and that
   * one has an end; false: the request goes to the origin.
   */
  isFresh(ctx: Pick<ExecutionContext, "waitUntil">, nowMs: number): Soon<boolean> {
    // Where the clock was set back it would be young for as long.
    if (nowMs < this.#confirmation.confirmedAtMs - staleMs) Object.assign(this.#confirmation, neverConfirmed());
    const ageMs = nowMs - this.#confirmation.confirmedAtMs;
    if (ageMs < confirmAfterMs) return true;
    const asking = beginConfirming(this.#confirmation, settings, nowMs) ? this.#ask() : undefined;
    if (asking !== undefined) ctx.waitUntil(asking);
    if (ageMs <= staleMs) return true;
    return this.#await(asking);
  }

  /** Takes what a purge of this isolate's own has changed, without waiting for the next question. */
  take(changes: PurgeChanges): void {
    takeChanges(this.log, changes);
  }

  async #ask(): Promise<void> {
    const sentAtMs = Date.now();
    let answered = false;
    try {
      const asked = purgesOf(this.#env).changes(this.log.number) as Promise<PurgeChanges>;
      const changes = await within(asked, lostAfterMs);
      if (changes === undefined) return;
      this.take(changes);
      this.#confirmation.confirmedAtMs = Math.max(this.#confirmation.confirmedAtMs, sentAtMs);
      answered = true;
    } catch (cause) {
      console.warn(JSON.stringify({ kind: "cache", error: "purges_unknown", reason: String(cause) }));
    } finally {
      endConfirming(this.#confirmation, settings, answered, Date.now());
    }
  }

  /** Requests share what was answered, never the question of one of them. */
  async #await(asking: Promise<void> | undefined): Promise<boolean> {
    const isOver = (): boolean => Date.now() - this.#confirmation.confirmedAtMs <= staleMs;
    if (asking !== undefined) await within(asking, askWithinMs);
    else await until(() => isOver() || this.#confirmation.confirmingSinceMs === 0, askWithinMs);
    return isOver();
  }
}

/** One log for everybody. */
export function purgesOf(env: Pick<Env, "CACHE_PURGES">) {
  return env.CACHE_PURGES.getByName("purges");
}
