/** A minute of rotations as fast as they may be, under 200 requests a second. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { orderLoad } from "../support/outages.ts";
import { type System, startSystem } from "../support/system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

test("no request is refused", async () => {
  const load = orderLoad(system, await system.token("alice"), 200);
  const endMs = Date.now() + 60_000;
  let rotations = 0;
  for (let turn = 0; Date.now() < endMs; turn++) {
    const { code, stderr } = await system.selvage("rotate", turn % 2 === 0 ? "signing-key" : "hop-key", "--wait");
    // So many keys are believed that the next one has to wait for the first to end.
    if (code === 0) rotations++;
    else expect(stderr).toContain("still believed");
  }
  const { sent, failures } = await load.stop();
  console.log(`${rotations} rotations, ${sent} requests, ${failures.length} failed`);
  expect(failures).toEqual([]);
  expect(rotations).toBeGreaterThan(5);
});
