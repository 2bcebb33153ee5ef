import { joinBytes } from "../../../shared/http/join-bytes.ts";

/**
 * All of a stream.
 * @param mayHold whether so many bytes in all may be held; may throw instead
 * @returns undefined when they may not; the stream is cancelled then
 * @throws what reading it or `mayHold` throws
 */
export async function collectBytes(
  stream: ReadableStream<Uint8Array>,
  mayHold: (bytes: number) => boolean,
): Promise<Uint8Array | undefined> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let isWhole = false;
  try {
    for (let bytes = 0; ; ) {
      const { done, value } = await reader.read();
      isWhole = done;
      if (done) return joinBytes(chunks, bytes);
      bytes += value.byteLength;
      if (!mayHold(bytes)) return undefined;
      chunks.push(value);
    }
  } finally {
    if (!isWhole) void reader.cancel().catch(() => undefined);
  }
}
