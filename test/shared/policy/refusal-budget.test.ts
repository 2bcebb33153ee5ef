import { expect, test } from "vitest";
import { newRefusalBudget, takeRefusal } from "../../../shared/policy/refusal-budget.ts";

test("so many at once, then so many an hour, and the rest is counted", () => {
  const budget = newRefusalBudget(3, 6);
  const written = [1, 2, 3, 4, 5].map(() => takeRefusal(budget, 0, 1000));
  expect(written).toEqual([0, 0, 0, undefined, undefined]);
  expect(takeRefusal(budget, 0, 1000 + 600_000)).toBe(2);
  expect(takeRefusal(budget, 40, 1000 + 600_001)).toBeUndefined();
  expect(takeRefusal(budget, 1, 1000 + 1_200_001)).toBe(42);
});

test("whoever tries for a day leaves a bounded number of lines, and none is lost from the count", () => {
  const budget = newRefusalBudget(20, 12);
  let [lines, told] = [0, 0];
  for (let second = 0; second < 86_400; second += 5) {
    const others = takeRefusal(budget, 0, second * 1000);
    if (others !== undefined) [lines, told] = [lines + 1, told + others + 1];
  }
  expect(lines).toBeLessThanOrEqual(20 + 24 * 12);
  expect(told + budget.unwritten).toBe(86_400 / 5);
});

test("is plain and goes on after it was stored", () => {
  const budget = newRefusalBudget(1, 1);
  takeRefusal(budget, 0, 5);
  takeRefusal(budget, 0, 6);
  expect(takeRefusal(JSON.parse(JSON.stringify(budget)), 0, 3_600_006)).toBe(1);
});
