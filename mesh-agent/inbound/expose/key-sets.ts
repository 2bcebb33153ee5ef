/**
 * Key sets of issuers, at a URL of the document or found by discovery. A set stays in use while its issuer is away; when one is
 * fetched is decided by `shared/auth/key-set-use.ts` and `key-queue.ts`, as at the gateway.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { discoveryUrl, type KeySource, keysUrl, readDiscovery } from "../../../shared/auth/discovery.ts";
import { type PublicJwk, readKeySet } from "../../../shared/auth/jwk.ts";
import { beginKeyWait, endKeyWait, type KeyQueue, type KeyWait, newKeyQueue } from "../../../shared/auth/key-queue.ts";
import {
  isQuiet,
  type KeySetTimes,
  keyMiss,
  keySetUse,
  lastFetchFailed,
  newKeySetTimes,
} from "../../../shared/auth/key-set-use.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";

export interface KeySet {
  /** Those that signatures can be checked with. */
  readonly keys: readonly PublicJwk[];
  /** As published: another text is another set. */
  readonly text: string;
}

interface Issuer {
  readonly source: KeySource;
  readonly times: KeySetTimes;
  set: KeySet | undefined;
  /** The fetch that runs now. Never fails, and ends by itself. */
  fetching: Promise<void> | undefined;
  failure: string;
  readonly queue: KeyQueue;
  /** Names of keys that were in an earlier set. */
  readonly withdrawn: BoundedMap<true>;
}

export class KeySets {
  readonly #issuers = new Map<string, Issuer>();
  readonly #onTrouble: (issuer: string, reason: string) => void;

  /** @param onTrouble told when an issuer does not give its keys */
  constructor(onTrouble: (issuer: string, reason: string) => void) {
    this.#onTrouble = onTrouble;
  }

  /** Keys that are usable without waiting, and undefined where there are none. */
  keysInUse(source: KeySource, nowMs: number): KeySet | undefined {
    const issuer = this.#issuer(source);
    const use = keySetUse(issuer.times, nowMs);
    if (use === "fetch" || use === "none") return undefined;
    if (use === "refresh") void this.#fetch(issuer);
    return issuer.set;
  }

  /** The issuer's keys, from memory where there are usable ones. @throws SelvageError issuer_unavailable */
  async keysOf(source: KeySource, nowMs: number): Promise<KeySet> {
    const known = this.keysInUse(source, nowMs);
    if (known !== undefined) return known;
    const issuer = this.#issuer(source);
    if (issuer.fetching !== undefined || keySetUse(issuer.times, nowMs) === "fetch") await this.#fetch(issuer);
    const use = keySetUse(issuer.times, Date.now());
    if (issuer.set === undefined || use === "fetch" || use === "none") throw unavailable(issuer);
    return issuer.set;
  }

  /**
   * After a set turned out not to have a token's key: a newer set, which is fetched as soon as that is allowed, or undefined
   * when the newest does not have it either.
   * @param missed the set that does not have it
   * @param arrivedAtMs when the token came: a fetch that began later has every key that was published before
   * @throws SelvageError issuer_unavailable; limit_exceeded when too many wait already
   */
  async keysAfterMiss(
    source: KeySource,
    missed: KeySet,
    kid: string | undefined,
    arrivedAtMs: number,
  ): Promise<KeySet | undefined> {
    const issuer = this.#issuer(source);
    if (issuer.set !== missed) return issuer.set;
    // What was withdrawn is not new: it is worth no wait, and no fetch that a new key may need.
    if (kid !== undefined && issuer.withdrawn.get(kid) === true && !isQuiet(issuer.times, Date.now())) return undefined;
    const wait = beginKeyWait(issuer.queue, kid ?? "", Date.now());
    if (wait === undefined) throw tooMany();
    try {
      await this.#awaitNewer(issuer, missed, wait, arrivedAtMs);
    } finally {
      endKeyWait(issuer.queue, wait);
    }
    if (issuer.set !== missed) return issuer.set;
    if (wait.displaced) throw tooMany();
    if (lastFetchFailed(issuer.times)) throw unavailable(issuer);
    return undefined;
  }

  /** Ends: what is waited for is a fetch, and those are let through after a time that `keyMiss` bounds. */
  async #awaitNewer(issuer: Issuer, missed: KeySet, wait: KeyWait, arrivedAtMs: number): Promise<void> {
    const isOver = (): boolean =>
      issuer.set !== missed || (issuer.fetching === undefined && issuer.times.attemptedAtMs >= arrivedAtMs);
    while (!isOver() && !wait.displaced) {
      const miss = issuer.fetching === undefined ? keyMiss(issuer.times, wait, Date.now()) : "fetch";
      if (miss === "refuse") return;
      if (miss === "fetch") await this.#fetch(issuer);
      else await sleep(Math.min(miss, limits.expose.keyPollMs));
    }
  }

  /** Requests share what is fetched. */
  #fetch(issuer: Issuer): Promise<void> {
    issuer.fetching ??= this.#fetchAnew(issuer).finally(() => {
      issuer.fetching = undefined;
    });
    return issuer.fetching;
  }

  /** Never fails: the set in use stays when the issuer does not give another. */
  async #fetchAnew(issuer: Issuer): Promise<void> {
    issuer.times.attemptedAtMs = Date.now();
    try {
      const text = await publishedKeys(issuer.source);
      if (text !== issuer.set?.text) {
        const keys = readKeySet(JSON.parse(text));
        if (typeof keys === "string") throw new Error(`the key set ${keys}`);
        for (const { kid } of issuer.set?.keys ?? []) if (kid !== undefined) issuer.withdrawn.set(kid, true);
        issuer.set = { keys, text };
      }
      issuer.times.fetchedAtMs = Date.now();
    } catch (error) {
      issuer.failure = reasonOf(error);
      this.#onTrouble(issuer.source.name, issuer.failure);
    }
  }

  #issuer(source: KeySource): Issuer {
    const known = this.#issuers.get(source.name);
    if (known !== undefined) return known;
    const issuer: Issuer = {
      source,
      times: newKeySetTimes(),
      set: undefined,
      fetching: undefined,
      failure: "not fetched yet",
      queue: newKeyQueue(),
      withdrawn: new BoundedMap<true>(limits.identity.withdrawnKeysMax),
    };
    this.#issuers.set(source.name, issuer);
    return issuer;
  }
}

const unavailable = ({ source, failure }: Issuer): SelvageError =>
  new SelvageError("issuer_unavailable", `${source.name}: ${failure}`);

const tooMany = (): SelvageError => new SelvageError("limit_exceeded", "too many tokens of unknown keys");

/** `fetch` says "fetch failed", and why as the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

async function publishedKeys({ name, url }: KeySource): Promise<string> {
  const signal = AbortSignal.timeout(limits.identity.jwksWaitMs);
  if (url !== undefined) return getText(url, signal);
  const metadata = readDiscovery(name, JSON.parse(await getText(discoveryUrl(name), signal)));
  return getText(keysUrl(name, metadata), signal);
}

async function getText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { headers: { accept: "application/json" }, redirect: "manual", signal });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > limits.identity.jwksBytesMax) throw new Error(`${new URL(url).pathname} is too large`);
  }
  if (response.status !== 200) throw new Error(`${new URL(url).pathname} answered ${response.status}`);
  return Buffer.concat(chunks).toString("utf8");
}
