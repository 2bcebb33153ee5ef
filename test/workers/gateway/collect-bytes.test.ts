import { expect, test } from "vitest";
import { collectBytes } from "../../../workers/gateway/upstream/collect-bytes.ts";

/** Gives one piece, and no end. */
function endless(): { stream: ReadableStream<Uint8Array>; cancelled: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Uint8Array.of(1, 2, 3)),
    cancel: () => resolve(),
  });
  return { stream, cancelled: promise };
}

test("pieces are put together", async () => {
  const { body } = new Response("some text");
  expect(new TextDecoder().decode(await collectBytes(body as ReadableStream, () => true, 1_000))).toBe("some text");
});

test.each<[string, mayHold: (bytes: number) => boolean, withinMs?: number]>([
  ["has more than may be held", (bytes) => bytes < 3],
  ["does not end in time", () => true, 1],
])("a stream that %s is cancelled", async (_, mayHold, withinMs) => {
  const { stream, cancelled } = endless();
  expect(await collectBytes(stream, mayHold, withinMs)).toBeUndefined();
  await cancelled;
});

test("so is one whose reader is refused", async () => {
  const { stream, cancelled } = endless();
  const refuse = (): boolean => {
    throw new Error("no room");
  };
  await expect(collectBytes(stream, refuse)).rejects.toThrow("no room");
  await cancelled;
});
