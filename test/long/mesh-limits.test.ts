/**
 * Limits over all instances of a service, by real agents and the real control plane: none too many, under load, while an instance
 * dies and while nobody counts.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import { countOf, LimitedMesh } from "../support/limited-mesh.ts";
import { until } from "../support/system.ts";

let mesh: LimitedMesh;
let stopped = false;

function control(signal: "SIGSTOP" | "SIGCONT"): void {
  process.kill(mesh.control.pid, signal);
  stopped = signal === "SIGSTOP";
}

beforeAll(async () => {
  mesh = await LimitedMesh.start();
}, 90_000);
afterEach(() => {
  if (stopped) control("SIGCONT");
});
afterAll(() => mesh?.end());

test("exact: all of the limit passes, and not one call more", async () => {
  // The machine may be busy: whoever waits too long is not counted.
  await mesh.limit({ limit: "2000/hour", by: "service", name: "exact", mode: "exact", timeout: "10s" });
  const outcomes = await mesh.load(4_000, 48);
  const told = { passed: countOf(outcomes, 200), refused: countOf(outcomes, 429) };
  console.log("exact", told, percentile(outcomes));
  expect(told).toEqual({ passed: 2_000, refused: 2_000 });
}, 120_000);

test("leased: never more than the limit; a 32nd of it may lie with instances", async () => {
  await mesh.limit({ limit: "6400/hour", by: "service", name: "leased", mode: "leased" });
  const outcomes = await mesh.load(9_000, 48);
  const passed = countOf(outcomes, 200);
  console.log("leased", { passed }, percentile(outcomes));
  expect(passed).toBeLessThanOrEqual(6_400);
  expect(passed).toBeGreaterThanOrEqual(6_400 - 6_400 / limits.rateLimit.leasedPart);
  expect(passed + countOf(outcomes, 429)).toBe(9_000);
}, 120_000);

test("nobody counts: each instance lets its share of what was left through", async () => {
  await mesh.limit({ limit: "3000/hour", by: "service", name: "outage", mode: "exact" });
  const before = countOf(await mesh.load(1_200, 24), 200);
  expect(before).toBe(1_200);
  control("SIGSTOP");
  const during = await mesh.load(6_000, 24);
  const passed = before + countOf(during, 200);
  console.log("outage", { passed }, percentile(during));
  // Each instance knows what was left when it last heard of it: what others took since then is at most what was under way.
  expect(passed).toBeLessThanOrEqual(3_000 + 24);
  expect(passed).toBeGreaterThanOrEqual(3_000 - 3 * 24);
  expect(countOf(during, 200) + countOf(during, 429)).toBe(6_000);
  control("SIGCONT");
  await until("it is an alarm", async () => {
    await mesh.load(30, 3);
    return (await mesh.control.status()).alarms?.some(({ text }) =>
      text.includes("limit `outage` of service `callee`"),
    );
  });
  // What passed meanwhile was told: nothing is left.
  expect(countOf(await mesh.load(300, 8), 200)).toBe(0);
}, 120_000);

test("a limit that is closed serves nobody without a count, one that is open everybody", async () => {
  await mesh.limit({
    limit: "5000/hour",
    by: "all",
    name: "closed",
    mode: "exact",
    onFailure: "closed",
    timeout: "100ms",
  });
  await until("it is counted", async () => countOf(await mesh.load(30, 6), 200) === 30);
  control("SIGSTOP");
  expect(countOf(await mesh.load(60, 6), 503)).toBe(60);
  control("SIGCONT");
  await until("it is counted again", async () => countOf(await mesh.load(3, 3), 200) === 3);
  await mesh.limit({ limit: "1/hour", by: "all", name: "open", mode: "exact", onFailure: "open", timeout: "100ms" });
  control("SIGSTOP");
  expect(countOf(await mesh.load(60, 6), 200)).toBe(60);
}, 120_000);

test("an instance that dies takes what it held, and nothing else", async () => {
  await mesh.limit({ limit: "6400/hour", by: "service", name: "killed", mode: "leased" });
  const outcomes = await mesh.load(9_000, 48, (call) => {
    if (call === 2_000) mesh.kill(0);
  });
  const passed = countOf(outcomes, 200);
  console.log("killed", { passed, lost: countOf(outcomes, 0) }, percentile(outcomes));
  expect(passed).toBeLessThanOrEqual(6_400);
  // What was under way there was counted and did not come back, and what it held.
  expect(passed).toBeGreaterThanOrEqual(6_400 - (2 * 6_400) / limits.rateLimit.leasedPart - 48);
}, 120_000);

test("exact, while another one dies: not one call more", async () => {
  await mesh.limit({ limit: "2000/hour", by: "service", name: "exact-killed", mode: "exact", timeout: "10s" });
  const outcomes = await mesh.load(4_000, 48, (call) => {
    if (call === 800) mesh.kill(1);
  });
  const passed = countOf(outcomes, 200);
  console.log("exact, killed", { passed });
  expect(passed).toBeLessThanOrEqual(2_000);
  expect(passed).toBeGreaterThanOrEqual(2_000 - 48);
}, 120_000);

function percentile(outcomes: readonly { ms: number }[]): Record<string, number> {
  const sorted = outcomes.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (part: number): number => Math.round(sorted[Math.floor(sorted.length * part)] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: Math.round(sorted.at(-1) ?? 0) };
}
