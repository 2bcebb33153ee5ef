import { expect, test } from "vitest";
import { grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import {
  frameFault,
  isBetweenFrames,
  newFrames,
  parseTrailersFrame,
  stepFrames,
} from "../../../shared/http/grpc-frames.ts";

const message = (length: number, flags = 0): number[] => [
  flags,
  0,
  0,
  length >> 8,
  length & 255,
  ...Array<number>(length).fill(9),
];

test.each([1, 2, 3, 7, 1000])("messages are followed in pieces of %i octets", (size) => {
  const octets = Uint8Array.from([...message(0), ...message(3), ...message(300, 1)]);
  const state = newFrames();
  for (let at = 0; at < octets.length; at += size) {
    const piece = octets.subarray(at, at + size);
    expect(stepFrames(state, piece)).toBe(piece.length);
  }
  expect(isBetweenFrames(state)).toBe(true);
});

test("what is begun is not over", () => {
  for (const length of [1, 4, 5, 7]) {
    const state = newFrames();
    stepFrames(state, Uint8Array.from(message(3)).subarray(0, length));
    expect(isBetweenFrames(state)).toBe(false);
  }
});

test("it stops where a frame begins that is no message, and says what it is", () => {
  for (const flags of [2, 0x80, 0x81, 0xff]) {
    expect(stepFrames(newFrames(), Uint8Array.from([...message(2), flags, 0]))).toBe(7);
    expect(frameFault(flags)).toMatch(/^a frame /);
  }
});

test("a length of 4 GiB is no negative one", () => {
  const state = newFrames();
  stepFrames(state, Uint8Array.from([0, 255, 255, 255, 255]));
  expect(state.leftBytes).toBe(2 ** 32 - 1);
});

test("trailers are read as they stand", () => {
  const text = "grpc-status: 0\r\nx-a:1\r\nx-a:  2 \r\nempty:\r\n";
  const frame = Uint8Array.from([0x80, 0, 0, 0, text.length, ...new TextEncoder().encode(text)]);
  expect([...(parseTrailersFrame(frame) ?? [])]).toEqual([
    ["grpc-status", "0"],
    ["x-a", "1"],
    ["x-a", "2"],
    ["empty", ""],
  ]);
  expect(parseTrailersFrame(frame.subarray(0, 20))).toBeUndefined();
});

test.each([
  ["spaces within a value", `x${" ".repeat(100_000)}y`, true],
  ["spaces before a value", `${" ".repeat(100_000)}y`, true],
  ["a tab within a value", `x${" ".repeat(100_000)}\ty`, true],
  ["spaces before what no value has", `${" ".repeat(100_000)}\x01`, false],
])("trailers take time by their length: %s", (_, value, isGood) => {
  const fields = parseTrailersFrame(grpcWebTrailers([["a", value]]));
  expect(fields?.get("a")).toBe(isGood ? value.trim() : undefined);
});

test.each(["no colon", ": 1", "A: 1", "a b: 1", "a: \x7f", "a: 1\nb: 2"])("a line that is no field: %j", (line) => {
  const frame = Uint8Array.from([0x80, 0, 0, 0, line.length, ...new TextEncoder().encode(line)]);
  expect(parseTrailersFrame(frame)).toBeUndefined();
});
