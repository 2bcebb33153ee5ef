/** A version of edge routes and mesh policy together, tried on a share of the requests, under load: no request is decided by two. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CanaryWorld, isMixed } from "../../support/version-canaries.ts";

const RATE = 60;

let world: CanaryWorld;

beforeAll(async () => {
  world = await CanaryWorld.start();
});
afterAll(() => world?.stop());

test("from nothing over half to all, each request is decided by one version at every hop", async () => {
  const load = world.load(RATE);
  const { code, stdout } = await world.begin(world.document("v1: 50, v2: 50"), "--canary", "50%");
  expect([code, JSON.parse(stdout)]).toMatchObject([
    0,
    { canary: { phase: "running", share: 5000, missing: { count: 0 } } },
  ]);
  const { version, stable } = JSON.parse(stdout).canary;
  await world.decided(version, 20, "inventory-1");
  await world.decided(stable, 20, "inventory-1");
  expect(await world.promote(version, 20)).toEqual(new Set([version]));
  expect((await load.stop()).failures).toEqual([]);
  // Before the two there was one that gives it requests, too, as long as the system starts.
  const plans = new Set(world.system.accessLog("orders-v2-1").map(({ plan }) => plan));
  expect([plans.has(version), plans.has(stable)]).toEqual([true, false]);
  const requests = world.requestsBy(version, stable);
  expect(requests.filter(({ hops }) => hops >= 5).length).toBeGreaterThan(40);
  expect(requests.filter(isMixed)).toEqual([]);
});

test("one that is bad inside alone is rolled back by itself, and the others see nothing of it", async () => {
  const load = world.load(RATE);
  const { code, stderr } = await world.begin(world.document("v1: 100", "users"), "--canary", "30%", "--every", "1m");
  const { version, stable, phase, reason } = await world.canary();
  expect([code, phase]).toEqual([1, "aborted"]);
  expect(reason).toMatch(/^\d+ of \d+ requests failed, more than 5 % are allowed$/);
  expect(stderr).toContain(`canary of version ${version}: rolled back to version ${stable}: ${reason}`);
  await world.decided(stable, RATE, "gateway");
  expect((await world.get("/load/orders/1")).status).toBe(200);
  await load.stop();
  expect(world.requestsBy(version).length).toBeGreaterThan(20);
  expect(world.requestsBy(version).filter(isMixed)).toEqual([]);
  // What the stable version decided went well all the time.
  const failed = world.system.accessLog("gateway").filter(({ plan, status }) => plan === stable && status >= 400);
  expect(failed).toEqual([]);
});
