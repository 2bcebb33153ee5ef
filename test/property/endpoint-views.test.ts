/**
 * Registry, hubs and callers of one service as their steps, between them a network that loses, repeats and reorders: whoever
 * waits is released only when no caller chooses it any more or its time is up, and what all hold is the same in the end.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  changeSince,
  endpointsOf,
  forgetMarks,
  newServiceView,
  setEndpoint,
  takeChange,
  type ViewChange,
} from "../../shared/policy/service-view.ts";
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
      const { up, registry, callers } = world.views();
      expect(registry).toEqual(up);
      for (const view of callers) expect(view).toEqual(registry);
      expect(world.violations).toEqual([]);
    }),
    { numRuns: 400 },
  );
});

const edits = fc.array(
  fc.record({
    instance: fc.constantFrom("a", "b", "c", "__proto__"),
    port: fc.nat({ max: 2 }),
    from: fc.nat({ max: 6 }),
  }),
  { minLength: 1, maxLength: 30 },
);

test("a view that holds a revision holds exactly what was there then, whatever is lost, twice or late on the way", () => {
  fc.assert(
    fc.property(edits, fc.array(fc.nat({ max: 60 }), { maxLength: 60 }), (sequence, arrivals) => {
      const source = newServiceView("e");
      const then = [JSON.stringify(endpointsOf(source))];
      const sent: ViewChange[] = [];
      for (const { instance, port, from } of sequence) {
        const endpoint = port === 0 ? undefined : { instance, host: "h", port, labels: {} };
        if (!setEndpoint(source, instance, endpoint, source.revision + 1)) continue;
        forgetMarks(source, 2);
        then.push(JSON.stringify(endpointsOf(source)));
        sent.push(structuredClone(changeSince(source, { epoch: "e", revision: Math.max(0, source.revision - from) })));
      }
      const view = newServiceView("e");
      for (const at of arrivals) {
        const one = sent[at];
        if (one === undefined) continue;
        const held = view.revision;
        if (takeChange(view, one) === "gap") expect(one.from).toBeGreaterThan(held);
        expect(JSON.stringify(endpointsOf(view))).toBe(then[view.revision]);
      }
      takeChange(view, changeSince(source, view));
      expect(endpointsOf(view)).toEqual(endpointsOf(source));
    }),
    { numRuns: 500 },
  );
});
