/** Versions that follow one another as canaries under 200 requests a second, while agents, gateway and control plane die and start anew. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CanaryWorld, isMixed } from "../support/version-canaries.ts";

const RATE = 200;
const TURNS = 6;

let world: CanaryWorld;

beforeAll(async () => {
  world = await CanaryWorld.start();
});
afterAll(() => world?.stop());

/** What starts anew has its second plan on its disk. */
async function diesAndComesBack(turn: number): Promise<void> {
  const name = `orders-v1-${1 + (turn % 2)}`;
  world.system.kill(name, "agent", "SIGKILL");
  if (turn % 3 === 2) world.system.kill("control", "control", "SIGKILL");
  await world.system.restart(name);
  if (turn % 3 === 2) await world.system.restart("control");
  const { version, stable } = await world.canary();
  await world.decided(version, 20, name);
  await world.decided(stable, 20, name);
}

test("no request fails, and none is decided by two versions", async () => {
  const load = world.load(RATE);
  const versions: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const { code, stdout, stderr } = await world.begin(world.document("v1: 50, v2: 50"), "--canary", "50%");
    expect([code, stderr]).toEqual([0, expect.anything()]);
    const { version, stable } = JSON.parse(stdout).canary;
    versions.push(version, stable);
    await diesAndComesBack(turn);
    if (turn % 2 === 0) expect(await world.promote(version, RATE)).toEqual(new Set([version]));
    else expect((await world.system.selvage("canary", "abort")).code).toBe(0);
  }
  const { sent, failures } = await load.stop();
  const requests = world.requestsBy(...versions);
  console.log(`${sent} requests, ${failures.length} failed, ${requests.filter(isMixed).length} of two versions`);
  expect(failures).toEqual([]);
  expect(requests.filter(isMixed)).toEqual([]);
});
