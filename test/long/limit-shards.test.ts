/** A key that is hotter than one object bears, on ten isolates of one workerd: by one object, and by shards. */
import { afterEach, expect, test } from "vitest";
import { mostIn } from "../simulation/run-load.ts";
import { type AdmissionLog, startAdmissionLog } from "../support/admission-log.ts";
import { COUNTED_WORKER, type Isolates, startIsolates } from "../support/isolates.ts";
import { runStatusLoad } from "../support/status-load.ts";

const ISOLATES = 10;
const LIMIT = 6_000;
const WINDOW_MS = 10_000;
/** What is on its way from the decision to the upstream, where admissions are timed. */
const ON_THE_WAY_MS = 500;
const NEVER = { LIMITER_CALLS_PER_SECOND: "1000000000" };
const clientIp = "192.0.2.1";

let upstream: AdmissionLog | undefined;
let isolates: Isolates | undefined;
afterEach(async () => {
  await isolates?.stop();
  upstream?.close();
});

async function start(vars: Readonly<Record<string, string>>): Promise<{ upstream: AdmissionLog; isolates: Isolates }> {
  const log = await startAdmissionLog();
  upstream = log;
  const limited = (name: string, limit: string): string =>
    `    - { name: ${name}, match: { path: /${name} }, rateLimit: { limit: ${limit}, by: ip, mode: exact, onFailure: closed }, to: "http://127.0.0.1:${log.port}" }\n`;
  const document = `selvage: 1
name: shards
gateway:
  hosts: ["127.0.0.1"]
  routes:
${limited("wide", "1000000000/hour")}${limited("hot", `${LIMIT}/${WINDOW_MS / 1000}s`)}`;
  isolates = await startIsolates(ISOLATES, document, COUNTED_WORKER, vars);
  return { upstream: log, isolates };
}

const sumOf = (statuses: ReadonlyMap<number, number>): number =>
  [...statuses.values()].reduce((sum, one) => sum + one, 0);

const cases: [string, Record<string, string>][] = [
  ["one object", NEVER],
  ["shards", {}],
  ["shards, early", { LIMITER_CALLS_PER_SECOND: "100" }],
];

test.each(cases)("an exact key as fast as it is answered: %s", async (name, vars) => {
  const { isolates } = await start(vars);
  const load = async (forMs: number): Promise<{ requests: number; perSecond: number }> => {
    const startedAt = performance.now();
    const next = () => (performance.now() < startedAt + forMs ? { path: "/wide", clientIp } : undefined);
    const requests = sumOf(await runStatusLoad({ ports: isolates.ports, next, connections: 4 }));
    return { requests, perSecond: (requests / (performance.now() - startedAt)) * 1000 };
  };
  await load(12_000);
  const [calls, shardCalls] = [await isolates.calls(), (await isolates.shardCalls()).calls];
  const { requests, perSecond } = await load(10_000);
  const asked = await isolates.shardCalls();
  const perRequest = ((await isolates.calls()) - calls) / requests;
  console.log(
    `${name}: ${Math.round(perSecond)} requests/s, calls a request ${perRequest.toFixed(5)} to the limiter and ` +
      `${((asked.calls - shardCalls) / requests).toFixed(3)} to ${asked.shards} shards`,
  );
  expect(perRequest).toBeLessThanOrEqual(vars === NEVER ? 1 : 0.05);
});

test.each(cases)("an exact key that is offered four times its limit: %s", async (name, vars) => {
  const { upstream, isolates } = await start(vars);
  const ratePerSecond = (4 * LIMIT * 1000) / WINDOW_MS;
  const requests = 3 * 4 * LIMIT + LIMIT;
  const next = (at: number) => (at < requests ? { path: "/hot", clientIp } : undefined);
  const startedAt = performance.now();
  const statuses = await runStatusLoad({ ports: isolates.ports, next, ratePerSecond, connections: 16 });
  const tookMs = performance.now() - startedAt;
  const times = [...upstream.times].sort((a, b) => a - b);
  const windows = Math.floor((times.length - 1) / LIMIT);
  const cycleMs = ((times[windows * LIMIT] as number) - (times[0] as number)) / windows;
  const over = mostIn(times, WINDOW_MS - ON_THE_WAY_MS) - LIMIT;
  const asked = await isolates.shardCalls();
  console.log(
    `${name}: ${LIMIT} in ${WINDOW_MS} ms, offered ${Math.round((requests / tookMs) * 1000)}/s, over ${Math.max(0, over)}, ` +
      `utilisation ${((WINDOW_MS / cycleMs) * 100).toFixed(1)} %, calls a request ` +
      `${((await isolates.calls()) / requests).toFixed(4)} to the limiter and ${(asked.calls / requests).toFixed(4)} to ${asked.shards} shards; ` +
      `${[...statuses].map(([status, count]) => `${count} x ${status}`).join(", ")}`,
  );
  expect(over).toBeLessThanOrEqual(0);
  expect([...statuses.keys()].filter((status) => status !== 200 && status !== 429)).toEqual([]);
});
