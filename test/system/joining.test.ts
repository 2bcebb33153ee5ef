/** Workloads join by tokens of a real issuer, and come back by themselves. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestAgent } from "../mesh-agent/support/agents.ts";
import { readState } from "../support/agent-state.ts";
import { outageOfControl, suspending } from "../support/join-outage.ts";
import { AUDIENCE, JoinWorld } from "../support/join-world.ts";
import { until } from "../support/system.ts";

let world: JoinWorld;

beforeAll(async () => {
  world = await JoinWorld.start("{ lifetime: 5m }");
});
afterAll(() => world?.end());

test("without the control plane agents that joined by tokens serve on, also one that starts again", async () => {
  const { failures, restartedOffline } = await outageOfControl(suspending(world), {
    awayS: 6,
    rate: 50,
    renews: false,
  });
  expect(failures).toEqual([]);
  expect(restartedOffline).toBe(true);
  expect((await world.audit()).filter(({ act }) => act === "join").length).toBeGreaterThanOrEqual(3);
});

const LIFE_MS = 5_000;
let suspended: TestAgent;
let suspendedAtMs: number;
let stopped: TestAgent;

test("a token of a key that is newer than the known ones is good", async () => {
  await world.setLives(`{ lifetime: ${LIFE_MS}ms, tokenLifetime: ${LIFE_MS}ms }`);
  await world.issuer.rotate();
  suspended = await (await world.agent("callee", "callee-5")).ready();
  expect(world.issuer.asked).toBeLessThan(5);
  suspended.kill("SIGSTOP");
  suspendedAtMs = Date.now();
});

test("`selvage join test` says what a token would join as", async () => {
  const good = await world.selvage("join", "test", world.tokenFile("t1", await world.token("caller")));
  expect([good.code, good.stdout]).toEqual([0, expect.stringContaining("joins as caller")]);
  const bad = await world.selvage("join", "test", world.tokenFile("t2", await world.token("orders")));
  expect([bad.code, bad.stdout]).toEqual([1, expect.stringContaining("which `allow` does not name")]);
});

test("a token that was used, and one for somebody else, let nobody in, and the audit log says why", async () => {
  const used = world.tokenFile("used", await world.token("callee"));
  stopped = await world.start("callee-7", used).ready();
  stopped.kill("SIGTERM");
  await stopped.exited;
  const replayed = world.start("callee-8", used);
  expect(await replayed.exited).toBe(1);
  expect(replayed.stderr).toContain("answered 401: The workload may not join.");
  const foreign = await world.issuer.token("https://kubernetes.default.svc", {
    sub: "system:serviceaccount:shop:callee",
  });
  const other = world.start("callee-9", world.tokenFile("foreign", foreign));
  expect(await other.exited).toBe(1);
  const reasons = (await world.audit()).filter(({ act }) => act === "join-refused").map(({ detail }) => detail);
  expect(reasons).toEqual([
    expect.stringContaining(`expected ${AUDIENCE}`),
    expect.stringContaining("the token was used before, with another key"),
  ]);
});

test("a damaged identity is kept aside, and the agent comes back without a token", async () => {
  writeFileSync(join(stopped.folder, "identity.json"), '{"format":"selvage-state-1"');
  const again = await world.start("callee-7", "/nonexistent", stopped.folder).ready();
  expect(again.stdout).toContain("identity.json is broken");
  expect(again.stdout).toContain("came back as callee by the enrolment key");
  expect(existsSync(join(stopped.folder, "identity.json.unreadable"))).toBe(true);
});

async function keysOf(instance: string): Promise<string[]> {
  const { keys } = JSON.parse((await world.selvage("join", "keys", "--json")).stdout);
  return keys.filter((key: { instance: string }) => key.instance === instance).map(({ id }: { id: string }) => id);
}

test("a suspended agent comes back unattended when all that it had has ended", async () => {
  const before = readState(suspended.folder, "identity.json").token;
  await delay(suspendedAtMs + LIFE_MS + 1_000 - Date.now());
  suspended.kill("SIGCONT");
  await until("it came back", () => suspended.stdout.includes("came back as callee by the enrolment key"));
  await until("it is connected", async () => (await suspended.admin("/config")).text.includes('"connected":true'));
  expect(readState(suspended.folder, "identity.json").token).not.toBe(before);
});

test("an agent that was away while the root was replaced twice, and lost its identity, comes back by its key", async () => {
  const away = await (await world.agent("callee", "callee-6")).ready();
  away.kill("SIGTERM");
  await away.exited;
  const [former] = readState(away.folder, "identity.json").roots;
  rmSync(join(away.folder, "identity.json"));
  for (const _ of [1, 2])
    expect((await world.selvage("ca", "rotate-root", "--force", "all", "--timeout", "60s")).code).toBe(0);
  const again = await world.fleet.run("callee-6", undefined, [], away.folder).ready();
  expect(again.stdout).toContain("came back as callee by the enrolment key");
  const { roots } = readState(away.folder, "identity.json");
  expect([roots.length, roots.includes(former)]).toEqual([1, false]);
  await until("it is connected", async () => (await again.admin("/config")).text.includes('"connected":true'));
});

test("the folder of an older agent is taken over: sealed at once, and a key told with the next renewal", async () => {
  await world.setLives(`{ lifetime: ${LIFE_MS}ms, tokenLifetime: 10m }`);
  const former = await (await world.agent("callee", "callee-3")).ready();
  former.kill("SIGTERM");
  await former.exited;
  const { folder } = former;
  const identity = JSON.stringify(readState(folder, "identity.json"));
  for (const name of ["enrolment.json", "state.key", "plan.json", "trust.json", "endpoints.json"])
    rmSync(join(folder, name));
  writeFileSync(join(folder, "identity.json"), identity);
  const before = await keysOf("callee-3");
  const agent = await world.fleet.run("callee-3", undefined, [], folder).ready();
  expect(readFileSync(join(folder, "identity.json"), "utf8")).not.toContain("PRIVATE KEY");
  await until("another key is known", async () => (await keysOf("callee-3")).join() !== before.join());
  expect(agent.over).toBe(false);
});

test("keys are listed, and one that was removed lets nobody come back", async () => {
  const [own = ""] = await keysOf("callee-5");
  suspended.kill("SIGTERM");
  await suspended.exited;
  expect((await world.selvage("join", "forget", own)).code).toBe(0);
  rmSync(join(suspended.folder, "identity.json"));
  const again = world.fleet.run("callee-5", undefined, [], suspended.folder);
  expect(await again.exited).toBe(1);
  expect(again.stderr).toContain("give a new join token");
});
