import { expect, test } from "vitest";
import { coveredMs, serverTiming } from "../../../shared/http/server-timing.ts";

test("names are tokens, those of one name are added up, fractions end at a microsecond", () => {
  const timings = [
    { name: "total", ms: 12 },
    { name: "limit rate", ms: 1.5 },
    { name: "a,b;c", ms: 1 / 3 },
    { name: "limit rate", ms: 2 },
  ];
  expect(serverTiming(timings)).toBe("total;dur=12, limit-rate;dur=3.5, a-b-c;dur=0.333");
});

test.each([
  [[], 0],
  [[[0, 5]], 5],
  [
    [
      [4, 9],
      [0, 5],
    ],
    9,
  ],
  [
    [
      [0, 9],
      [2, 3],
      [12, 13],
    ],
    10,
  ],
])("of %j are covered %i", (spans, ms) => {
  expect(coveredMs(spans.map(([startMs = 0, endMs = 0]) => ({ startMs, endMs })))).toBe(ms);
});
