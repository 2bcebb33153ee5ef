/** What is in use of what a source says, in virtual time. */
import { expect, test } from "vitest";
import type { NamedEndpoint } from "../../../shared/discovery/admit.ts";
import {
  dueMs,
  newSource,
  type SourceEvent,
  type SourceRules,
  stepSource,
} from "../../../shared/discovery/source-view.ts";

const rules: SourceRules = { keepMs: 60_000, keepEmptyMs: 5_000, settleMs: 100, settleMaxMs: 1_000, allowed: [] };
const named = (...hosts: string[]): readonly NamedEndpoint[] => hosts.map((host) => ({ host, port: 80 }));

function world(change: Partial<SourceRules> = {}, kept?: Parameters<typeof newSource>[0]) {
  const state = newSource(kept);
  const all = { ...rules, ...change };
  let changes = 0;
  const at = (nowMs: number, event: SourceEvent): string => {
    if (stepSource(state, event, nowMs, all)) changes++;
    return state.endpoints.map(({ host }) => host).join(" ");
  };
  return {
    state,
    says: (nowMs: number, ...hosts: string[]) => at(nowMs, { type: "answer", endpoints: named(...hosts) }),
    fails: (nowMs: number) => at(nowMs, { type: "failed", reason: "away" }),
    same: (nowMs: number) => at(nowMs, { type: "same" }),
    time: (nowMs: number) => at(nowMs, { type: "time" }),
    due: () => dueMs(state, all),
    changes: () => changes,
  };
}

test("the first list is in use at once, later changes when they have settled", () => {
  const source = world();
  expect(source.says(0, "10.0.0.1")).toBe("10.0.0.1");
  expect(source.says(1_000, "10.0.0.1", "10.0.0.2")).toBe("10.0.0.1");
  expect(source.due()).toBe(1_100);
  expect(source.says(1_050, "10.0.0.2")).toBe("10.0.0.1");
  expect(source.time(1_149)).toBe("10.0.0.1");
  expect(source.time(1_150)).toBe("10.0.0.2");
  expect(source.changes()).toBe(2);
  expect(source.due()).toBe(Number.POSITIVE_INFINITY);
});

test("changes without an end are in use after a bounded time", () => {
  const source = world();
  source.says(0, "10.0.0.1");
  for (let ms = 1_000; ms < 1_990; ms += 90) source.says(ms, "10.0.0.1", `10.0.1.${ms % 200}`);
  expect(source.due()).toBe(2_000);
  expect(source.time(2_000).split(" ").length).toBe(2);
});

test("the same in another order is no change, and one that goes back is none either", () => {
  const source = world();
  source.says(0, "10.0.0.1", "10.0.0.2");
  source.says(1_000, "10.0.0.2", "10.0.0.1");
  expect(source.due()).toBe(Number.POSITIVE_INFINITY);
  source.says(2_000, "10.0.0.1");
  source.says(2_050, "10.0.0.1", "10.0.0.2");
  source.time(10_000);
  expect(source.changes()).toBe(1);
});

test("the last good list stays while the source is away, for a bounded time", () => {
  const source = world();
  source.says(0, "10.0.0.1");
  source.same(10_000);
  for (let ms = 11_000; ms < 70_000; ms += 1_000) expect(source.fails(ms)).toBe("10.0.0.1");
  expect(source.due()).toBe(70_000);
  expect(source.time(70_000)).toBe("");
  expect(source.says(80_000, "10.0.0.1")).toBe("10.0.0.1");
  expect(source.state).toMatchObject({ failures: 0, error: undefined });
});

test("an empty answer is believed when it has stood for a while", () => {
  const source = world();
  source.says(0, "10.0.0.1");
  expect(source.says(1_000)).toBe("10.0.0.1");
  expect(source.says(3_000)).toBe("10.0.0.1");
  expect(source.due()).toBe(6_000);
  expect(source.says(4_000, "10.0.0.1")).toBe("10.0.0.1");
  expect(source.due()).toBe(Number.POSITIVE_INFINITY);
  source.says(5_000);
  expect(source.time(9_999)).toBe("10.0.0.1");
  expect(source.time(10_000)).toBe("");
  expect(world({ keepEmptyMs: 0 }).says(0)).toBe("");
});

test("an answer of which nothing can be used is a failure", () => {
  const source = world();
  source.says(0, "10.0.0.1");
  expect(source.says(1_000, "127.0.0.1", "169.254.169.254")).toBe("10.0.0.1");
  expect(source.state).toMatchObject({ failures: 1, refused: 2, error: expect.stringContaining("loopback") });
  source.says(2_000, "10.0.0.1", "127.0.0.1");
  expect(source.state).toMatchObject({ failures: 0, refused: 1, error: undefined });
});

test("what an earlier run left is in use until the source speaks, or has been away for too long", () => {
  const kept = { endpoints: [{ instance: "a", host: "10.0.0.1", port: 80, labels: {} }], goodAtMs: 1_000 };
  expect(world({}, kept).time(2_000)).toBe("10.0.0.1");
  expect(world({}, kept).fails(61_000)).toBe("");
  expect(world({}, kept).says(61_000, "10.0.0.2")).toBe("10.0.0.1");
});
