/** Whom an API key stands for, or why it is refused. Asks the objects of keys no more than `shared/auth` allows. */
import { type ApiKeyProvider, apiKeyChallenge, presentedKey, refuseKeyRecord } from "../../../shared/auth/api-key.ts";
import { bearerChallenge, type ChallengeError } from "../../../shared/auth/bearer.ts";
import { refuseKeyForm } from "../../../shared/auth/key-form.ts";
import {
  beginConfirmation,
  endConfirmation,
  type KnownKey,
  newKeyMemory,
  recallKey,
  rememberKey,
  type ShardChanges,
  shardOf,
} from "../../../shared/auth/key-memory.ts";
import { beginLookUp, endLookUp, newLookUpBudget } from "../../../shared/auth/look-up-budget.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { clientGroup } from "../../../shared/http/address-list.ts";
import type { RequestTarget } from "../../../shared/http/request-target.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import type { LookUpAnswer } from "../objects/key-shard.ts";
import { until, within } from "../upstream/wait.ts";
import { hashKey } from "./key-pepper.ts";
import { shardStub } from "./key-shards.ts";
import type { ProofContext, Verifier } from "./verifier.ts";

type Found = KnownKey | "unknown";

export class KeyVerifier implements Verifier<ApiKeyProvider> {
  readonly #memory = newKeyMemory();
  readonly #budget = newLookUpBudget();
  /** Keys that are being looked up, since when. Requests share results, never promises. */
  readonly #looking = new Map<string, number>();

  /** What a request shows; undefined: no key. */
  credentialOf({ headers }: Request, provider: ApiKeyProvider, { query }: RequestTarget): string | undefined {
    return presentedKey(provider, (name) => headers.get(name), query);
  }

  /** Request fields that carry a key: they end at the gateway. */
  fields({ header, bearer }: ApiKeyProvider): readonly string[] {
    return [...(header === undefined ? [] : [header]), ...(bearer ? ["authorization"] : [])];
  }

  parameter({ query }: ApiKeyProvider): string | undefined {
    return query;
  }

  /** `WWW-Authenticate` of a refusal, one for each scheme: without an error when nothing was sent. */
  challenges(
    provider: ApiKeyProvider,
    realm: string,
    error?: ChallengeError,
    scopes?: readonly string[],
  ): readonly string[] {
    const { header, bearer, query } = provider;
    const placed = apiKeyChallenge(
      realm,
      provider,
      error === undefined || error === "insufficient_scope" ? error : "invalid_key",
      scopes,
    );
    return [
      ...(bearer ? [bearerChallenge(realm, error, scopes)] : []),
      ...(header !== undefined || query !== undefined ? [placed] : []),
    ];
  }

  /**
   * Whose key it is, or why it is refused. A promise only where something has to be asked.
   * @throws SelvageError limit_exceeded, keys_unavailable, secret_missing
   */
  verify(key: string, provider: ApiKeyProvider, call: ProofContext): Identity | string | Promise<Identity | string> {
    const known = recallKey(this.#memory, key, call.nowMs);
    if (known !== undefined) {
      if (known !== "unknown") this.#keepFresh(known.shard, call);
      return judge(known, provider, call.nowMs);
    }
    const refused = refuseKeyForm(key, provider.prefix, provider.foreign);
    if (refused !== undefined) return refused;
    return this.#find(key, call).then((found) => judge(found, provider, call.nowMs));
  }

  async #find(key: string, call: ProofContext): Promise<Found> {
    if (this.#isLooking(key)) {
      await until(() => !this.#isLooking(key), limits.apiKeys.shardWaitMs);
      const found = recallKey(this.#memory, key, Date.now());
      if (found !== undefined) return found;
    }
    const address = clientGroup(call.clientIp);
    // A key that was good is no guess: it is looked up again whatever others have used up.
    const counted = !this.#memory.known.has(key);
    if (counted && !beginLookUp(this.#budget, address, call.nowMs))
      throw new SelvageError("limit_exceeded", "too many look-ups of unknown keys");
    this.#looking.set(key, call.nowMs);
    let inVain = false;
    try {
      const found = await this.#lookUp(key, call.env);
      inVain = found === "unknown";
      return found;
    } finally {
      this.#looking.delete(key);
      if (counted) endLookUp(this.#budget, address, inVain, Date.now());
    }
  }

  #isLooking(key: string): boolean {
    const sinceMs = this.#looking.get(key);
    return sinceMs !== undefined && Date.now() - sinceMs < limits.apiKeys.shardWaitMs;
  }

  async #lookUp(key: string, env: Env): Promise<Found> {
    const hash = await hashKey(key, env);
    const shard = shardOf(hash);
    const sentAtMs = Date.now();
    const since = this.#memory.shards[shard]?.revision ?? -1;
    const asked = shardStub(env, shard).lookUp(hash, since) as Promise<LookUpAnswer>;
    const answer = await within(asked, limits.apiKeys.shardWaitMs).catch((cause: unknown) => {
      throw new SelvageError("keys_unavailable", `shard ${shard}: ${String(cause)}`, { cause });
    });
    if (answer === undefined) throw new SelvageError("keys_unavailable", `shard ${shard} did not answer in time`);
    return rememberKey(this.#memory, key, hash, answer.record, answer, sentAtMs);
  }

  /** Beside the request, so that a key in use never waits. */
  #keepFresh(shard: number, { env, ctx, nowMs }: ProofContext): void {
    const question = beginConfirmation(this.#memory, shard, nowMs);
    if (question === undefined) return;
    const sentAtMs = Date.now();
    const end = (changes: ShardChanges | undefined): void =>
      endConfirmation(this.#memory, shard, changes, sentAtMs, Date.now());
    const asked = shardStub(env, shard).confirm(question) as Promise<ShardChanges>;
    ctx.waitUntil(within(asked, limits.apiKeys.shardWaitMs).then(end, () => end(undefined)));
  }
}

function judge(found: Found, { prefix }: ApiKeyProvider, nowMs: number): Identity | string {
  if (found === "unknown") return "the key is unknown";
  return refuseKeyRecord(found.record, prefix, nowMs) ?? found.identity;
}
