import { describe, expect, test } from "vitest";
import {
  type InstanceReport,
  lacking,
  newRegistry,
  type RegistryEvent,
  type RegistrySettings,
  type RegistryState,
  registryDueAt,
  stepRegistry,
  updateFor,
} from "../../../shared/policy/registry.ts";
import { endpointsOf } from "../../../shared/policy/service-view.ts";

const settings: RegistrySettings = { drainBoundMs: 5_000, hubLeaseMs: 900_000, marksMax: 2, instancesMax: 3 };
const step = (state: RegistryState, event: RegistryEvent, nowMs = 0) => stepRegistry(state, event, nowMs, settings);
const up = (instance: string, port = 80): InstanceReport => ({
  ...{ instance, state: "up" },
  endpoint: { instance, host: "h", port, labels: {} },
});
const leaves = (instance: string, connection = "c1"): InstanceReport => ({ instance, state: "draining", connection });
const gone = (instance: string): InstanceReport => ({ instance, state: "gone" });
const shown = ({ view }: RegistryState) => endpointsOf(view).map(({ instance, port }) => `${instance}:${port}`);

let batch = 0;
const report = (state: RegistryState, hub: string, ...reports: InstanceReport[]) =>
  step(state, { type: "report", hub, batch: ++batch, reports });

/** Two instances by one hub, and two hubs that have been told. */
function serving(): RegistryState {
  const state = newRegistry("e");
  report(state, "a", up("i1"), up("i2"));
  for (const hub of ["a", "b"]) step(state, { type: "subscribe", hub, held: undefined });
  return state;
}
const deliver = (state: RegistryState, hub: string) =>
  step(state, { type: "delivered", hub, update: updateFor(state, hub) });

test("a batch has one revision, and one that comes late or twice is left", () => {
  const state = newRegistry("e");
  const event = { type: "report", hub: "a", batch: 5, reports: [up("i1"), up("i2")] } as const;
  expect([...step(state, event).touched]).toEqual(["i1", "i2"]);
  expect([shown(state), state.view.revision]).toEqual([["i1:80", "i2:80"], 1]);
  expect(step(state, event).late).toBe(true);
  expect(step(state, { ...event, batch: 4, reports: [gone("i1")] }).late).toBe(true);
  expect(shown(state)).toEqual(["i1:80", "i2:80"]);
});

test("late reports of a hub that an agent has left take nothing from the one that it is at", () => {
  const state = serving();
  report(state, "b", up("i1", 81));
  expect(shown(state)).toEqual(["i1:81", "i2:80"]);
  // Sent before, and overtaken.
  report(state, "a", up("i1", 80));
  report(state, "a", gone("i1"));
  expect(shown(state)).toEqual(["i1:81", "i2:80"]);
  report(state, "a", leaves("i1"));
  expect(shown(state)).toEqual(["i2:80"]);
  report(state, "a", gone("i1"));
  expect(shown(state)).toEqual(["i1:81", "i2:80"]);
  report(state, "b", gone("i1"));
  expect(shown(state)).toEqual(["i2:80"]);
  expect([...state.members.keys()]).toEqual(["i2"]);
});

test.each([
  ["says that it is gone", (state: RegistryState) => report(state, "a", gone("i1"))],
  [
    "tells all, and not it",
    (state: RegistryState) => step(state, { type: "report", hub: "a", batch: ++batch, reports: [up("i2")], all: true }),
  ],
])("an instance of two hubs stays with the second when the first %s", (_, leave) => {
  const state = serving();
  report(state, "b", up("i1", 81));
  leave(state);
  expect(state.members.get("i1")).toEqual({ hub: "b" });
  expect(shown(state)).toEqual(["i1:81", "i2:80"]);
});

test("a hub that could not use an update is told again from what it holds", () => {
  const state = serving();
  report(state, "a", gone("i1"));
  const update = updateFor(state, "b");
  step(state, { type: "delivered", hub: "b", update, held: { epoch: "e", revision: 0 } });
  expect(lacking(state)).toContain("b");
  expect(updateFor(state, "b").change).toMatchObject({ from: 0, revision: update.change.revision });
  step(state, { type: "delivered", hub: "b", update, held: update.change });
  expect(lacking(state)).not.toContain("b");
});

test("a hub that subscribes again is sent an update, since the answer may be lost and it holds something", () => {
  const state = serving();
  step(state, { type: "subscribe", hub: "b", held: { epoch: "e", revision: 1 } });
  expect(lacking(state)).toEqual([]);
  report(state, "a", gone("i1"));
  step(state, { type: "subscribe", hub: "b", held: { epoch: "e", revision: 1 } });
  expect(lacking(state)).toContain("b");
  expect(updateFor(state, "b").change).toMatchObject({ from: 1, remove: ["i1"] });
});

test("the last hub to report an instance has it: what the one before says later is nothing", () => {
  const state = serving();
  report(state, "b", up("i1", 81));
  report(state, "a", gone("i1"));
  expect(shown(state)).toEqual(["i1:81", "i2:80"]);
});

test("a hub that says everything takes back the rest of what it said, and of nobody else", () => {
  const state = serving();
  report(state, "b", up("i3"));
  step(state, { type: "report", hub: "a", batch: ++batch, reports: [up("i2")], all: true });
  expect(shown(state)).toEqual(["i2:80", "i3:80"]);
});

