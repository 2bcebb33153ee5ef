/**
 * Equal misses of an isolate, and of all isolates where the route wants that: one asks the origin, the others look again for what it
 * has stored. What they share is in the store; nobody waits for another's promise, and every wait has an end.
 */
import {
  beginCollapse,
  type CollapseOutcome,
  endCollapse,
  leaderOf,
  newCollapses,
} from "../../../shared/cache/collapse.ts";
import { shardOfKey } from "../../../shared/cache/shard-of.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import type { ShardTurn } from "../objects/cache-shard.ts";
import { until, within } from "../upstream/wait.ts";
import type { Soon } from "./cache-store.ts";
import { shardStub } from "./object-store.ts";

const bounds = limits.cacheCollapse;

/**
 * lead: ask the origin and say how that ended, whatever happens; look: somebody has asked, see what is stored, and come again where
 * that does not do; alone: ask the origin, and say it too if the answer is stored.
 */
export interface Turn {
  readonly kind: "lead" | "look" | "alone";
  /** How it ended, once it is known: for an answer that will not be stored with its head. Only the first word counts. */
  readonly end: (outcome: CollapseOutcome) => Promise<void>;
}

const LOOK: Turn = { kind: "look", end: async () => undefined };

export class Collapser {
  readonly #env: Pick<Env, "CACHE">;
  readonly #collapses = newCollapses();
  #tokens = 0;

  constructor(env: Pick<Env, "CACHE">) {
    this.#env = env;
  }

  /**
   * @param everywhere whether all isolates wait for one
   * @param endMs when this request waits no longer, milliseconds since the epoch; the same for each time that it comes
   */
  enter(key: string, everywhere: boolean, endMs: number): Soon<Turn> {
    const token = String(this.#tokens++);
    const nowMs = Date.now();
    const verdict = nowMs < endMs ? beginCollapse(this.#collapses, key, token, bounds, nowMs) : "alone";
    if (verdict === "follow") return this.#follow(key, token, endMs);
    if (verdict === "lead" && everywhere) return this.#leadEverywhere(key, token, endMs);
    return this.#turn(verdict, key, token);
  }

  async #follow(key: string, token: string, endMs: number): Promise<Turn> {
    const leader = leaderOf(this.#collapses, key, Date.now());
    const isOver = (): boolean => leaderOf(this.#collapses, key, Date.now()) !== leader;
    const isEnded = await until(isOver, endMs - Date.now());
    return isEnded && !this.#collapses.apart.has(key) ? LOOK : this.#turn("alone", key, token);
  }

  /** Leads here; those of other isolates may be ahead. A shard that does not answer holds nobody up. */
  async #leadEverywhere(key: string, token: string, endMs: number): Promise<Turn> {
    const shard = shardStub(this.#env, shardOfKey(key, limits.cacheStores.shards));
    const everywhere = crypto.randomUUID();
    const waitMs = endMs - Date.now();
    let turn: ShardTurn | undefined;
    try {
      turn = await within(shard.lead(key, everywhere, waitMs) as Promise<ShardTurn>, waitMs);
    } catch (cause) {
      console.warn(JSON.stringify({ kind: "cache", error: "collapse_failed", reason: String(cause) }));
    }
    const here = this.#turn("lead", key, token);
    if (turn === "look") {
      // Those who follow here find what there is to be found, or one of them leads next.
      await here.end("stored");
      return LOOK;
    }
    if (turn !== "lead") return here;
    const end = async (outcome: CollapseOutcome): Promise<void> => {
      await here.end(outcome);
      const released = shard.release(key, everywhere, outcome) as Promise<void>;
      await within(released, limits.cacheStores.pieceWithinMs).catch(() => undefined);
    };
    return { kind: "lead", end };
  }

  #turn(kind: "lead" | "alone", key: string, token: string): Turn {
    let isEnded = false;
    const end = async (outcome: CollapseOutcome): Promise<void> => {
      if (!isEnded) endCollapse(this.#collapses, key, token, outcome, bounds, Date.now());
      isEnded = true;
    };
    return { kind, end };
  }
}
