/** What every place for stored answers can do. What may be stored, found and served is decided elsewhere (`shared/cache`). */
import type { ByteRange } from "../../../shared/cache/byte-range.ts";
import type { NewHead, StoredHead } from "../../../shared/cache/stored-head.ts";

/** A value now where it is at hand, so that a hit from memory costs no turn of the event loop. */
export type Soon<T> = T | Promise<T>;

/** Bytes at hand, or a stream of exactly as many bytes as were asked for; one that lacks some breaks off with an error. */
export type StoredBody = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;

/** Takes one body. What is not committed was never there. */
export interface BodySink {
  /**
   * The next bytes, which the sink may keep: the caller changes them no more.
   * @returns false: the store will not keep this body, and wants nothing more of it. The promise is its pace, and has an end
   */
  write(bytes: Uint8Array): Soon<boolean>;
  /** The body is whole. @returns whether the answer is found from now on */
  commit(): Soon<boolean>;
  /** What still goes on after `commit` has said how it ended. */
  settled?(): Promise<unknown>;
  /** The body broke off, or was not what it said: nothing of it stays. */
  abort(): Soon<void>;
}

/** No method throws for a store that fails: it is then as one that has nothing and takes nothing. */
export interface CacheStore {
  /** Heads under a key that are of use yet, in no order: `limits.cacheStores.variantsMax` at most. */
  find(key: string, nowMs: number): Soon<readonly StoredHead[]>;
  /** @returns undefined: it is gone, although a head was found a moment ago */
  open(key: string, head: StoredHead, range?: ByteRange): Soon<StoredBody | undefined>;
  /**
   * Another answer of a key. Its `id` is new, or of the same answer in another store.
   * @param bodyBytes as far as it is known before
   * @returns undefined: the store does not take it
   */
  put(key: string, head: NewHead, bodyBytes: number | undefined, nowMs: number): BodySink | undefined;
  /** Another head for a body that is stored already (RFC 9111 section 4.3.4); without the body nothing happens. */
  replace(key: string, head: StoredHead): Soon<void>;
  /** @param ids absent: all answers of the key */
  remove(key: string, ids?: readonly string[]): Soon<void>;
}