test("hubs are sent what they lack until they have it", () => {
  const state = serving();
  expect(lacking(state)).toEqual([]);
  report(state, "a", up("i1", 81));
  expect(lacking(state)).toEqual(["a", "b"]);
  expect(updateFor(state, "a")).toMatchObject({ change: { from: 1, revision: 2, remove: [] }, wanted: 0 });
  expect(registryDueAt(state, 10, 1_000, settings)).toBe(1_010);
  deliver(state, "a");
  expect(lacking(state)).toEqual(["b"]);
  step(state, { type: "unsubscribe", hub: "b" });
  expect(lacking(state)).toEqual([]);
});

test("whoever was away longer than marks are kept is told everything", () => {
  const state = serving();
  for (const name of ["i1", "i2"]) report(state, "a", gone(name));
  expect(updateFor(state, "a").change).toMatchObject({ from: 1, remove: ["i1", "i2"] });
  report(state, "a", up("i3"));
  report(state, "a", gone("i3"));
  expect(updateFor(state, "a").change.from).toBeUndefined();
});

test("a registry that was set back counts on from what others hold", () => {
  const state = serving();
  const { answer } = step(state, { type: "subscribe", hub: "a", held: { epoch: "e", revision: 70 } });
  expect(answer?.change).toMatchObject({ revision: 71, put: [{ instance: "i1" }, { instance: "i2" }] });
  expect(answer?.change.from).toBeUndefined();
  expect(updateFor(state, "b").change.from).toBeUndefined();
});

describe("an instance that drains", () => {
  test("is withdrawn at once and released when every hub has it acknowledged", () => {
    const state = serving();
    expect(report(state, "a", leaves("i1")).released).toEqual([]);
    expect(shown(state)).toEqual(["i2:80"]);
    expect(updateFor(state, "b")).toMatchObject({ wanted: 2 });
    const held = { epoch: "e", revision: 2 };
    expect(step(state, { type: "seen", hub: "a", held }).released).toEqual([]);
    expect(updateFor(state, "a").wanted).toBe(0);
    expect(step(state, { type: "seen", hub: "b", held: { ...held, epoch: "other" } }).released).toEqual([]);
    const released = [{ hub: "a", instance: "i1", connection: "c1" }];
    expect(step(state, { type: "seen", hub: "b", held }).released).toEqual(released);
    // What may have been lost is said again with the clock, and with a new connection.
    expect(step(state, { type: "seen", hub: "b", held }).released).toEqual([]);
    expect(step(state, { type: "tick" }).released).toEqual(released);
    expect(report(state, "a", leaves("i1", "c2")).released).toEqual([{ ...released[0], connection: "c2" }]);
    report(state, "a", gone("i1"));
    expect(step(state, { type: "tick" }).released).toEqual([]);
  });

  test("waits no longer than its time, and not at all where nobody calls", () => {
    const state = serving();
    report(state, "a", leaves("i1"));
    expect(registryDueAt(state, 4_500, 1_000, settings)).toBe(5_000);
    expect(step(state, { type: "tick" }, 4_999).released).toEqual([]);
    expect(step(state, { type: "tick" }, 5_000).released).toHaveLength(1);
    const alone = newRegistry("e");
    report(alone, "a", up("i1"));
    expect(report(alone, "a", leaves("i1")).released).toHaveLength(1);
  });

  test("is acknowledged anew when it has nothing to withdraw, as on a new connection", () => {
    const state = serving();
    report(state, "a", gone("i1"));
    for (const hub of ["a", "b"]) deliver(state, hub);
    expect(report(state, "a", leaves("i1")).released).toEqual([]);
    expect(lacking(state)).toEqual(["a", "b"]);
    expect(updateFor(state, "a")).toMatchObject({ change: { from: 2, revision: 2 }, wanted: 2 });
    deliver(state, "a");
    expect(lacking(state)).toEqual(["b"]);
  });

  test("and comes back is up again", () => {
    const state = serving();
    report(state, "a", leaves("i1"));
    report(state, "a", up("i1", 90));
    expect(shown(state)).toEqual(["i1:90", "i2:80"]);
    expect(step(state, { type: "tick" }, 9_000).released).toEqual([]);
  });
});

test("a hub that says nothing for its lease is gone with what it said", () => {
  const state = serving();
  step(state, { type: "seen", hub: "b", held: { epoch: "e", revision: 1 } }, 600_000);
  const { hubs, touched } = step(state, { type: "tick" }, 900_000);
  expect([[...hubs], [...touched]]).toEqual([["a"], ["i1", "i2"]]);
  expect([shown(state), [...state.hubs.keys()]]).toEqual([[], ["b"]]);
});

test("a full registry takes those that it knows and nobody else", () => {
  const state = newRegistry("e");
  report(state, "a", ...["i1", "i2", "i3", "i4"].map((name) => up(name)));
  expect(shown(state)).toEqual(["i1:80", "i2:80", "i3:80"]);
  report(state, "a", up("i2", 81), up("__proto__"));
  expect(shown(state)).toEqual(["i1:80", "i2:81", "i3:80"]);
});

test("an instance may have any name", () => {
  const state = newRegistry("e");
  for (const name of ["__proto__", "constructor"]) report(state, "a", up(name));
  expect(shown(state)).toEqual(["__proto__:80", "constructor:80"]);
});
