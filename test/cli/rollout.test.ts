import { describe, expect, test } from "vitest";
import { describeRollout, isComplete, rolloutOf } from "../../cli/rollout.ts";
import type { AgentStatus, Status } from "../../shared/wire/admin.ts";

const gateway = (isolate: string, given: Partial<Status["gateways"][number]> = {}): Status["gateways"][number] => ({
  isolate,
  version: 7,
  state: "current",
  leaseEndsInMs: 900,
  ...given,
});
const agent = (instance: string, given: Partial<AgentStatus> = {}): AgentStatus => ({
  instance,
  service: "orders",
  version: 7,
  state: "current",
  phase: "ready",
  lastSeenMsAgo: 100,
  certificateNotAfterMs: 0,
  ...given,
});
const status = (gateways: Status["gateways"], agents: Status["agents"], version = 7): Status => ({
  version,
  hash: "",
  gateways,
  agents,
  keys: [],
});

describe("a version is everywhere", () => {
  test("when every lease and every connected agent has it", () => {
    const rollout = rolloutOf(status([gateway("g1")], [agent("o1"), agent("o2")]), 7);
    expect(isComplete(rollout)).toBe(true);
    expect(describeRollout(rollout)).toBe("1 of 1 gateways, 2 of 2 agents");
  });
  test("also when nobody is there, a lease is over, or an agent is offline", () => {
    expect(isComplete(rolloutOf(status([], []), 7))).toBe(true);
    const gone = status(
      [gateway("g1", { state: "behind", version: 6, leaseEndsInMs: 0 })],
      [agent("o1", { state: "offline", version: 6 })],
    );
    expect(isComplete(rolloutOf(gone, 7))).toBe(true);
  });
});

test("who is behind is named, with the version that it has", () => {
  const rollout = rolloutOf(
    status(
      [gateway("g1", { state: "behind", version: 6 })],
      [agent("o1", { state: "behind", version: 5 }), agent("o2")],
    ),
    7,
  );
  expect(isComplete(rollout)).toBe(false);
  expect(rollout.waiting).toEqual([
    { who: "gateway g1", why: "still at version 6, its lease ends in 900 ms" },
    { who: "agent o1 of orders", why: "still at version 5, last heard 100 ms ago" },
  ]);
});

test("who refuses is named with its reason", () => {
  const rollout = rolloutOf(status([], [agent("o1", { state: "refused", version: 6, reason: "hash differs" })]), 7);
  expect(rollout.refused).toEqual([{ who: "agent o1 of orders", why: "hash differs" }]);
  expect(isComplete(rollout)).toBe(false);
});

test("a newer version replaces the one that is waited for, an older status does not", () => {
  expect(rolloutOf(status([], [], 8), 7).replacedBy).toBe(8);
  expect(rolloutOf(status([], [], 7), 7).replacedBy).toBeUndefined();
});
