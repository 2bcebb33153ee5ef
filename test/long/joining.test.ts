/** 16 hours of 24 in proportion without the control plane, and a process that was suspended past the end of everything. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { Fleet } from "../mesh-agent/support/agents.ts";
import { ControlWorker } from "../support/control-worker.ts";
import { killing, type OutageWorld, outageDocument, outageOfControl, suspending } from "../support/join-outage.ts";
import { JoinWorld } from "../support/join-world.ts";
import { until } from "../support/system.ts";

// 16 of 24 hours are 60 of 90 seconds; the rest is for the machine to notice.
const LIVES = { lifetime: "90s", tokenLifetime: "90s" };
const OUTAGE = { awayS: 57, rate: 100, renews: true };

async function servesThrough(world: OutageWorld): Promise<void> {
  const { sent, failures, restartedOffline } = await outageOfControl(world, OUTAGE);
  console.log(`${sent} requests, ${failures.length} failed`);
  expect(failures).toEqual([]);
  expect(restartedOffline).toBe(true);
}

test("two thirds of a life with a control plane that stands still", async () => {
  const world = await JoinWorld.start(JSON.stringify(LIVES));
  try {
    await servesThrough(suspending(world));
  } finally {
    await world.end();
  }
});

test("two thirds of a life with a control plane that was killed", async () => {
  const [control, fleet] = [await ControlWorker.start(), new Fleet()];
  try {
    await control.apply(outageDocument(LIVES));
    await servesThrough(killing(control, fleet));
  } finally {
    await fleet.end();
    await control.end();
  }
});

test("suspended for ten lives", async () => {
  const world = await JoinWorld.start("{ lifetime: 6s, tokenLifetime: 6s }");
  try {
    const agents = [await world.agent("caller", "caller-1"), await world.agent("callee", "callee-1")];
    const [caller] = await Promise.all(agents.map((agent) => agent.ready()));
    await until("calls arrive", async () => (await caller?.calls("http://callee.mesh/"))?.status === 200);
    for (const agent of agents) agent.kill("SIGSTOP");
    await delay(60_000);
    for (const agent of agents) agent.kill("SIGCONT");
    await until("calls arrive again", async () => (await caller?.calls("http://callee.mesh/"))?.status === 200, 60_000);
  } finally {
    await world.end();
  }
});
