import { expect, test } from "vitest";
import { certificateAge } from "../../../shared/policy/certificate-age.ts";

test.each([
  [0, "fresh"],
  [299, "fresh"],
  [300, "due"],
  [649, "due"],
  [650, "late"],
  [999, "late"],
  [1000, "ended"],
  [2000, "ended"],
])("after %d of 1000, renewed at 30 %%: %s", (nowMs, age) => {
  expect(certificateAge(1000, 1000, 0.3, nowMs)).toBe(age);
});

test("one that was made longer than its life says is fresh", () => {
  expect(certificateAge(5000, 1000, 0.3, 0)).toBe("fresh");
});
