/** What takes longer to show of faults between real agents: the race for idle connections, and an instance that is ill and recovers. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { outboundDefaults } from "../mesh-agent/support/control-plane.ts";
import { MeshWorld } from "../mesh-agent/support/mesh-world.ts";
import { type AppBehaviour, plain } from "../mesh-agent/support/raw-app.ts";

let world: MeshWorld;
beforeAll(async () => {
  world = await MeshWorld.start(3);
}, 120_000);
afterAll(() => world.end());

test("ten thousand GETs over connections that the application closes as they are used again: none fails", async () => {
  await world.use([world.endpoint(0)]);
  world.instance(0).app.behave = (socket, id, method) => {
    plain(200)(socket, id, method);
    const ms = Math.random() * 4;
    if (ms < 1) setImmediate(() => socket.end());
    else setTimeout(() => socket.destroy(), ms);
  };
  let left = 10_000;
  const failures: number[] = [];
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { status } = await world.call(`reused-${left}`);
      if (status !== 200) failures.push(status);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  expect(failures).toEqual([]);
  world.instance(0).app.behave = plain(200);
});

const PER_SECOND = 100;
const TAKES_MS = 20;

/** An open load for some seconds. @returns statuses by second */
async function load(seconds: number): Promise<number[][]> {
  const each: number[][] = [];
  const open: Promise<void>[] = [];
  const startMs = performance.now();
  for (let sent = 0; sent < seconds * PER_SECOND; sent++) {
    const dueMs = startMs + (sent * 1_000) / PER_SECOND - performance.now();
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    each[Math.floor(sent / PER_SECOND)] ??= [];
    const statuses = each[Math.floor(sent / PER_SECOND)];
    open.push(world.call(`load-${sent}`).then(({ status }) => void statuses?.push(status)));
  }
  await Promise.all(open);
  return each;
}

const failedShare = (each: readonly number[][]): number => {
  const statuses = each.flat();
  return statuses.filter((status) => status !== 200).length / statuses.length;
};

test("an instance that fails half of its calls is out within 10 s, probed one at a time, and back within 90 s", async () => {
  const settings = {
    breaker: outboundDefaults.breaker,
    balance: { policy: "peak-ewma" },
    retries: { attempts: 0, on: [] },
  } as const;
  await world.use(
    [0, 1, 2].map((at) => world.endpoint(at)),
    settings,
  );
  const ill = world.instance(0).app;
  let failsShare = 0.5;
  let inFlight = 0;
  let inFlightMax = 0;
  // All take as long, else balancing by latency would leave the slower one alone; long enough that a second probe would meet the first.
  for (const { app } of world.instances)
    app.behave = (socket, id, method) => void setTimeout(() => plain(200)(socket, id, method), TAKES_MS);
  ill.behave = (socket, id, method) => {
    inFlightMax = Math.max(inFlightMax, ++inFlight);
    setTimeout(() => {
      inFlight--;
      const answer: AppBehaviour = plain(Math.random() < failsShare ? 500 : 200);
      answer(socket, id, method);
    }, TAKES_MS);
  };
  const first = await load(10);
  const then = await load(60);
  console.log(`failed: ${failedShare(first)} in the first 10 s, ${failedShare(then)} in the 60 s behind`);
  expect(failedShare(then)).toBeLessThan(0.01);

  failsShare = 1;
  await load(10);
  inFlightMax = 0;
  ill.executed.clear();
  await load(70);
  console.log(`probes in 70 s: ${ill.total}`);
  expect(ill.total).toBeGreaterThan(0);
  expect(inFlightMax).toBe(1);

  failsShare = 0;
  await load(90);
  for (const { app } of world.instances) app.executed.clear();
  await load(10);
  const shares = world.instances.map(({ app }) => app.total / (10 * PER_SECOND));
  console.log(`shares behind recovery: ${shares.join(", ")}`);
  expect(shares[0]).toBeGreaterThan(0.1);
});
