/** Answers in Durable Objects: the store of workerd on one's own machine, and the one that all isolates everywhere share. */

import type { ByteRange } from "../../../shared/cache/byte-range.ts";
import { shardOfKey } from "../../../shared/cache/shard-of.ts";
import type { NewHead, StoredHead } from "../../../shared/cache/stored-head.ts";
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import type { BodyPiece } from "../objects/cache-shard.ts";
import { within } from "../upstream/wait.ts";
import type { BodySink, CacheStore, StoredBody } from "./cache-store.ts";

const bounds = limits.cacheStores;
const NOTHING = new Uint8Array();

type Shard = ReturnType<typeof shardStub>;

export class ObjectStore implements CacheStore {
  readonly #env: Pick<Env, "CACHE">;
  /** Shard to when it may be asked again after a failure: the origin is not kept waiting for each request. */
  readonly #restsUntilMs = new Map<number, number>();

  constructor(env: Pick<Env, "CACHE">) {
    this.#env = env;
  }

  async find(key: string, nowMs: number): Promise<readonly StoredHead[]> {
    const name = nameOf(key);
    const heads = await this.#ask<string[]>(key, (shard) => shard.find(name), bounds.findWithinMs);
    return (heads ?? []).map((text) => JSON.parse(text) as StoredHead).filter(({ keepUntilMs }) => keepUntilMs > nowMs);
  }

  async open(key: string, { id, bodyBytes }: StoredHead, range?: ByteRange): Promise<StoredBody | undefined> {
    const { first, last } = range ?? { first: 0, last: bodyBytes - 1 };
    if (last < first) return NOTHING;
    const read = async (at: number, ms: number): Promise<Uint8Array<ArrayBuffer> | undefined> => {
      const piece = await this.#ask<BodyPiece | undefined>(key, (shard) => shard.read(id, at), ms);
      const bytes =
        piece === undefined ? NOTHING : new Uint8Array(piece.bytes).subarray(at - piece.first, last + 1 - piece.first);
      return bytes.byteLength === 0 ? undefined : bytes;
    };
    const begin = await read(first, bounds.findWithinMs);
    if (begin === undefined || begin.byteLength === last + 1 - first) return begin;
    return streamOf(begin, first, last, (at) => read(at, bounds.pieceWithinMs));
  }

  put(key: string, head: NewHead, bodyBytes: number | undefined, nowMs: number): BodySink | undefined {
    if ((bodyBytes ?? 0) > bounds.bodyBytesMax || key.length > bounds.keyCharsMax) return undefined;
    if (this.#rests(shardOfKey(key, bounds.shards), nowMs)) return undefined;
    return new ObjectSink(nameOf(key), head, (tell) => this.#ask(key, tell, bounds.pieceWithinMs));
  }

  async replace(key: string, head: StoredHead): Promise<void> {
    await this.#ask(key, (shard) => shard.replace(nameOf(key), head), bounds.pieceWithinMs);
  }

  async remove(key: string, ids?: readonly string[]): Promise<void> {
    await this.#ask(key, (shard) => shard.remove(nameOf(key), ids), bounds.pieceWithinMs);
  }

  /** @returns undefined also where the shard fails or is late */
  async #ask<T>(key: string, call: (shard: Shard) => unknown, ms: number): Promise<T | undefined> {
    const at = shardOfKey(key, bounds.shards);
    if (this.#rests(at, Date.now())) return undefined;
    try {
      const answer = await within(
        (call(shardStub(this.#env, at)) as Promise<T>).then((value) => ({ value })),
        ms,
      );
      if (answer !== undefined) return answer.value;
      throw new Error(`no answer within ${ms} ms`);
    } catch (cause) {
      this.#restsUntilMs.set(at, Date.now() + bounds.shardRestMs);
      console.warn(JSON.stringify({ kind: "cache", error: "store_failed", reason: `shard ${at}: ${String(cause)}` }));
      return undefined;
    }
  }

  #rests(shard: number, nowMs: number): boolean {
    return (this.#restsUntilMs.get(shard) ?? 0) > nowMs;
  }
}

export function shardStub(env: Pick<Env, "CACHE">, shard: number) {
  return env.CACHE.getByName(`cache-${shard}`);
}

/** A key as text that any storage keeps as it is: escapes what is no character by itself. */
const nameOf = (key: string): string => JSON.stringify(key);

type Tell = <T>(call: (shard: Shard) => unknown) => Promise<T | undefined>;

/** Gathers bytes to pieces of a row. A body of less than one goes in one call. */
class ObjectSink implements BodySink {
  readonly #name: string;
  readonly #head: NewHead;
  readonly #tell: Tell;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #sentBytes = 0;

  constructor(name: string, head: NewHead, tell: Tell) {
    this.#name = name;
    this.#head = head;
    this.#tell = tell;
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    let rest = bytes;
    while (this.#gatheredBytes + rest.byteLength > bounds.pieceBytesMax) {
      const fitting = bounds.pieceBytesMax - this.#gatheredBytes;
      this.#gather(rest.subarray(0, fitting));
      rest = rest.subarray(fitting);
      if (!(await this.#send())) return false;
    }
    this.#gather(rest);
    return this.#sentBytes + this.#gatheredBytes <= bounds.bodyBytesMax;
  }

  async commit(): Promise<boolean> {
    const head: StoredHead = { ...this.#head, bodyBytes: this.#sentBytes + this.#gatheredBytes };
    const rest = this.#take();
    return (await this.#tell<boolean>((shard) => shard.commit(this.#name, head, rest))) ?? false;
  }

  async abort(): Promise<void> {
    this.#take();
    if (this.#sentBytes > 0) await this.#tell((shard) => shard.abort(this.#head.id));
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.byteLength;
  }

  #take(): Uint8Array {
    const piece = joinBytes(this.#gathered, this.#gatheredBytes);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    return piece;
  }

  async #send(): Promise<boolean> {
    const first = this.#sentBytes;
    const piece = this.#take();
    this.#sentBytes += piece.byteLength;
    return (await this.#tell<boolean>((shard) => shard.append(this.#head.id, first, piece))) ?? false;
  }
}

/** Reads a piece when the one before is taken. */
function streamOf(
  begin: Uint8Array<ArrayBuffer>,
  first: number,
  last: number,
  read: (at: number) => Promise<Uint8Array<ArrayBuffer> | undefined>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = first;
  let next: Uint8Array<ArrayBuffer> | undefined = begin;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const piece = next ?? (await read(at));
        next = undefined;
        if (piece === undefined) throw new Error(`the stored body ended at byte ${at} of ${last + 1}`);
        at += piece.byteLength;
        controller.enqueue(piece);
        if (at > last) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}
