import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { within } from "./wait.ts";

/** A body's beginning, and the reader of all else; absent: that was all of it. */
export interface BodyHead {
  readonly bytes: Uint8Array;
  readonly rest?: ReadableStreamDefaultReader<Uint8Array>;
}

/**
 * Reads a stream until it ends or more than `bytesMax` came.
 * @param mayHold throws where so many bytes in all may not be held
 * @returns undefined when neither came in time; the stream is cancelled then, as where something is thrown
 * @throws what reading it or `mayHold` throws
 */
export async function readHead(
  stream: ReadableStream<Uint8Array>,
  bytesMax: number,
  mayHold: (bytes: number) => void,
  withinMs: number,
): Promise<BodyHead | undefined> {
  const reader = stream.getReader();
  let head: BodyHead | undefined;
  try {
    head = await within(read(reader, bytesMax, mayHold), withinMs);
    return head;
  } finally {
    if (head === undefined) void reader.cancel().catch(() => undefined);
  }
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
  mayHold: (bytes: number) => void,
): Promise<BodyHead> {
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return { bytes: joinBytes(chunks, bytes) };
    bytes += value.byteLength;
    mayHold(bytes);
    chunks.push(value);
    if (bytes > bytesMax) return { bytes: joinBytes(chunks, bytes), rest: reader };
  }
}
