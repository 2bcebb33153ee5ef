import { describe, expect, test } from "vitest";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";

describe("a bounded memory", () => {
  test("forgets its oldest entries by number", () => {
    const memory = new BoundedMap<number>(2);
    for (const [at, key] of ["a", "b", "c"].entries()) memory.set(key, at);
    expect([memory.get("a"), memory.get("b"), memory.get("c")]).toEqual([undefined, 1, 2]);
    memory.set("b", 3);
    memory.set("d", 4);
    expect([memory.get("b"), memory.get("c"), memory.get("d")]).toEqual([3, undefined, 4]);
  });

  test("forgets by the length of keys, and what was deleted counts no more", () => {
    const memory = new BoundedMap<number>(100, 10);
    memory.set("aaaa", 1);
    memory.set("bbbb", 2);
    memory.delete("aaaa");
    memory.set("cccccc", 3);
    expect(memory.size).toBe(2);
    memory.set("d", 4);
    expect(memory.get("bbbb")).toBeUndefined();
    memory.set("x".repeat(11), 5);
    expect(memory.size).toBe(0);
  });

  test("counts what values hold, where that is told", () => {
    const memory = new BoundedMap<string>(100, 10);
    memory.set("a", "", 5);
    memory.set("a", "", 8);
    expect(memory.get("a")).toBe("");
    memory.set("b", "", 1);
    expect([memory.get("a"), memory.size]).toEqual([undefined, 1]);
    memory.delete("b");
    memory.set("c", "", 9);
    expect(memory.size).toBe(1);
  });
});
