/** Three rotations of the root and three of the issuing key under 500 requests a second, and a death of the control plane in one. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { agentsOf, caStatus, rotateUnderLoad } from "../support/authority.ts";
import { type System, startSystem } from "../support/system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

const TURN = [["rotate-root"], ["rotate-issuer"]];

test("no request fails, and no agent restarts", async () => {
  const running = agentsOf(system);
  const { sent, failures, tookMs } = await rotateUnderLoad(system, 500, [...TURN, ...TURN, ...TURN]);
  console.log(`${sent} requests, ${failures.length} failed, rotations took ${tookMs.map(Math.round).join(", ")} ms`);
  expect(failures).toEqual([]);
  expect(agentsOf(system)).toEqual(running);
});

test("a rotation goes on after the control plane has died in it", async () => {
  const before = (await caStatus(system)).roots[0]?.fingerprint;
  const held = agentsOf(system).find(({ name }) => name === "inventory-1");
  if (held === undefined) throw new Error("there is no inventory-1");
  // It holds the first step back.
  process.kill(held.pid, "SIGSTOP");
  const rotating = rotateUnderLoad(system, 50, [["rotate-root"]]);
  await delay(2_000);
  system.kill("control", "control", "SIGKILL");
  await system.restart("control");
  process.kill(held.pid, "SIGCONT");
  const { failures } = await rotating;
  expect(failures).toEqual([]);
  expect((await caStatus(system)).roots.map(({ fingerprint }) => fingerprint === before)).toEqual([false]);
});
