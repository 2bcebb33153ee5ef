import { expect, test } from "vitest";
import { hubOf } from "../../../shared/policy/hub-shards.ts";

const keys = Array.from({ length: 4_000 }, (_, at) => `service-${at % 40}/instance-${at}`);

test.each([1, 2, 4, 16])("%i hubs have about the same number of agents", (count) => {
  const sizes = new Array<number>(count).fill(0);
  for (const key of keys) sizes[hubOf(key, count)] = (sizes[hubOf(key, count)] ?? 0) + 1;
  for (const size of sizes) expect(Math.abs(size - keys.length / count)).toBeLessThan(0.25 * (keys.length / count));
});

test("one more hub takes its own share from the others, and nobody else moves", () => {
  const moved = keys.filter((key) => hubOf(key, 5) !== hubOf(key, 4));
  expect(moved.every((key) => hubOf(key, 5) === 4)).toBe(true);
  expect(moved.length).toBeLessThan(keys.length / 4);
});
