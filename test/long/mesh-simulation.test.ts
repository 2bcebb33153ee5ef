/** Many more seeds than the usual run has: `SEEDS=100000 npm run test:long -- mesh-simulation`. */
import { expect, test } from "vitest";
import { runSeeds, tellOf } from "../simulation/mesh/run-seeds.ts";

const FROM = 1_000_000;
const seeds = Number(process.env.SEEDS ?? 20_000);

test(`${seeds} seeds: no rule is broken, and everything converges`, () => {
  const { broken } = runSeeds({ from: FROM, to: FROM + seeds });
  expect(broken === undefined ? "" : tellOf(broken)).toBe("");
});
