/** Answers in the memory of an isolate: small ones that are asked for often. Everything here answers at once. */

import type { ByteRange } from "../../../shared/cache/byte-range.ts";
import { headBytes } from "../../../shared/cache/head-bytes.ts";
import type { NewHead, StoredHead } from "../../../shared/cache/stored-head.ts";
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { limits } from "../../../shared/limits.ts";
import { Sieve } from "../../../shared/policy/sieve.ts";
import type { BodySink, CacheStore } from "./cache-store.ts";

const bounds = limits.cacheStores;

interface Answer {
  readonly key: string;
  readonly id: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bytes: number;
  isUsed: boolean;
}

/** Both lists in the order in which the answers came. */
interface Answers {
  heads: readonly StoredHead[];
  answers: readonly Answer[];
}

const NONE: readonly StoredHead[] = [];

export class MemoryStore implements CacheStore {
  readonly #keys = new Map<string, Answers>();
  readonly #sieve: Sieve<Answer>;

  constructor(bytesMax: number = bounds.memoryBytesMax) {
    this.#sieve = new Sieve(bytesMax);
  }

  /** Of everything that is kept, bookkeeping included. */
  get bytes(): number {
    return this.#sieve.bytes;
  }

  get size(): number {
    return this.#sieve.size;
  }

  find(key: string, nowMs: number): readonly StoredHead[] {
    const found = this.#keys.get(key);
    if (found === undefined) return NONE;
    for (const answer of found.answers) answer.isUsed = true;
    if (found.heads.every((head) => head.keepUntilMs > nowMs)) return found.heads;
    this.remove(
      key,
      found.heads.filter((head) => head.keepUntilMs <= nowMs).map(({ id }) => id),
    );
    return this.#keys.get(key)?.heads ?? NONE;
  }

  open(key: string, { id }: StoredHead, range?: ByteRange): Uint8Array<ArrayBuffer> | undefined {
    const body = this.#keys.get(key)?.answers.find((answer) => answer.id === id)?.body;
    return range === undefined ? body : body?.subarray(range.first, range.last + 1);
  }

  put(key: string, head: NewHead, bodyBytes: number | undefined, _nowMs: number): BodySink | undefined {
    if ((bodyBytes ?? 0) > bounds.memoryBodyBytesMax || key.length > bounds.keyCharsMax) return undefined;
    let pieces: Uint8Array[] = [];
    let length = 0;
    return {
      write: (bytes) => {
        length += bytes.byteLength;
        if (length > bounds.memoryBodyBytesMax) pieces = [];
        else pieces.push(bytes);
        return length <= bounds.memoryBodyBytesMax;
      },
      commit: () => length <= bounds.memoryBodyBytesMax && this.#add(key, head, joinBytes(pieces, length)),
      abort: () => {
        pieces = [];
      },
    };
  }

  replace(key: string, head: StoredHead): void {
    const answer = this.#keys.get(key)?.answers.find(({ id }) => id === head.id);
    if (answer !== undefined) this.#add(key, head, answer.body);
  }

  remove(key: string, ids?: readonly string[]): void {
    const found = this.#keys.get(key);
    if (found === undefined) return;
    for (const answer of found.answers) {
      if (ids !== undefined && !ids.includes(answer.id)) continue;
      this.#sieve.delete(answer);
      this.#forget(answer);
    }
  }

  #add(key: string, head: NewHead, body: Uint8Array<ArrayBuffer>): boolean {
    this.remove(key, [head.id]);
    const oldest = this.#keys.get(key)?.heads[0];
    if (oldest !== undefined && this.#keys.get(key)?.heads.length === bounds.variantsMax) this.remove(key, [oldest.id]);
    const bytes = headBytes(key, head) + body.byteLength;
    const answer: Answer = { key, id: head.id, body, bytes, isUsed: false };
    if (!this.#sieve.add(answer, (evicted) => this.#forget(evicted))) return false;
    const { heads, answers } = this.#keys.get(key) ?? { heads: NONE, answers: [] };
    const whole: StoredHead = { ...head, bodyBytes: body.byteLength };
    this.#keys.set(key, { heads: [...heads, whole], answers: [...answers, answer] });
    return true;
  }

  #forget(gone: Answer): void {
    const found = this.#keys.get(gone.key);
    if (found === undefined) return;
    const at = found.answers.indexOf(gone);
    if (at < 0) return;
    if (found.answers.length === 1) this.#keys.delete(gone.key);
    else {
      const others = (_: unknown, index: number): boolean => index !== at;
      this.#keys.set(gone.key, { heads: found.heads.filter(others), answers: found.answers.filter(others) });
    }
  }
}
