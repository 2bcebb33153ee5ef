/** Limits on ten isolates of one workerd that share their objects: a hot key, a flood that is refused, cold keys. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mostIn } from "../simulation/run-load.ts";
import { type AdmissionLog, startAdmissionLog } from "../support/admission-log.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { runStatusLoad } from "../support/status-load.ts";

const ISOLATES = 10;
const WINDOW_MS = 60_000;
const WINDOWS = 2;
const LIMITS = [4_000, 6_000, 8_000, 12_000, 16_000, 20_000, 30_000, 40_000, 50_000, 60_000, 80_000, 100_000];
/** What is on its way from the decision to the upstream, where admissions are timed. */
const ON_THE_WAY_MS = 500;
const MANY = 100_000;

let upstream: AdmissionLog;
let isolates: Isolates;

beforeAll(async () => {
  upstream = await startAdmissionLog();
  const to = `to: "http://127.0.0.1:${upstream.port}"`;
  const limited = (name: string, limit: string, mode = "leased"): string =>
    `    - { name: ${name}, match: { path: /${name} }, rateLimit: { limit: ${limit}, by: ip, mode: ${mode} }, ${to} }\n`;
  const hot = LIMITS.map((limit) => limited(`hot-${limit}`, `${limit}/minute`)).join("");
  const document = `selvage: 1
name: limits
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: open, match: { path: /open }, ${to} }
${limited("used", "100/hour")}${limited("cold", "100/hour")}${limited("many", "5/10s")}${limited("exact", "1000000000/hour", "exact")}${hot}`;
  isolates = await startIsolates(ISOLATES, document);
});
afterAll(async () => {
  await isolates?.stop();
  upstream?.close();
});

const clientIp = "192.0.2.1";

/** As fast as it is answered, for some time. @returns answers a second */
async function capacity(path: string, forMs: number): Promise<number> {
  const endAt = performance.now() + forMs;
  const next = () => (performance.now() < endAt ? { path, clientIp } : undefined);
  const startedAt = performance.now();
  const statuses = await runStatusLoad({ ports: isolates.ports, next, connections: 4 });
  return (sumOf(statuses) / (performance.now() - startedAt)) * 1000;
}

const sumOf = (statuses: ReadonlyMap<number, number>): number =>
  [...statuses.values()].reduce((sum, one) => sum + one, 0);

/** The largest limit four times of which is offered without the machine being the limit. */
async function largestLimit(): Promise<number> {
  await capacity("/open", 2_000);
  await capacity("/used", 2_000);
  const [open, refused] = [await capacity("/open", 4_000), await capacity("/used", 4_000)];
  console.log(`capacity: ${Math.round(open)} forwarded/s, ${Math.round(refused)} refused/s`);
  const offered = 0.75 * Math.min(open, refused);
  return LIMITS.filter((limit) => (4 * limit * 1000) / WINDOW_MS <= offered).at(-1) ?? (LIMITS[0] as number);
}

test("a hot key that is offered four times its limit", async () => {
  const limit = await largestLimit();
  const before = await isolates.calls();
  upstream.times.length = 0;
  const requests = 4 * limit * WINDOWS + limit;
  const next = (at: number) => (at < requests ? { path: `/hot-${limit}`, clientIp } : undefined);
  const ratePerSecond = (4 * limit * 1000) / WINDOW_MS;
  const startedAt = performance.now();
  const statuses = await runStatusLoad({ ports: isolates.ports, next, ratePerSecond, connections: 16 });
  const tookMs = performance.now() - startedAt;
  const calls = (await isolates.calls()) - before;
  const times = [...upstream.times].sort((a, b) => a - b);
  const windows = Math.floor((times.length - 1) / limit);
  const cycleMs = ((times[windows * limit] as number) - (times[0] as number)) / windows;
  const over = mostIn(times, WINDOW_MS - ON_THE_WAY_MS) - limit;
  console.log(
    `hot: L ${limit}/minute, offered ${Math.round((requests / tookMs) * 1000)}/s (asked for ${ratePerSecond}), ` +
      `admitted ${times.length}, over ${Math.max(0, over)}, utilisation ${((WINDOW_MS / cycleMs) * 100).toFixed(1)} %, ` +
      `${(calls / requests).toFixed(4)} calls a request`,
  );
  expect([...statuses.keys()].sort()).toEqual([200, 429]);
  expect(over).toBeLessThanOrEqual(0);
  expect(WINDOW_MS / cycleMs).toBeGreaterThanOrEqual(0.97);
  expect(calls / requests).toBeLessThanOrEqual(0.02);
});

