import { expect, test } from "vitest";
import { parseRetryAfterMs } from "../../../shared/http/retry-after.ts";

const NOW = Date.UTC(2026, 0, 1);

test.each([
  ["120", 120_000],
  ["0", 0],
  ["Thu, 01 Jan 2026 00:00:05 GMT", 5_000],
  ["Wed, 31 Dec 2025 00:00:05 GMT", 0],
  ["-1", 0],
  ["1.5", 0],
  ["soon", 0],
  [undefined, 0],
])("%s", (text, ms) => {
  expect(parseRetryAfterMs(text, NOW)).toBe(ms);
});
