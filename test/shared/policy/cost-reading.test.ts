import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endReading, giveUpReading, heldOf, newCostReading, readCost } from "../../../shared/policy/cost-reading.ts";

const POINTER = "/usage/total_tokens";
const STREAM = "text/event-stream; charset=utf-8";
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What is found in a body that comes in such pieces. */
function found(type: string, pieces: readonly Uint8Array[], bytesMax = 1000, pointer = POINTER): unknown {
  const reading = newCostReading(type, [pointer], bytesMax);
  if (reading === undefined) return "not read";
  for (const piece of pieces) readCost(reading, piece);
  return endReading(reading).get(pointer);
}

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const usage = (tokens: number): unknown => ({ usage: { total_tokens: tokens } });

test.each<[string, string, string, unknown]>([
  ["JSON", "application/json", JSON.stringify(usage(4)), 4],
  ["JSON by another name", "application/vnd.acme+json; charset=utf-8", JSON.stringify(usage(4)), 4],
  ["a text", "text/plain", JSON.stringify(usage(4)), "not read"],
  ["no JSON after all", "application/json", "{", undefined],
  ["JSON without it", "application/json", "{}", undefined],
  ["the only event", STREAM, event(usage(4)), 4],
  ["the last event that tells", STREAM, event(usage(4)) + event(usage(9)) + event({ text: "x" }), 9],
  ["an event that tells null, as all but the last of some streams", STREAM, event({ usage: null }), undefined],
  ["an event that ends the stream without being JSON", STREAM, `${event(usage(4))}data: [DONE]\n\n`, 4],
  ["data over several lines", STREAM, 'data: {"usage":\ndata: {"total_tokens":4}}\n\n', 4],
  ["other fields and comments", STREAM, `: hello\nevent: done\nid: 1\n${event(usage(4))}`, 4],
  ["no space after the colon", STREAM, `data:${JSON.stringify(usage(4))}\n\n`, 4],
  ["an event that never ends", STREAM, `data: ${JSON.stringify(usage(4))}\n`, undefined],
  ["an event that is too long", STREAM, event({ ...(usage(4) as object), text: "y".repeat(2000) }), undefined],
  ["one after it", STREAM, event({ text: "y".repeat(2000) }) + event(usage(5)), 5],
])("%s", (_, type, body, expected) => {
  expect(found(type, [bytesOf(body)])).toBe(expected);
});

describe("however a body is cut into pieces", () => {
  const line = fc.constantFrom(
    "data: 1",
    `data: ${JSON.stringify(usage(3))}`,
    `data: ${JSON.stringify(usage(8))}`,
    ": ü€😀",
    "",
    "",
  );
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n")), { maxLength: 12 })
    .map((lines) => bytesOf(lines.flat().join("")));
  test("the same is found", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 20 }), (body, cuts) => {
        const at = [...new Set([0, ...cuts.map((cut) => Math.min(cut, body.length)), body.length])].sort(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, index) => body.subarray(at[index], end));
        expect(found(STREAM, pieces)).toBe(found(STREAM, [body]));
      }),
    );
  });
});

test("what is held stays within the bound, whatever comes", () => {
  const piece = fc.string({ maxLength: 300 }).map(bytesOf);
  fc.assert(
    fc.property(fc.constantFrom("application/json", STREAM), fc.array(piece), (type, pieces) => {
      const reading = newCostReading(type, [POINTER], 500);
      if (reading === undefined) throw new Error("not read");
      for (const one of pieces) {
        readCost(reading, one);
        expect(heldOf(reading)).toBeLessThanOrEqual(500);
      }
    }),
  );
});

test("a reading that was given up finds nothing in JSON, and the next event of a stream", () => {
  for (const [type, expected] of [
    ["application/json", undefined],
    [STREAM, 6],
  ] as const) {
    const reading = newCostReading(type, [POINTER], 500);
    if (reading === undefined) throw new Error("not read");
    readCost(reading, bytesOf(type === STREAM ? event(usage(4)).slice(0, -2) : JSON.stringify(usage(4))));
    giveUpReading(reading);
    readCost(reading, bytesOf(type === STREAM ? `\n\n${event(usage(6))}` : " "));
    expect(endReading(reading).get(POINTER)).toBe(expected);
  }
});
