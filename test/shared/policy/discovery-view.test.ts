import { expect, test } from "vitest";
import { heldRevisions, inUse, keepKnown, newDiscovery, stepDiscovery } from "../../../shared/policy/discovery-view.ts";
import type { ChangePush } from "../../../shared/policy/hub-state.ts";

const a = { instance: "a", host: "10.0.0.1", port: 80, labels: {} };
const b = { ...a, instance: "b" };
const push = (change: Partial<ChangePush>): ChangePush => ({
  ...{ service: "orders", epoch: "e1", revision: 1, put: [], remove: [] },
  ...change,
});

function known() {
  const state = newDiscovery();
  stepDiscovery(state, { type: "changes", views: [push({ revision: 5, put: [a, b] })] });
  return state;
}

test("takes everything, then changes, and names what it holds", () => {
  const state = known();
  expect(inUse(state)).toEqual({ orders: [a, b] });
  const views = [push({ revision: 6, from: 5, remove: ["a"], ack: true })];
  expect(stepDiscovery(state, { type: "changes", views })).toEqual({
    changed: true,
    seen: [{ service: "orders", epoch: "e1", revision: 6 }],
    resync: [],
  });
  expect(inUse(state)).toEqual({ orders: [b] });
  expect(heldRevisions(state)).toEqual([{ service: "orders", epoch: "e1", revision: 6 }]);
});

test("a change that comes twice changes nothing and is acknowledged again", () => {
  const state = known();
  const views = [push({ revision: 6, from: 5, remove: ["a"], ack: true })];
  stepDiscovery(state, { type: "changes", views });
  expect(stepDiscovery(state, { type: "changes", views })).toMatchObject({ changed: false, seen: [{ revision: 6 }] });
});

test("a gap is asked for and not acknowledged", () => {
  const state = known();
  const views = [push({ revision: 8, from: 7, remove: ["a"], ack: true })];
  expect(stepDiscovery(state, { type: "changes", views })).toEqual({
    changed: false,
    seen: [],
    resync: [{ service: "orders", epoch: "e1", revision: 5 }],
  });
  expect(inUse(state)).toEqual({ orders: [a, b] });
});

test("a registry that counts anew takes nothing away before the view has settled, but what it says leaves", () => {
  const state = known();
  expect(
    stepDiscovery(state, { type: "changes", views: [push({ epoch: "e2", revision: 1, ack: true })] }).seen,
  ).toEqual([]);
  expect(inUse(state).orders).toEqual([a, b]);
  stepDiscovery(state, { type: "changes", views: [push({ epoch: "e2", revision: 2, from: 1, remove: ["a"] })] });
  expect(inUse(state).orders).toEqual([b]);
  expect(stepDiscovery(state, { type: "settled" })).toEqual({
    changed: true,
    seen: [{ service: "orders", epoch: "e2", revision: 2 }],
    resync: [],
  });
  expect(inUse(state).orders).toEqual([]);
});

test("what may not be called any more is gone", () => {
  const state = known();
  expect(stepDiscovery(state, { type: "callable", services: ["users"] }).changed).toBe(true);
  expect([inUse(state), heldRevisions(state)]).toEqual([{}, []]);
});

test("of a whole view that is still gathered nothing known is missing, and what it says anew counts", () => {
  const moved = { ...a, port: 81 };
  expect(keepKnown({ orders: [] }, { orders: [a, b] })).toEqual({ orders: [a, b] });
  expect(keepKnown({ orders: [moved] }, { orders: [a, b] })).toEqual({ orders: [moved, b] });
  expect(keepKnown({ orders: [b] }, {})).toEqual({ orders: [b] });
  expect(keepKnown({}, { orders: [a] })).toEqual({});
});
