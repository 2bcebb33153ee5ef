/** Heads, bodies and stores for tests of what keeps answers. */
import { env as testEnv } from "cloudflare:workers";
import type { NewHead, StoredHead } from "../../../../shared/cache/stored-head.ts";
import type { BodySink, CacheStore, StoredBody } from "../../../../workers/gateway/cache/cache-store.ts";
import type { Env } from "../../../../workers/gateway/env.ts";

export const env = testEnv as unknown as Env;

export const KiB = 1024;
export const MiB = 1024 * KiB;

let unique = 0;
/** A key of its own for each test. */
export const newKey = (): string => `key ${unique++}`;

/** @param more what is not as usual; `purge` 1 is older than any log */
export function newHead(more: Partial<NewHead> = {}): NewHead {
  const nowMs = Date.now();
  return {
    id: crypto.randomUUID(),
    method: "GET",
    status: 200,
    fields: [["content-type", "text/plain"]],
    requestedAtMs: nowMs,
    receivedAtMs: nowMs,
    selectedBy: {},
    tags: [],
    host: "api.example",
    target: "/",
    purge: 1,
    keepUntilMs: nowMs + 3_600_000,
    bornAtMs: nowMs,
    freshUntilMs: nowMs,
    stale: { whileRevalidateUntilMs: 0, ifErrorUntilMs: 0, ifUnreachableUntilMs: 0, byClient: false },
    dateMs: nowMs,
    ...more,
  };
}

/** Bytes that differ from place to place. */
export function content(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

/** A stream of these pieces, and an error after them where one is given. */
export function streamOf(pieces: readonly Uint8Array[], error?: Error): ReadableStream<Uint8Array> {
  const rest = [...pieces];
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = rest.shift();
        if (next !== undefined) controller.enqueue(next);
        else if (error === undefined) controller.close();
        else controller.error(error);
      },
    },
    { highWaterMark: 0 },
  );
}

export async function bytesOf(body: StoredBody | ReadableStream | undefined): Promise<Uint8Array | undefined> {
  return body === undefined ? undefined : new Uint8Array(await new Response(body).arrayBuffer());
}

/** Whether all of it was taken and committed. */
export async function writeAll(sink: BodySink | undefined, bytes: Uint8Array, pieceBytes = 64 * KiB): Promise<boolean> {
  if (sink === undefined) return false;
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    if (!(await sink.write(bytes.slice(at, at + pieceBytes)))) {
      await sink.abort();
      return false;
    }
  return await sink.commit();
}

/** Stores an answer. @returns its head as it is found */
export async function keep(
  store: CacheStore,
  key: string,
  bytes: Uint8Array,
  more: Partial<NewHead> = {},
): Promise<StoredHead> {
  const head = newHead(more);
  if (!(await writeAll(store.put(key, head, bytes.byteLength, Date.now()), bytes))) throw new Error("was not stored");
  return { ...head, bodyBytes: bytes.byteLength };
}
