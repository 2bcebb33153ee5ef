/** A minute without the control plane under load, once with broken connections and once with hanging ones. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { orderLoad, outageUnderLoad } from "../support/outages.ts";
import { type System, startSystem } from "../support/system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

test.each(["SIGKILL", "SIGSTOP"] as const)("%s for 60 s", async (signal) => {
  const load = orderLoad(system, await system.token("alice"), 200);
  const { sent, failures } = await outageUnderLoad(system, load, signal, 60);
  console.log(`${signal}: ${sent} requests, ${failures.length} failed`);
  expect(failures).toEqual([]);
});
