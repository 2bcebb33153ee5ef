/**
 * Key sets of issuers, at a URL of the document or found by OIDC discovery (OpenID Connect Discovery 1.0 section 4). A set
 * stays in use while its issuer is away. Requests share results, never promises.
 */
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
import { readText } from "../upstream/read-text.ts";
import { until } from "../upstream/wait.ts";

type Wait = Pick<ExecutionContext, "waitUntil">;

export interface KeySet {
  /** Those that signatures can be checked with. */
  readonly keys: readonly PublicJwk[];
  /** As published: another text is another set. */
  readonly text: string;
  /** What the issuer says of itself; absent where the keys are at a URL. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

interface Issuer {
  readonly times: KeySetTimes;
  set: KeySet | undefined;
  /** When the fetch that runs now began; 0: none runs. */
  fetchingSinceMs: number;
  failure: string;
  readonly queue: KeyQueue;
  /** Names of keys that were in an earlier set. */
  readonly withdrawn: BoundedMap<true>;
}

export class KeySets {
  readonly #issuers = new Map<string, Issuer>();

  /** The issuer's keys, from memory where there are usable ones. @throws SelvageError issuer_unavailable */
  keysOf(source: KeySource, ctx: Wait, nowMs: number): KeySet | Promise<KeySet> {
    return this.keysInUse(source, ctx, nowMs) ?? this.#awaitKeys(source, this.#issuer(source.name), ctx, nowMs);
  }

  /** Keys that are usable without waiting, and undefined where there are none. */
  keysInUse(source: KeySource, ctx: Wait, nowMs: number): KeySet | undefined {
    const issuer = this.#issuer(source.name);
    const use = keySetUse(issuer.times, nowMs);
    if (use === "fetch" || use === "none") return undefined;
    if (use === "refresh" && !isFetching(issuer, nowMs)) ctx.waitUntil(fetchKeys(source, issuer, nowMs));
    return issuer.set;
  }

  /**
   * After a set turned out not to have a token's key: a newer set, which is fetched as soon as that is allowed, or undefined
   * when the newest does not have it either.
   * @param missed the set that does not have it; another request may have found a newer one since
   * @throws SelvageError issuer_unavailable; limit_exceeded when too many wait already
   */
  async keysAfterMiss(
    source: KeySource,
    missed: KeySet,
    kid: string | undefined,
    ctx: Wait,
    arrivedAtMs: number,
  ): Promise<KeySet | undefined> {
    const issuer = this.#issuer(source.name);
    if (issuer.set !== missed) return issuer.set;
    // What was withdrawn is not new: it is worth no wait, and no fetch that a new key may need.
    if (kid !== undefined && issuer.withdrawn.get(kid) === true && !isQuiet(issuer.times, Date.now())) return undefined;
    const wait = beginKeyWait(issuer.queue, kid ?? "", Date.now());
    if (wait === undefined) throw tooMany();
    try {
      await this.#awaitNewer(source, issuer, () => issuer.set !== missed || isNewer(issuer, arrivedAtMs), wait, ctx);
    } finally {
      endKeyWait(issuer.queue, wait);
    }
    if (issuer.set !== missed) return issuer.set;
    if (wait.displaced) throw tooMany();
    if (lastFetchFailed(issuer.times)) throw unavailable(source, issuer);
    return undefined;
  }