test("a key that is used up is refused for next to no calls", async () => {
  await capacity("/used", 2_000);
  const before = await isolates.calls();
  const requests = 50_000;
  const next = (at: number) => (at < requests ? { path: "/used", clientIp } : undefined);
  const statuses = await runStatusLoad({ ports: isolates.ports, next, connections: 8 });
  const calls = (await isolates.calls()) - before;
  console.log(`refused: ${calls} calls for ${requests} requests, ${(calls / requests).toFixed(5)} a request`);
  expect([...statuses.keys()]).toEqual([429]);
  expect(calls / requests).toBeLessThanOrEqual(0.001);
});

test("a cold key costs exactly one call", async () => {
  const before = await isolates.calls();
  const keys = 5_000;
  const next = (at: number) => (at < keys ? { path: "/cold", clientIp: addressOf(at) } : undefined);
  const statuses = await runStatusLoad({ ports: isolates.ports, next, connections: 4 });
  const calls = (await isolates.calls()) - before;
  console.log(`cold: ${calls} calls for ${keys} keys`);
  expect(statuses.get(200)).toBe(keys);
  expect(calls).toBe(keys);
});

test("what one object gives", async () => {
  await capacity("/exact", 2_000);
  const before = await isolates.calls();
  const perSecond = await capacity("/exact", 5_000);
  console.log(`one object, exact: ${Math.round(perSecond)} requests/s, ${(await isolates.calls()) - before} calls`);
  expect(perSecond).toBeGreaterThan(0);
});

test("a hundred thousand keys of one isolate leave nothing behind", { timeout: 2 * 3_600_000 }, async () => {
  // One isolate sees ten times the keys that it may remember; its heap grows to its working size by any traffic.
  const ports = isolates.ports.slice(0, 1);
  await capacity("/open", 20_000);
  const kept = isolates.objects();
  const before = isolates.alarms();
  const [rssBefore, rss] = [rssOf(), [] as number[]];
  const startedAt = performance.now();
  for (let tenth = 0; tenth < 10; tenth++) {
    const first = (tenth * MANY) / 10;
    const next = (at: number) => (at < MANY / 10 ? { path: "/many", clientIp: addressOf(first + at) } : undefined);
    const statuses = await runStatusLoad({ ports, next, connections: 4 });
    // A disk that stalls for longer than a limiter is waited for makes a few fail.
    expect(statuses.get(200)).toBeGreaterThan(0.95 * (MANY / 10));
    rss.push(Math.round(rssOf()));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const full = isolates.objects();
  for (let waited = 0; waited < 120 && isolates.alarms() > before; waited++) await delay(1_000);
  console.log(
    `${MANY} keys in ${seconds.toFixed(0)} s; memory of the process ${rssBefore.toFixed(0)} MiB before, then after each tenth ${rss.join(", ")}; ` +
      `databases ${kept.count}, then ${full.count} (${(full.bytes / full.count).toFixed(0)} bytes each), ${isolates.alarms() - before} of them with a state at the end`,
  );
  expect(isolates.alarms()).toBeLessThanOrEqual(before);
  // What is remembered of keys is bounded: the second half finds the room of the first.
  expect((rss[9] as number) - (rss[4] as number)).toBeLessThan(0.25 * (rss[4] as number));
});

/** Memory of the process, MiB. */
function rssOf(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${isolates.pid()}/status`, "utf8"))?.[1]) / 1024;
}

/** A network of its own for each number: IPv6 clients count by /64. */
function addressOf(at: number): string {
  return `2001:db8:${(at >>> 16).toString(16)}:${(at & 0xffff).toString(16)}::1`;
}
