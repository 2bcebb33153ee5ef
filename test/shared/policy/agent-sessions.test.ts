import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  dueAt,
  emptySessions,
  type Instance,
  instanceKey,
  laggardsOf,
  type SessionEvent,
  type SessionSettings,
  type SessionsState,
  stepSessions,
} from "../../../shared/policy/agent-sessions.ts";
import { RETURNS } from "../../support/return-settings.ts";

const settings: SessionSettings = {
  leaseMs: 20_000,
  graceMs: 1_000,
  ...RETURNS,
  forgetAfterMs: 3_600_000,
  instancesMax: 3,
};
const KEY = instanceKey("orders", "o1");
const step = (state: SessionsState, event: SessionEvent, nowMs: number) => stepSessions(state, event, nowMs, settings);

function hello(connection: string, port = 80, instance = "o1", service = "orders"): SessionEvent {
  const endpoint = { instance, host: "127.0.0.1", port, labels: { version: "v1" } };
  return { type: "hello", service, instance, connection, endpoint, planVersion: 1, certificateNotAfterMs: 9 };
}

const shown = (state: SessionsState, service = "orders"): string[] =>
  Object.values(state.instances).flatMap((one) =>
    one.service === service && one.visible ? [`${one.instance}:${one.endpoint?.port}`] : [],
  );

function ready(): SessionsState {
  const state = emptySessions();
  step(state, hello("c1"), 0);
  step(state, { type: "ready", key: KEY, connection: "c1" }, 0);
  return state;
}

describe("coming back", () => {
  const returns = (state: SessionsState, nowMs: number, busy = false, key = KEY) =>
    step(state, { type: "returns", key, busy }, nowMs);

  test("to a hub whose process ended is at the time that it gives, and the endpoint stays until then", () => {
    const state = ready();
    const other = instanceKey("orders", "o2");
    step(state, hello("c2", 80, "o2"), 0);
    for (const key of [KEY, other]) step(state, { type: "lost", key }, 1_000);
    expect(returns(state, 1_000).waitMs).toBeUndefined();
    const later = returns(state, 1_000, false, other);
    expect([later.waitMs, later.touched]).toEqual([200, [other]]);
    expect(state.instances[other]?.leaseEndsAtMs).toBe(1_000 + settings.leaseMs);
    expect(returns(state, 1_150, false, other).waitMs).toBeUndefined();
  });

  test.each([
    ["after a connection of its own was lost", "closed"],
    ["of one that drains", "draining"],
  ] as const)("%s is at once", (_, type) => {
    const state = ready();
    step(state, { type, key: KEY, connection: "c1" }, 10);
    if (type === "draining") step(state, { type: "lost", key: KEY }, 20);
    state.nextReturnAtMs = 9_000;
    expect(returns(state, 30)).toEqual({ touched: [], removed: [], shown: [], silent: [] });
  });

  test("to a hub that is busy keeps the endpoint for a lease", () => {
    const state = ready();
    step(state, { type: "closed", key: KEY, connection: "c1" }, 10);
    expect(returns(state, 500, true).touched).toEqual([KEY]);
    expect(state.instances[KEY]?.leaseEndsAtMs).toBe(500 + settings.leaseMs);
    expect(returns(state, 500, true, "orders/unknown").touched).toEqual([]);
  });
});

