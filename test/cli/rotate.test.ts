import { expect, test } from "vitest";
import { waitForKey } from "../../cli/commands/rotate.ts";
import type { Status } from "../../shared/wire/admin.ts";
import type { KeyRingStatus } from "../../shared/wire/rotation.ts";

type Key = KeyRingStatus["keys"][number];

const gateway = { isolate: "g1", version: 1, state: "current", leaseEndsInMs: 500 } as const;
const key = (kid: string, state: Key["state"], gateways = 0): Key => ({ kid, state, sinceMs: 0, gateways });
const NOBODY = { count: 0, named: [] };

function status(keys: readonly Key[], waitingFor: KeyRingStatus["waitingFor"] = NOBODY): Status {
  const rings: KeyRingStatus[] = [{ kind: "signing", keys, waitingFor }];
  return { version: 1, hash: "", gateways: [gateway], agents: [], keys: rings };
}

/** Gives one answer after the other, the last one again and again. */
function answering(...answers: Status[]): { status(): Promise<Status> } {
  const last = answers.at(-1) as Status;
  return { status: async () => answers.shift() ?? last };
}

const waiting = (client: { status(): Promise<Status> }, timeoutMs = 5_000) =>
  waitForKey(client, "signing", "b", timeoutMs);

test("is over when every gateway holds the new key", async () => {
  const lagging = { count: 2, named: ["orders/1", "users/1"] };
  const ring = await waiting(
    answering(
      status([key("a", "current", 1), key("b", "next")], lagging),
      status([key("a", "retired", 1), key("b", "current")]),
      status([key("a", "retired"), key("b", "current", 1)]),
    ),
  );
  expect(ring.keys[1]).toEqual(key("b", "current", 1));
});

test("after the time is over it names who is waited for", async () => {
  const lagging = { count: 3, named: ["orders/1", "users/1"] };
  const client = answering(status([key("a", "current", 1), key("b", "next")], lagging));
  await expect(waiting(client, 0)).rejects.toThrow("waits for 3 agents to have it: orders/1, users/1, ...");
});

test.each([
  ["is not there any more", [key("c", "current", 1)]],
  ["is retired already", [key("b", "retired"), key("c", "current", 1)]],
])("a key that %s was replaced", async (_what, keys) => {
  await expect(waiting(answering(status(keys)))).rejects.toThrow("replaced by another one");
});
