/**
 * Answers in the platform's cache of the data centre. It knows nothing of variants, of staleness or of revalidation, so it is used
 * as a place for texts and bytes under made-up URLs: one text of heads for each key, which names the bodies. Plain workerd has none,
 * and under a workers.dev address it keeps nothing: that is found out once.
 */

import type { ByteRange } from "../../../shared/cache/byte-range.ts";
import type { NewHead, StoredHead } from "../../../shared/cache/stored-head.ts";
import { limits } from "../../../shared/limits.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import { within } from "../upstream/wait.ts";
import type { BodySink, CacheStore, StoredBody } from "./cache-store.ts";

const bounds = limits.cacheStores;
/** RFC 2606: nobody's host. */
const PLACE = "https://selvage-cache.invalid";
const NONE: readonly StoredHead[] = [];

interface StoredHeads {
  readonly key: string;
  readonly heads: readonly StoredHead[];
}

export class PlatformStore implements CacheStore {
  #isPresent: boolean | undefined;

  /** Whether there is such a cache here; undefined: this is being found out, or was never asked. */
  get isPresent(): boolean | undefined {
    return this.#isPresent;
  }

  /** Finds out whether there is such a cache here. */
  async detect(): Promise<boolean> {
    if (this.#isPresent !== undefined) return this.#isPresent;
    try {
      this.#isPresent = await within(keepsWhatItIsGiven(), bounds.findWithinMs);
    } catch {
      this.#isPresent = false;
    }
    return this.#isPresent ?? false;
  }

  async find(key: string, nowMs: number): Promise<readonly StoredHead[]> {
    const found = await this.#tried(async () => this.#read(await place(), key));
    return found?.filter(({ keepUntilMs }) => keepUntilMs > nowMs) ?? NONE;
  }

  async open(_key: string, { id, bodyBytes }: StoredHead, range?: ByteRange): Promise<StoredBody | undefined> {
    const { first, last } = range ?? { first: 0, last: bodyBytes - 1 };
    if (last < first) return new Uint8Array();
    return this.#tried(async () => {
      const headers = range === undefined ? {} : { range: `bytes=${first}-${last}` };
      const found = await (await place()).match(new Request(bodyUrl(id), { headers }));
      const isAsked = found?.status === (range === undefined ? 200 : 206);
      if (found?.body && isAsked) return exactly(found.body, last - first + 1);
      await found?.body?.cancel();
      return undefined;
    });
  }

  put(key: string, head: NewHead, bodyBytes: number | undefined, nowMs: number): BodySink | undefined {
    if (this.#isPresent !== true || (bodyBytes ?? 0) > bounds.bodyBytesMax || key.length > bounds.keyCharsMax)
      return undefined;
    const { readable, writable } =
      bodyBytes === undefined ? new IdentityTransformStream() : new FixedLengthStream(bodyBytes);
    const headers = lifetime(head.keepUntilMs - nowMs);
    const stored = place()
      .then((cache) => cache.put(bodyUrl(head.id), new Response(readable, { headers })))
      .then(
        () => true,
        () => false,
      );
    const writer = writable.getWriter();
    let length = 0;
    const write = async (bytes: Uint8Array): Promise<boolean> => {
      length += bytes.byteLength;
      if (length > bounds.bodyBytesMax) return false;
      return (await this.#tried(() => writer.write(bytes).then(() => true))) ?? false;
    };
    return {
      write,
      commit: async () => {
        const isWhole = await this.#tried(async () => {
          await writer.close();
          return stored;
        });
        return isWhole === true && (await this.#add(key, { ...head, bodyBytes: length }, nowMs));
      },
      abort: async () => {
        // Whatever the platform makes of it, no head will ever name it.
        await this.#tried(() => writer.abort(new Error("the body broke off")));
      },
    };
  }

  async replace(key: string, head: StoredHead): Promise<void> {
    await this.#change(key, Date.now(), (heads) =>
      heads.some(({ id }) => id === head.id) ? [...heads.filter(({ id }) => id !== head.id), head] : heads,
    );
  }

  async remove(key: string, ids?: readonly string[]): Promise<void> {
    await this.#change(key, Date.now(), (heads) =>
      ids === undefined ? [] : heads.filter(({ id }) => !ids.includes(id)),
    );
  }

  async #add(key: string, head: StoredHead, nowMs: number): Promise<boolean> {
    const isAdded = await this.#change(key, nowMs, (heads) =>
      [...heads.filter(({ id }) => id !== head.id), head].slice(-bounds.variantsMax),
    );
    return isAdded ?? false;
  }

  /** Two changes at once leave one of them: the other's answer is then fetched again. */
  #change(
    key: string,
    nowMs: number,
    change: (heads: readonly StoredHead[]) => readonly StoredHead[],
  ): Promise<boolean | undefined> {
    return this.#tried(async () => {
      const cache = await place();
      const before = await this.#read(cache, key);
      const living = before.filter(({ keepUntilMs }) => keepUntilMs > nowMs);
      const heads = change(living);
      if (heads === living) return true;
      for (const { id } of before) if (!heads.some((head) => head.id === id)) await cache.delete(bodyUrl(id));
      const url = await headsUrl(key);
      if (heads.length === 0) await cache.delete(url);
      else {
        const headers = lifetime(Math.max(...heads.map(({ keepUntilMs }) => keepUntilMs)) - nowMs);
        await cache.put(url, Response.json({ key, heads } satisfies StoredHeads, { headers }));
      }
      return true;
    });
  }

  async #read(cache: Cache, key: string): Promise<readonly StoredHead[]> {
    const found = await cache.match(await headsUrl(key));
    if (found === undefined) return NONE;
    const stored = (await found.json()) as StoredHeads;
    return stored.key === key ? stored.heads : NONE;
  }

  /** @returns undefined where the platform fails or is late */
  async #tried<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isPresent !== true) return undefined;
    try {
      return await within(work(), bounds.pieceWithinMs);
    } catch (cause) {
      console.warn(JSON.stringify({ kind: "cache", error: "store_failed", reason: `platform: ${String(cause)}` }));
      return undefined;
    }
  }
}

/** Breaks off where it is not as long. */
function exactly(body: ReadableStream, bytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  return body.pipeThrough(new FixedLengthStream(bytes)) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

const place = (): Promise<Cache> => caches.open("selvage");

async function keepsWhatItIsGiven(): Promise<boolean> {
  const probe = `${PLACE}/probe/${crypto.randomUUID()}`;
  const cache = await place();
  await cache.put(probe, new Response("here", { headers: lifetime(60_000) }));
  const found = await cache.match(probe);
  await found?.body?.cancel();
  return found !== undefined;
}

const bodyUrl = (id: string): string => `${PLACE}/bodies/${encodeURIComponent(id)}`;

async function headsUrl(key: string): Promise<string> {
  return `${PLACE}/heads/${await sha256Hex(JSON.stringify(key))}`;
}

const lifetime = (ms: number) => ({ "cache-control": `max-age=${Math.max(1, Math.ceil(ms / 1000))}` });
