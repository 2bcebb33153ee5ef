import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { within } from "./wait.ts";

/**
 * All of a stream.
 * @param mayHold whether so many bytes in all may be held; may throw instead
 * @param withinMs absent: however long it takes
 * @returns undefined when they may not, or not all came in time; the stream is cancelled then
 * @throws what reading it or `mayHold` throws
 */
export async function collectBytes(
  stream: ReadableStream<Uint8Array>,
  mayHold: (bytes: number) => boolean,
  withinMs?: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = stream.getReader();
  let isWhole = false;
  try {
    const collecting = collect(reader, mayHold);
    const collected = await (withinMs === undefined ? collecting : within(collecting, withinMs));
    isWhole = collected !== undefined;
    return collected;
  } finally {
    if (!isWhole) void reader.cancel().catch(() => undefined);
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  mayHold: (bytes: number) => boolean,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return joinBytes(chunks, bytes);
    bytes += value.byteLength;
    if (!mayHold(bytes)) return undefined;
    chunks.push(value);
  }
}
