/** A caller's agent before instances that hang, are full, or ask for time: what is sent twice at a time, and what never. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { outboundDefaults, TestControl } from "./support/control-plane.ts";
import { answer, type Behaviour, TestPeers } from "./support/peers.ts";

const fleet = new Fleet();
let control: TestControl;
let peers: TestPeers;
let caller: TestAgent;

beforeAll(async () => {
  control = await TestControl.start();
  peers = new TestPeers(control);
  control.setPlan("caller", { outbound: { target: {} } });
  caller = await fleet.run("caller-1", control.joinToken("caller"), ["--zone", "eu-1a"]).ready();
}, 30_000);

afterEach(async () => {
  await peers.end();
});

afterAll(async () => {
  await fleet.end();
  await control.close();
});

const call = (method = "GET"): ReturnType<TestAgent["calls"]> => caller.calls("http://target.mesh/x", method);
const give = (ports: readonly number[], settings: Partial<OutboundServicePlan>): Promise<void> =>
  peers.give(caller, ports, settings);

/** Value of a counter of the caller's agent. */
async function counter(name: string): Promise<number> {
  const { text } = await caller.admin("/metrics");
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Never answers, and knows when it was given up. */
function hanging(): { behave: Behaviour; givenUp: () => number } {
  let givenUp = 0;
  const behave: Behaviour = (exchange) => {
    exchange.onFail(() => {
      givenUp++;
    });
  };
  return { behave, givenUp: () => givenUp };
}

const hedge = { afterMs: 50, max: 1, budgetPercent: 100, methods: ["GET"] };

test("a GET that hangs is answered by another instance, and given up where it hangs", async () => {
  const stuck = hanging();
  const slow = await peers.start(stuck.behave);
  const fast = await peers.start(answer(200));
  await give([slow.port, fast.port], { hedge, retries: { attempts: 0, on: [] } });
  for (let n = 0; n < 6; n++) expect((await call()).status).toBe(200);
  expect(slow.seen.length).toBeGreaterThan(0);
  await until("the instance that hangs has been told", () => stuck.givenUp() === slow.seen.length);
  const won = await counter('selvage_hedges_total{service="target",result="won"}');
  expect(won).toBeGreaterThan(0);
  expect(await counter('selvage_hedges_total{service="target",result="sent"}')).toBeGreaterThanOrEqual(won);
});

test("a POST is never hedged", async () => {
  const stuck = hanging();
  const slow = await peers.start(stuck.behave);
  const fast = await peers.start(answer(200));
  await give([slow.port, fast.port], { hedge: { ...hedge, methods: ["GET", "POST"] }, timeoutMs: 1_500 });
  const statuses = [(await call("POST")).status, (await call("POST")).status];
  expect(statuses.sort()).toEqual([200, 504]);
  expect(slow.seen).toHaveLength(1);
  expect(fast.seen).toHaveLength(1);
});

test("hedges stay within their budget when everything is slow", async () => {
  const late: Behaviour = (exchange, index) => void setTimeout(() => answer(200)(exchange, index), 120);
  const some = [await peers.start(late), await peers.start(late)];
  await give(
    some.map(({ port }) => port),
    { hedge: { ...hedge, budgetPercent: 10 } },
  );
  const before = await counter('selvage_hedges_total{service="target",result="sent"}');
  const statuses = await Promise.all(Array.from({ length: 60 }, () => call()));
  expect(statuses.every(({ status }) => status === 200)).toBe(true);
  const hedges = (await counter('selvage_hedges_total{service="target",result="sent"}')) - before;
  expect(hedges).toBeGreaterThan(0);
  // The tests before this one have saved up ten at most.
  expect(hedges).toBeLessThanOrEqual(6 + 10);
});

test("an instance gets no more requests at once than maxRequests, the others get the rest, and then callers are refused", async () => {
  const some = await Promise.all([hanging(), hanging()].map(({ behave }) => peers.start(behave)));
  const breaker = { ...outboundDefaults.breaker, maxRequests: 2 };
  await give(
    some.map(({ port }) => port),
    { breaker, timeoutMs: 4_000, retries: { attempts: 0, on: [] } },
  );
  const held = Array.from({ length: 4 }, () => call());
  await until("all places are taken", () => some.every(({ seen }) => seen.length === 2));
  const refused = await call("POST");
  expect(refused.status).toBe(503);
  expect(refused.body).toContain("breaker_open");
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([504, 504, 504, 504]);
  expect(some.map(({ seen }) => seen.length)).toEqual([2, 2]);
});

test("Retry-After makes the pause: in time it is waited for, and what does not fit the deadline is not tried again", async () => {
  const times: number[] = [];
  const busy = await peers.start((exchange, index) => {
    times.push(performance.now());
    answer(index === 1 ? 429 : 200, index === 1 ? { "retry-after": "1" } : {})(exchange, index);
  });
  const retries = { attempts: 2, on: ["5xx" as const], statuses: [429] };
  await give([busy.port], { retries });
  expect((await call()).status).toBe(200);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
  const full = await peers.start(answer(503, { "retry-after": "30" }));
  await give([full.port], { retries });
  expect((await call()).status).toBe(503);
  expect(full.seen).toHaveLength(1);
});

test("a 503 that asks for time sends the retry elsewhere at once", async () => {
  const full = await peers.start(answer(503, { "retry-after": "30" }));
  const good = await peers.start(answer(200));
  await give([full.port, good.port], { retries: { attempts: 2, on: ["5xx"] } });
  for (let n = 0; n < 4; n++) expect((await call()).status).toBe(200);
});

test("an attempt is told the time that it has, which is never more than what is left", async () => {
  const told: string[] = [];
  const one = await peers.start((exchange, index) => {
    told.push(exchange.head.fields.get("selvage-deadline-ms") ?? "");
    if (index < 3) exchange.abort("again");
    else answer(200)(exchange, index);
  });
  await give([one.port], { timeoutMs: 5_000, retries: { attempts: 2, perTryMs: 700, on: ["reset"] } });
  expect((await call()).status).toBe(200);
  expect(told.map(Number).every((leftMs) => leftMs > 500 && leftMs <= 700)).toBe(true);
  await give([one.port], { timeoutMs: 600, retries: { attempts: 2, perTryMs: 700, on: ["reset"] } });
  await call();
  expect(Number(told.at(-1))).toBeLessThanOrEqual(600);
});

test("instances of the own zone come first, and others when those fail", async () => {
  const [b, c] = [await peers.start(answer(200)), await peers.start(answer(200))];
  let isDown = false;
  const home = await peers.start((exchange, index) => (isDown ? exchange.abort("down") : answer(200)(exchange, index)));
  const settings: Partial<OutboundServicePlan> = {
    balance: { policy: "peak-ewma", zones: { sufficientPercent: 70, failover: { "eu-1a": ["eu-1c"] } } },
    breaker: { ...outboundDefaults.breaker, consecutiveFailures: 1, ejectedPercentMax: 100 },
  };
  await peers.give(caller, [home.port, b.port, c.port], settings, ["eu-1a", "eu-1b", "eu-1c"]);
  for (let n = 0; n < 10; n++) expect((await call()).status).toBe(200);
  expect([home, b, c].map(({ seen }) => seen.length)).toEqual([10, 0, 0]);
  isDown = true;
  for (let n = 0; n < 10; n++) expect((await call()).status).toBe(200);
  expect(c.seen).toHaveLength(10);
  expect(b.seen).toHaveLength(0);
  expect(await counter('selvage_zone_attempts_total{service="target",zone="own"}')).toBeGreaterThanOrEqual(11);
  expect(await counter('selvage_zone_attempts_total{service="target",zone="other"}')).toBeGreaterThanOrEqual(10);
});
