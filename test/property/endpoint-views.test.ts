/**
 * Registry, hubs and callers of one service as their steps, between them a network that loses, repeats and reorders: whoever
 * waits is released only when no caller chooses it any more or its time is up, and what all hold is the same in the end.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Endpoints } from "../support/endpoints-world.ts";

const steps = fc.array(fc.record({ what: fc.nat({ max: 15 }), who: fc.nat({ max: 5 }), fate: fc.nat({ max: 9 }) }), {
  minLength: 20,
  maxLength: 200,
});

test("views converge, and nobody who leaves is chosen behind its release", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const world = new Endpoints();
      for (const one of sequence) world.step(one);
      world.heal();
      const { registry, callers } = world.views();
      for (const view of callers) expect(view).toEqual(registry);
      expect(world.violations).toEqual([]);
    }),
    { numRuns: 400 },
  );
});
