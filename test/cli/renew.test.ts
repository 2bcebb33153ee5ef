import { expect, test } from "vitest";
import { renewAll } from "../../cli/commands/renew.ts";
import type { AgentStatus, RenewAllRequest, Status } from "../../shared/wire/admin.ts";

const ID = "00000000-0000-4000-8000-000000000000";

const agent = (instance: string, renewal?: string, state: AgentStatus["state"] = "current"): AgentStatus => ({
  ...{ instance, service: "s", version: 1, state, phase: "ready", lastSeenMsAgo: 0, certificateNotAfterMs: 0 },
  ...(renewal !== undefined && { renewal }),
});

/** Gives one list of agents after the other, the last one again and again. */
function telling(...lists: AgentStatus[][]) {
  const last = lists.at(-1) as AgentStatus[];
  const asked: RenewAllRequest[] = [];
  const client = {
    asked,
    renewAgents: async (request: RenewAllRequest) => {
      asked.push(request);
      return { id: ID, withinMs: request.withinMs ?? 0 };
    },
    status: async (): Promise<Status> => ({
      version: 1,
      hash: "",
      gateways: [],
      keys: [],
      agents: lists.shift() ?? last,
    }),
  };
  return client;
}

const names = (agents: readonly AgentStatus[]): string[] => agents.map(({ instance }) => instance);

test("waits for all that live, and for nobody else", async () => {
  const client = telling(
    [agent("a"), agent("b", "another"), agent("gone", undefined, "offline")],
    [agent("a", ID), agent("b", "another"), agent("new")],
    [agent("a", ID), agent("b", ID), agent("new", ID)],
  );
  const { renewed, lacking } = await renewAll(client, 100, 30_000);
  expect([names(renewed), names(lacking)]).toEqual([["a", "b", "new"], []]);
  expect(client.asked).toEqual([{ withinMs: 100 }]);
});

test("names who did not when the time is over", async () => {
  const { renewed, lacking } = await renewAll(telling([agent("a", ID), agent("stuck")]), 0, 0);
  expect([names(renewed), names(lacking)]).toEqual([["a"], ["stuck"]]);
});