describe("visibility", () => {
  test("begins with ready, ends with draining", () => {
    const state = emptySessions();
    expect(step(state, hello("c1"), 0)).toEqual({ touched: [KEY], removed: [], shown: [], silent: [] });
    expect(shown(state)).toEqual([]);
    expect(step(state, { type: "ready", key: KEY, connection: "c1" }, 1).shown).toEqual([KEY]);
    expect(shown(state)).toEqual(["o1:80"]);
    expect(step(state, { type: "ready", key: KEY, connection: "c1" }, 2).shown).toEqual([]);
    expect(step(state, { type: "draining", key: KEY, connection: "c1" }, 3).shown).toEqual([KEY]);
    expect(step(state, { type: "ready", key: KEY, connection: "c1" }, 4).shown).toEqual([]);
    expect(shown(state)).toEqual([]);
    expect(step(state, { type: "closed", key: KEY, connection: "c1" }, 5).removed).toEqual([KEY]);
    expect(state.instances).toEqual({});
  });

  test("is never given to an agent that only calls", () => {
    const state = emptySessions();
    const { endpoint: _, ...caller } = hello("c1") as Extract<SessionEvent, { type: "hello" }>;
    step(state, caller, 0);
    step(state, { type: "ready", key: KEY, connection: "c1" }, 0);
    expect(shown(state)).toEqual([]);
  });

  test("outlives a close by the grace and no longer", () => {
    const state = ready();
    step(state, { type: "closed", key: KEY, connection: "c1" }, 5_000);
    expect(dueAt(state.instances[KEY] as Instance, settings)).toBe(6_000);
    expect(step(state, { type: "tick" }, 5_999).shown).toEqual([]);
    expect(step(state, { type: "tick" }, 6_000)).toMatchObject({ shown: [KEY], touched: [KEY] });
    expect(state.instances[KEY]).toBeDefined();
  });

  test("goes on over a reconnect at the same address, if ready confirms it within a lease", () => {
    const state = ready();
    step(state, { type: "closed", key: KEY, connection: "c1" }, 5_000);
    expect(step(state, hello("c2"), 5_500).shown).toEqual([]);
    step(state, { type: "heard", key: KEY, atMs: 20_000 }, 20_000);
    expect(step(state, { type: "tick" }, 25_499).shown).toEqual([]);
    expect(step(state, { type: "tick" }, 25_500).shown).toEqual([KEY]);
    const confirmed = ready();
    step(confirmed, hello("c2"), 5_500);
    step(confirmed, { type: "ready", key: KEY, connection: "c2" }, 5_600);
    step(confirmed, { type: "heard", key: KEY, atMs: 25_000 }, 25_000);
    expect(step(confirmed, { type: "tick" }, 25_600).shown).toEqual([]);
    expect(shown(confirmed)).toEqual(["o1:80"]);
  });

  test("ends when the same instance comes back at another address or with other labels", () => {
    const state = ready();
    expect(step(state, hello("c2", 81), 1).shown).toEqual([KEY]);
    expect(shown(state)).toEqual([]);
    step(state, { type: "ready", key: KEY, connection: "c2" }, 2);
    const moved = hello("c3", 81) as Extract<SessionEvent, { type: "hello" }>;
    const labelled = { ...moved, endpoint: { instance: "o1", host: "127.0.0.1", port: 81, labels: { version: "v2" } } };
    expect(step(state, labelled, 3).shown).toEqual([KEY]);
  });

  test("ends with silence, and the silent connection is named once", () => {
    const state = ready();
    step(state, { type: "heard", key: KEY, atMs: 10_000 }, 10_000);
    expect(step(state, { type: "tick" }, 29_999).silent).toEqual([]);
    expect(step(state, { type: "tick" }, 30_000)).toMatchObject({ silent: ["c1"], shown: [KEY] });
    expect(step(state, { type: "tick" }, 30_001)).toMatchObject({ silent: [], shown: [] });
  });

  test("survives a restart of the registry by a whole lease", () => {
    const state = ready();
    step(state, { type: "lost", key: KEY }, 600_000);
    expect(step(state, { type: "tick" }, 619_999).shown).toEqual([]);
    expect(step(state, { type: "tick" }, 620_000).shown).toEqual([KEY]);
  });
});

test("a close that follows a loss shortens the lease to the grace", () => {
  const state = ready();
  step(state, { type: "lost", key: KEY }, 5_000);
  step(state, { type: "closed", key: KEY, connection: "c1" }, 5_001);
  expect(step(state, { type: "tick" }, 6_000).shown).toEqual([]);
  expect(step(state, { type: "tick" }, 6_001).shown).toEqual([KEY]);
  const drained = ready();
  step(drained, { type: "draining", key: KEY, connection: "c1" }, 5_000);
  step(drained, { type: "lost", key: KEY }, 5_001);
  expect(step(drained, { type: "closed", key: KEY, connection: "c1" }, 5_002).removed).toEqual([KEY]);
});

test("what a replaced connection still says changes nothing", () => {
  const state = ready();
  step(state, hello("c2"), 1);
  for (const type of ["draining", "closed"] as const) {
    expect(step(state, { type, key: KEY, connection: "c1" }, 2).touched).toEqual([]);
  }
  expect(shown(state)).toEqual(["o1:80"]);
});

test("an instance that left without a goodbye is forgotten after its time", () => {
  const state = ready();
  step(state, { type: "closed", key: KEY, connection: "c1" }, 1_000);
  step(state, { type: "tick" }, 2_000);
  expect(step(state, { type: "tick" }, 3_600_999).removed).toEqual([]);
  expect(step(state, { type: "tick" }, 3_601_000).removed).toEqual([KEY]);
});

test("a full registry takes those that it knows and nobody else", () => {
  const state = emptySessions();
  for (const name of ["o1", "o2", "o3"]) step(state, hello(name, 80, name), 0);
  expect(step(state, hello("c4", 80, "o4"), 0).full).toBe(true);
  expect(Object.keys(state.instances)).toHaveLength(3);
  expect(step(state, hello("c5", 80, "o2"), 0).full).toBeUndefined();
});

