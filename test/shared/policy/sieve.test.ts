import fc from "fast-check";
import { expect, test } from "vitest";
import { Sieve } from "../../../shared/policy/sieve.ts";

interface Entry {
  readonly name: string;
  readonly bytes: number;
  isUsed: boolean;
}
const entry = (name: string, bytes = 1): Entry => ({ name, bytes, isUsed: false });

function sieveOf(bytesMax: number) {
  const sieve = new Sieve<Entry>(bytesMax);
  const evicted: string[] = [];
  const add = (one: Entry): boolean => sieve.add(one, ({ name }) => evicted.push(name));
  return { sieve, evicted, add };
}

test("the oldest goes first; what was used is spared once; the hand goes on from where it was", () => {
  const { evicted, add } = sieveOf(3);
  const [a, b, c] = [entry("a"), entry("b"), entry("c")];
  for (const one of [a, b, c]) add(one);
  a.isUsed = true;
  add(entry("d"));
  expect(evicted).toEqual(["b"]);
  expect(a.isUsed).toBe(false);
  add(entry("e"));
  expect(evicted).toEqual(["b", "c"]);
  add(entry("f"));
  add(entry("g"));
  expect(evicted).toEqual(["b", "c", "d", "e"]);
  expect(a.isUsed).toBe(false);
});

test("a flood of what nobody asks for twice does not push out what is used", () => {
  const { sieve, evicted, add } = sieveOf(10);
  const hot = [entry("hot 1"), entry("hot 2")];
  for (const one of hot) add(one);
  for (let at = 0; at < 1_000; at++) {
    for (const one of hot) one.isUsed = true;
    add(entry(`cold ${at}`));
  }
  expect(evicted.filter((name) => name.startsWith("hot"))).toEqual([]);
  expect([sieve.size, sieve.bytes]).toEqual([10, 10]);
});

test("a large one takes as much room as it needs, and one that is larger than all takes none", () => {
  const { sieve, evicted, add } = sieveOf(10);
  for (const name of ["a", "b", "c"]) add(entry(name, 3));
  expect(add(entry("large", 7))).toBe(true);
  expect(evicted).toEqual(["a", "b"]);
  expect(add(entry("too large", 11))).toBe(false);
  expect(sieve.bytes).toBe(10);
});

test("bytes are those of what is in it, and never above the bound", () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 12 }), use: fc.nat(20), remove: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const sieve = new Sieve<Entry>(30);
      const inside = new Set<Entry>();
      steps.forEach(({ bytes, use, remove }, at) => {
        const one = entry(String(at), bytes);
        if (sieve.add(one, (gone) => inside.delete(gone))) inside.add(one);
        const used = [...inside][use];
        if (used !== undefined) used.isUsed = true;
        const removed = remove === null ? undefined : [...inside][remove];
        if (removed !== undefined) {
          sieve.delete(removed);
          sieve.delete(removed);
          inside.delete(removed);
        }
        expect(sieve.bytes).toBe([...inside].reduce((sum, each) => sum + each.bytes, 0));
        expect(sieve.bytes).toBeLessThanOrEqual(30);
        expect(sieve.size).toBe(inside.size);
      });
    }),
  );
});
