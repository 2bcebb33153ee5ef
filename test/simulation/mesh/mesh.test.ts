/** Thousands of seeds. `SEED=123 npx vitest run --project pure test/simulation/mesh/mesh.test.ts` replays one, with what happened in it. */
import { expect, test } from "vitest";
import { runMesh } from "./run-mesh.ts";
import { runSeeds, tellOf } from "./run-seeds.ts";

const SEEDS = 500;
const replayed = process.env.SEED;

test.runIf(replayed !== undefined)("one seed", () => {
  const outcome = runMesh({ seed: Number(replayed), traced: true });
  console.log(tellOf(outcome));
  expect(outcome.broken).toBeUndefined();
});

test.runIf(replayed === undefined).each([0, 500, 1_000, 1_500])(
  `${SEEDS} seeds from %i on: no rule is broken`,
  (from) => {
    const { broken } = runSeeds({ from, to: from + SEEDS });
    expect(broken === undefined ? "" : tellOf(broken)).toBe("");
  },
);

test("a seed is the same world each time", () => {
  const [first, second] = [1, 2].map(() => runMesh({ seed: 7, traced: true }));
  expect(first?.lastEvents.length).toBeGreaterThan(50);
  expect(second).toEqual(first);
});
