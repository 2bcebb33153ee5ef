/** Thirty agents that only talk to their hubs: what the control plane sends them, and what it does not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ControlWorker } from "../support/control-worker.ts";
import {
  callerNames,
  fleetDocument,
  type LightAgent,
  LightFleet,
  TARGET,
  trafficSince,
} from "../support/light-agents.ts";
import { until } from "../support/system.ts";

const CALLERS = 30;
const fleet = new LightFleet();
let control: ControlWorker;
let callers: LightAgent[];
let leaving: LightAgent;

const allCall = (what: string, ports: readonly number[]): Promise<number[]> =>
  fleet.all(what, callers, (agent) => JSON.stringify(agent.portsOf(TARGET)) === JSON.stringify(ports));

beforeAll(async () => {
  control = await ControlWorker.start();
  await control.apply(fleetDocument());
  callers = await fleet.join(control, callerNames(CALLERS));
  [leaving] = (await fleet.join(control, [[TARGET, "target-0"]])) as [LightAgent];
  for (const agent of fleet.agents) agent.start();
  await allCall("know the target", [10_000 + CALLERS]);
  // Each part of three instances is called by the one before it.
  await fleet.all("know the next part", callers, ({ view }) => sizes(view.endpoints.services).includes(3));
});

afterAll(async () => {
  fleet.stop();
  await control.end();
});

test("an apply is one plan for each agent, and no view again", async () => {
  const before = { ...fleet.traffic };
  const version = (callers[0]?.view.plan?.version ?? 0) + 1;
  const has = fleet.all("have the version", fleet.agents, ({ view }) => view.plan?.version === version);
  await control.apply(fleetDocument("20s"));
  await has;
  await until("all have acknowledged", async () => {
    const { agents } = await control.status();
    return agents.filter(({ state }) => state === "current").length === fleet.agents.length;
  });
  const { plans, wholeViews, changedViews } = trafficSince(before, fleet.traffic);
  expect({ plans, wholeViews, changedViews }).toEqual({ plans: CALLERS + 1, wholeViews: 0, changedViews: 0 });
});

test("an endpoint that leaves is one change for each caller, and comes back at another address", async () => {
  const before = { ...fleet.traffic };
  leaving.drain();
  await allCall("have lost the target", []);
  await fleet.all("drained", [leaving], ({ isDrained }) => isDrained);
  const { plans, wholeViews, changedViews } = trafficSince(before, fleet.traffic);
  expect({ plans, wholeViews, changedViews }).toEqual({ plans: 0, wholeViews: 0, changedViews: CALLERS });
  leaving.comeBack(20_000);
  await allCall("have the new address", [20_000]);
});

test("after a restart all come back, and nothing that they hold is sent again or taken away", async () => {
  const held = callers.map(({ view }) => sizes(view.endpoints.services));
  await control.kill();
  await fleet.all("lost it", fleet.agents, ({ isBack }) => !isBack);
  const before = { ...fleet.traffic };
  await control.open();
  await fleet.all("are back", fleet.agents, ({ isBack }) => isBack);
  const { hellos, plans, wholeViews } = trafficSince(before, fleet.traffic);
  expect({ hellos, plans, wholeViews }).toEqual({ hellos: CALLERS + 1, plans: 0, wholeViews: 0 });
  expect(callers.map(({ view }) => sizes(view.endpoints.services))).toEqual(held);
});

/** How many endpoints there are of each service. */
function sizes(services: Readonly<Record<string, readonly unknown[]>>): number[] {
  return Object.values(services).map(({ length }) => length);
}
