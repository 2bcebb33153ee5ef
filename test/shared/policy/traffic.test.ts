import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseSubset, hasLabels } from "../../../shared/policy/traffic.ts";

const rules = [
  { headers: { "x-canary": "true" }, split: { v2: 1 } },
  { headers: {}, split: { v1: 90, v2: 10 } },
];

describe("chooseSubset", () => {
  test("the first rule whose headers match decides", () => {
    const canary = (name: string) => (name === "x-canary" ? "true" : undefined);
    for (const random of [0, 0.5, 0.999])
      expect(chooseSubset(rules, canary, random)).toEqual({ subset: "v2", rule: 0 });
    expect(chooseSubset(rules, () => undefined, 0)).toEqual({ subset: "v1", rule: 1 });
  });

  test("weights are shares of the random range", () => {
    const at = (random: number) => chooseSubset(rules, () => undefined, random)?.subset;
    expect([0, 0.899, 0.9, 0.999].map(at)).toEqual(["v1", "v1", "v2", "v2"]);
  });

  test("no rules, or none that matches: no subset", () => {
    expect(chooseSubset([], () => undefined, 0)).toBeUndefined();
    expect(chooseSubset([rules[0] as (typeof rules)[0]], () => "false", 0)).toBeUndefined();
  });

  test("property: a subset of weight 0 is never drawn, another always is", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.nat(100)),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (split, random) => {
          const subset = chooseSubset([{ headers: {}, split }], () => undefined, random)?.subset;
          if (subset === undefined) expect(Object.values(split).every((weight) => weight === 0)).toBe(true);
          else expect(split[subset]).toBeGreaterThan(0);
        },
      ),
    );
  });

  test("labels select endpoints", () => {
    expect(hasLabels({ version: "v1", zone: "a" }, { version: "v1" })).toBe(true);
    expect(hasLabels({ version: "v2" }, { version: "v1" })).toBe(false);
    expect(hasLabels({}, undefined)).toBe(true);
  });
});