  /** Until it is over, the wait was displaced, or there is nothing to wait for. */
  async #awaitNewer(source: KeySource, issuer: Issuer, isOver: () => boolean, wait: KeyWait, ctx: Wait): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX && !isOver() && !wait.displaced; turn++) {
      const nowMs = Date.now();
      if (isFetching(issuer, nowMs)) {
        await until(() => !isFetching(issuer, Date.now()), limits.identity.jwksWaitMs);
        continue;
      }
      const miss = keyMiss(issuer.times, wait, nowMs);
      if (miss === "refuse") return;
      if (miss === "fetch") await startFetch(source, issuer, ctx, nowMs);
      else {
        const { isCrowd } = wait;
        await until(() => isOver() || wait.displaced || wait.isCrowd !== isCrowd, miss, QUEUE_POLL_MS);
      }
    }
  }

  async #awaitKeys(source: KeySource, issuer: Issuer, ctx: Wait, nowMs: number): Promise<KeySet> {
    if (isFetching(issuer, nowMs)) await until(() => !isFetching(issuer, Date.now()), limits.identity.jwksWaitMs);
    else if (keySetUse(issuer.times, nowMs) === "fetch") await startFetch(source, issuer, ctx, nowMs);
    const use = keySetUse(issuer.times, nowMs);
    if (issuer.set === undefined || use === "fetch" || use === "none") throw unavailable(source, issuer);
    return issuer.set;
  }

  #issuer(name: string): Issuer {
    const known = this.#issuers.get(name);
    if (known !== undefined) return known;
    const issuer: Issuer = {
      times: newKeySetTimes(),
      set: undefined,
      fetchingSinceMs: 0,
      failure: "not fetched yet",
      queue: newKeyQueue(),
      withdrawn: new BoundedMap<true>(limits.identity.withdrawnKeysMax),
    };
    this.#issuers.set(name, issuer);
    return issuer;
  }
}

/** A fetch that ran when the token came, the wait alone and with others, the fetch, and some to spare. */
const TURNS_MAX = 8;

const unavailable = ({ name }: KeySource, { failure }: Issuer): SelvageError =>
  new SelvageError("issuer_unavailable", `${name}: ${failure}`);

function isFetching(issuer: Issuer, nowMs: number): boolean {
  return issuer.fetchingSinceMs !== 0 && nowMs - issuer.fetchingSinceMs < limits.identity.jwksWaitMs;
}

/** Whether the set is of a fetch that began after a request came, so that it has every key that was published before. */
function isNewer({ times, fetchingSinceMs }: Issuer, arrivedAtMs: number): boolean {
  return times.attemptedAtMs >= arrivedAtMs && fetchingSinceMs === 0;
}

/** Thousands may wait: each looks rarely. */
const QUEUE_POLL_MS = 320;

const tooMany = (): SelvageError => new SelvageError("limit_exceeded", "too many tokens of unknown keys");

/** The fetch outlives its request, since others may be waiting for the result. */
function startFetch(source: KeySource, issuer: Issuer, ctx: Wait, nowMs: number): Promise<void> {
  const fetched = fetchKeys(source, issuer, nowMs);
  ctx.waitUntil(fetched);
  return fetched;
}

/** Never fails: the set in use stays when the issuer does not give another. */
async function fetchKeys(source: KeySource, issuer: Issuer, nowMs: number): Promise<void> {
  issuer.fetchingSinceMs = nowMs;
  issuer.times.attemptedAtMs = nowMs;
  try {
    const signal = AbortSignal.timeout(limits.identity.jwksWaitMs);
    const metadata = source.url === undefined ? await discover(source.name, signal) : undefined;
    const published = await get(source.url ?? keysUrl(source.name, metadata ?? {}), signal);
    const text = metadata === undefined ? published : `${published}\n${JSON.stringify(metadata)}`;
    if (text !== issuer.set?.text) {
      const keys = readKeySet(JSON.parse(published));
      if (typeof keys === "string") throw new Error(`the key set ${keys}`);
      for (const { kid } of issuer.set?.keys ?? []) if (kid !== undefined) issuer.withdrawn.set(kid, true);
      issuer.set = { keys, text, ...(metadata !== undefined && { metadata }) };
    }
    issuer.times.fetchedAtMs = Date.now();
  } catch (error) {
    issuer.failure = error instanceof Error ? error.message : String(error);
    console.warn(JSON.stringify({ kind: "issuer", issuer: source.name, reason: issuer.failure }));
  } finally {
    issuer.fetchingSinceMs = 0;
  }
}

async function discover(issuer: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  return readDiscovery(issuer, JSON.parse(await get(discoveryUrl(issuer), signal)));
}

async function get(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { headers: { accept: "application/json" }, redirect: "manual", signal });
  const text = await readText(response, limits.identity.jwksBytesMax);
  if (response.status !== 200) throw new Error(`${new URL(url).pathname} answered ${response.status}`);
  return text;
}