test("equal names of two services are two instances", () => {
  const state = ready();
  step(state, hello("x1", 99, "o1", "users"), 0);
  step(state, { type: "ready", key: instanceKey("users", "o1"), connection: "x1" }, 0);
  expect([shown(state), shown(state, "users")]).toEqual([["o1:80"], ["o1:99"]]);
});

test("acknowledgements are kept, a refusal until the next acknowledgement", () => {
  const state = ready();
  step(state, { type: "refused", key: KEY, version: 2, reason: "why not" }, 0);
  expect(state.instances[KEY]).toMatchObject({ planVersion: 1, refused: { version: 2, reason: "why not" } });
  step(state, hello("c2"), 1);
  expect(state.instances[KEY]?.refused).toEqual({ version: 2, reason: "why not" });
  step(state, { type: "acknowledged", key: KEY, version: 3 }, 2);
  expect(state.instances[KEY]).toMatchObject({ planVersion: 3 });
  expect(state.instances[KEY]).not.toHaveProperty("refused");
  step(state, { type: "renewed", key: KEY, certificateNotAfterMs: 77 }, 3);
  expect(state.instances[KEY]?.certificateNotAfterMs).toBe(77);
});

describe("whatever happens", () => {
  const keys = ["o1", "o2"].map((name) => instanceKey("orders", name));
  const connections = fc.constantFrom("c1", "c2", "c3");
  const key = fc.constantFrom(...keys);
  const events = fc.array(
    fc.record({
      passMs: fc.nat({ max: 30_000 }),
      event: fc.oneof(
        fc
          .record({ name: fc.constantFrom("o1", "o2"), connection: connections, port: fc.constantFrom(80, 81) })
          .map(({ name, connection, port }) => hello(connection, port, name)),
        fc.record({ type: fc.constantFrom("ready", "draining", "closed" as const), key, connection: connections }),
        fc.record({ type: fc.constant("heard" as const), key, atMs: fc.constant(0) }),
        fc.record({ type: fc.constant("lost" as const), key }),
        fc.constant({ type: "tick" } as const),
      ) as fc.Arbitrary<SessionEvent>,
    }),
    { maxLength: 60 },
  );

  test("whoever is shown or not any more is told, and nobody sees a draining or forgotten instance", () => {
    fc.assert(
      fc.property(events, (sequence) => {
        const state = emptySessions();
        let nowMs = 0;
        for (const { passMs, event } of sequence) {
          nowMs += passMs;
          const before = shown(state);
          const stored = JSON.stringify(state.instances);
          const now = event.type === "heard" ? { ...event, atMs: nowMs } : event;
          const verdict = step(state, now, nowMs);
          if (JSON.stringify(shown(state)) !== JSON.stringify(before)) expect(verdict.shown).not.toEqual([]);
          if (event.type !== "heard" && JSON.stringify(state.instances) !== stored)
            expect(verdict.touched.length + verdict.removed.length).toBeGreaterThan(0);
          for (const known of Object.values(state.instances))
            expect(known.visible && known.phase === "draining").toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a tick when one is due leaves nothing due, and silence ends everything", () => {
    fc.assert(
      fc.property(events, (sequence) => {
        const state = emptySessions();
        let nowMs = 0;
        for (const { passMs, event } of sequence) {
          nowMs += passMs;
          step(state, event, nowMs);
        }
        for (let ticks = 0; Object.keys(state.instances).length > 0; ticks++) {
          expect(ticks).toBeLessThan(20);
          nowMs = Math.max(nowMs, ...Object.values(state.instances).map((known) => dueAt(known, settings)));
          step(state, { type: "tick" }, nowMs);
          for (const known of Object.values(state.instances)) expect(dueAt(known, settings)).toBeGreaterThan(nowMs);
        }
        expect(shown(state)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

test("who uses a trust bundle has said so on this connection; who is away counts until it is forgotten", () => {
  const state = ready();
  const lagging = () => laggardsOf(state, "t2").map(({ instance }) => instance);
  step(state, { type: "trusts", key: KEY, id: "t1" }, 1);
  expect(lagging()).toEqual(["o1"]);
  expect(step(state, { type: "trusts", key: KEY, id: "t2" }, 2).touched).toEqual([KEY]);
  expect(lagging()).toEqual([]);
  step(state, hello("c2"), 3);
  expect(lagging()).toEqual(["o1"]);
  step(state, { type: "closed", key: KEY, connection: "c2" }, 4);
  expect(lagging()).toEqual(["o1"]);
  for (const nowMs of [30_000, 4 + settings.forgetAfterMs]) step(state, { type: "tick" }, nowMs);
  expect(lagging()).toEqual([]);
});
