/** Asks the objects that keep records of requests. */

import { SelvageError } from "../../../shared/errors.ts";
import { type Identity, identityKey } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { Env } from "../env.ts";
import type { Settlement, StoreAnswer, StoreQuestion } from "../objects/idempotency-store.ts";
import { sha256Hex } from "./sha256.ts";
import { sleep, within } from "./wait.ts";

const bounds = limits.idempotency;

/** Where the record of one key is. */
export interface RecordAddress {
  readonly id: DurableObjectId;
  /** Digest of the key. */
  readonly key: string;
}

export class IdempotencyRecords {
  readonly #partitions = new BoundedMap<string>(bounds.addressesMax);

  /**
   * Each identity has records of its own on each route. Identities and keys are hashed: the platform shows objects' names to
   * operators, and keys may say something of an order.
   */
  async addressOf(env: Env, route: string, identity: Identity, key: string): Promise<RecordAddress> {
    const digest = await sha256Hex(key);
    const shards = identity.method === "anonymous" ? bounds.anonymousShards : bounds.shards;
    const name = `${route}\n${identityKey(identity)}`;
    let partition = this.#partitions.get(name);
    if (partition === undefined) {
      partition = await sha256Hex(name);
      this.#partitions.set(name, partition);
    }
    const shard = Number.parseInt(digest.slice(0, 4), 16) % shards;
    return { id: env.IDEMPOTENCY.idFromName(`${route}/${partition}/${shard}`), key: digest };
  }

  /**
   * Asks for a lock, as long as the one who has it may take and `waitMs` lasts. One call is held by the object instead of many that
   * ask again and again: it is answered at once when the other has ended, and costs one call.
   * @throws SelvageError idempotency_unavailable
   */
  async begin(env: Env, { id, key }: RecordAddress, question: Omit<StoreQuestion, "key">): Promise<StoreAnswer> {
    const endMs = Date.now() + question.waitMs;
    let failures = 0;
    for (;;) {
      const waitMs = Math.max(0, Math.min(endMs - Date.now(), bounds.holdMsMax));
      const heldUntilMs = Date.now() + waitMs;
      const answer = await ask(env, id, { ...question, key, waitMs });
      if (answer === undefined && ++failures === ATTEMPTS_MAX)
        throw new SelvageError("idempotency_unavailable", "the record of the key did not answer");
      if (answer !== undefined && (answer.kind !== "running" || Date.now() >= endMs)) return answer;
      // It holds as many as it can: to ask again would be a flood of calls.
      if (answer !== undefined && Date.now() + bounds.storeRetryMs < heldUntilMs) return answer;
      // An object that fails is not asked without a pause.
      await sleep(bounds.storeRetryMs);
    }
  }

  /** Notes how an attempt ended, and tries again within its time. @returns whether the object has heard of it */
  async settle(env: Env, { id, key }: RecordAddress, settlement: Omit<Settlement, "key">): Promise<boolean> {
    const endMs = Date.now() + bounds.storeWithinMs;
    for (;;) {
      const heard = await tell(env, id, { ...settlement, key }, endMs - Date.now());
      if (heard || Date.now() + bounds.storeRetryMs >= endMs) return heard;
      await sleep(bounds.storeRetryMs);
    }
  }
}

/** An object that was moved or restarted answers the second time. */
const ATTEMPTS_MAX = 2;

async function ask(env: Env, id: DurableObjectId, question: StoreQuestion): Promise<StoreAnswer | undefined> {
  try {
    const asked = env.IDEMPOTENCY.get(id).begin(question) as Promise<StoreAnswer>;
    return await within(asked, question.waitMs + bounds.askWithinMs);
  } catch {
    return undefined;
  }
}

async function tell(env: Env, id: DurableObjectId, settlement: Settlement, ms: number): Promise<boolean> {
  try {
    const told = (env.IDEMPOTENCY.get(id).settle(settlement) as Promise<unknown>).then(() => true);
    return (await within(told, ms)) ?? false;
  } catch {
    return false;
  }
}
