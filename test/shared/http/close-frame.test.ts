import { describe, expect, test } from "vitest";
import { newCloseReading, readForClose } from "../../../shared/http/close-frame.ts";

/** A frame as RFC 6455 section 5.2 has it. */
function frame(opcode: number, payload: Uint8Array, mask?: readonly number[]): Buffer {
  const { length } = payload;
  const extended =
    length > 65_535
      ? [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255]
      : length > 125
        ? [126, length >> 8, length & 255]
        : [length];
  const [short = 0, ...rest] = extended;
  const head = [0x80 | opcode, (mask === undefined ? 0 : 0x80) | short, ...rest, ...(mask ?? [])];
  return Buffer.concat([Buffer.from(head), payload.map((byte, at) => byte ^ (mask?.[at % 4] ?? 0))]);
}

const code = (status: number, reason = ""): Buffer =>
  Buffer.concat([Buffer.from([status >> 8, status & 255]), Buffer.from(reason)]);

const MASK = [0x11, 0x92, 0xf3, 0x04];
const messages = [0, 1, 125, 126, 65_535, 65_536].map((length) => Buffer.alloc(length, 0x88));

/** What is read when the bytes come in pieces of so many. */
function read(bytes: Buffer, size: number): number | undefined {
  const reading = newCloseReading();
  for (let at = 0; at < bytes.length; at += size) readForClose(reading, bytes.subarray(at, at + size));
  return reading.code;
}

describe.each([
  ["of a server", undefined],
  ["of a client", MASK],
])("the Close frame %s", (_whose, mask) => {
  const before = Buffer.concat([...messages.map((one) => frame(2, one, mask)), frame(9, Buffer.from("ping"), mask)]);

  test.each([1, 2, 3, 7, 1_000, 1_000_000])("is found behind messages of all sizes, in pieces of %i", (size) => {
    const bytes = Buffer.concat([before, frame(8, code(4_321, "a reason"), mask)]);
    expect(read(bytes, size)).toBe(4_321);
    expect(read(before, size)).toBeUndefined();
  });

  test("without a status is 1005", () => {
    expect(read(frame(8, Buffer.alloc(0), mask), 1)).toBe(1005);
    expect(read(frame(8, Buffer.from([3]), mask), 1)).toBe(1005);
  });

  test("counts once: what follows is not read", () => {
    const bytes = Buffer.concat([frame(8, code(1000), mask), frame(8, code(1011), mask)]);
    expect(read(bytes, 1)).toBe(1000);
  });
});

test("what is no WebSocket is read without harm", () => {
  const reading = newCloseReading();
  for (let byte = 0; byte < 256; byte++) readForClose(reading, Buffer.alloc(300, byte));
  expect(reading.pending.length).toBeLessThan(20);
  const oversized = newCloseReading();
  readForClose(oversized, Buffer.from([0x88, 0xff, ...Array<number>(20).fill(255)]));
  expect(oversized).toMatchObject({ isOver: true, code: undefined });
});
