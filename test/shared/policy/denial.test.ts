import { expect, test } from "vitest";
import { refuseWorkload, serialText } from "../../../shared/policy/denial.ts";

test.each([
  [{ services: ["orders"] }, true],
  [{ services: ["order"] }, false],
  [{ instances: ["orders/o-1"] }, true],
  [{ instances: ["orders/o-2", "users/o-1"] }, false],
  [{ keys: ["k1"] }, true],
  [{ keys: ["k2"] }, false],
  [{}, false],
])("%j", (change, isRefused) => {
  const denied = { services: [], serials: [], instances: [], keys: [], ...change };
  const reason = refuseWorkload(denied, { service: "orders", instance: "o-1", key: "k1" });
  expect(reason !== undefined).toBe(isRefused);
});

test("a token without a key is not taken for one of a denied key", () => {
  const denied = { services: [], serials: [], instances: [], keys: [""] };
  expect(refuseWorkload(denied, { service: "orders", instance: "o-1" })).toBeUndefined();
});

test("serial numbers are compared however they are written", () => {
  for (const text of ["0A:bc", "abc", "00ABC"]) expect(serialText(text)).toBe("abc");
  expect(serialText("00")).toBe("0");
});
