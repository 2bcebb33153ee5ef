import * as fc from "fast-check";
import { expect, test } from "vitest";
import { grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import {
  type GrpcWebFrame,
  grpcWebMessage,
  newFrameReading,
  readFrames,
} from "../../../shared/http/grpc-web-frames.ts";

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

test("messages and trailers are read, wherever the pieces begin and end", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (all, sizes) => {
      const whole = joined([
        ...all.map(grpcWebMessage),
        grpcWebTrailers([
          ["grpc-status", "0"],
          ["a", "b"],
          ["a", "c"],
        ]),
      ]);
      const reading = newFrameReading();
      const frames: GrpcWebFrame[] = [];
      for (let at = 0, turn = 0; at < whole.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        const found = readFrames(reading, whole.subarray(at, at + size), 1_000);
        if (typeof found === "string") throw new Error(found);
        frames.push(...found);
        at += size;
      }
      const end = frames.pop();
      expect(frames.map((one) => one.kind === "message" && [...one.bytes])).toEqual(all.map((one) => [...one]));
      expect(end?.kind === "trailers" && [...end.fields]).toEqual([
        ["grpc-status", "0"],
        ["a", "b"],
        ["a", "c"],
      ]);
      expect(reading.bytes).toBe(0);
    }),
  );
});

test.each([
  [[0, 0, 0, 4, 0], "at most 1000"],
  [[0x80, 0, 1, 0, 1], "at most 65536"],
  [[2, 0, 0, 0, 0], "the flags 0x02"],
  [[0x81, 0, 0, 0, 0], "compressed"],
  [[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0], "after the trailers"],
])("%j is refused", (bytes, why) => {
  expect(readFrames(newFrameReading(), new Uint8Array(bytes), 1_000)).toContain(why);
});
