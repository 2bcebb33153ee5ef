/** A version of edge routes and mesh policy together, tried on a share of the requests, under load: no request is decided by two. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { CanaryStatus } from "../../../shared/wire/canary.ts";
import type { Answer } from "../../support/load.ts";
import { orderLoad } from "../../support/outages.ts";
import { root, type System, startSystem, until } from "../../support/system.ts";

const RATE = 60;
const HOSTS = ["gateway", "ingress", "orders-v1-1", "orders-v1-2", "orders-v2-1", "inventory-1"];

let system: System;
let token: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "selvage-canary-"));
  system = await startSystem();
  token = await system.token("alice", "orders:read");
  await selvage("apply", document("old", "v1"), "--wait");
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The edge rewrites to a path of its own, and the mesh takes that path alone, to instances by their version. */
function document(side: string, subset: string, inventoryFrom = "orders"): string {
  let text = readFileSync(join(root, "examples/shop/selvage.yaml"), "utf8");
  const edits = [
    [/match: \{ path: \/load\/orders\/\* \}/, `match: { path: /load/orders/* }\n      rewrite: /${side}/orders/*`],
    [/split: \{ v1: 90, v2: 10 \}/, `split: { ${subset}: 100 }`],
    [/access: # the end.*\n(.*\n){2}/, `access: [{ from: gateway, paths: ["/${side}/*"] }]\n`],
    [/access: \[\{ from: orders \}\]/, `access: [{ from: ${inventoryFrom} }]`],
  ] as const;
  for (const [from, to] of edits) {
    if (text.search(from) < 0) throw new Error(`the shop has no ${from}`);
    text = text.replace(from, to);
  }
  const file = join(folder, `${side}.yaml`);
  writeFileSync(file, text);
  return file;
}

async function selvage(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await system.selvage(...args);
  expect([args.join(" "), code, stderr]).toEqual([args.join(" "), 0, expect.anything()]);
  return stdout;
}

const canary = async (): Promise<CanaryStatus> =>
  (JSON.parse((await system.selvage("canary", "status", "--json")).stdout) as { canary: CanaryStatus }).canary;

const versionIn = ({ body }: Answer): string => (JSON.parse(body) as { version: string }).version;

/** Waits until so many more requests were decided by a version at a host. */
async function decided(version: number, count: number, name: string): Promise<void> {
  const lines = (): number => system.accessLog(name).filter(({ plan }) => plan === version).length;
  const goal = lines() + count;
  await until(`${count} requests by version ${version} at ${name}`, () => lines() >= goal);
}

/** Requests that one of these versions decided, with all plans that did, at every hop that tells of it. */
function plansByTrace(...versions: number[]): { readonly plans: Set<number>; readonly hops: number }[] {
  const found = new Map<string, { plans: Set<number>; hops: number }>();
  for (const { traceId, plan } of HOSTS.flatMap((name) => system.accessLog(name))) {
    const known = found.get(traceId) ?? { plans: new Set(), hops: 0 };
    found.set(traceId, known);
    known.plans.add(plan);
    known.hops++;
  }
  return [...found.values()].filter(({ plans }) => versions.some((version) => plans.has(version)));
}

test("from nothing over half to all: each request is decided by one version, at every hop", async () => {
  const load = orderLoad(system, token, RATE);
  const started = await selvage(
    "apply",
    document("new", "v1: 50, v2"),
    "--canary",
    "50%",
    "--sticky",
    "trace",
    "--wait",
  );
  expect(started).toContain("is a canary");
  const { version } = await canary();
  await decided(version, 30, "orders-v1-2");
  await decided(version - 1, 30, "orders-v1-2");
  // What starts anew serves both, too: its second plan is on its disk.
  system.kill("orders-v1-2", "agent", "SIGKILL");
  await system.restart("orders-v1-2");
  await decided(version, 10, "orders-v1-2");
  await decided(version - 1, 10, "orders-v1-2");
  expect(await canary()).toMatchObject({ phase: "running", share: 5000, missing: { count: 0 } });
  expect(await selvage("canary", "promote", "--wait")).toContain("it is live");
  const promotedAtMs = Date.now();
  // A lease, in which a gateway may still give its requests to both.
  await delay(limits.gateway.planLeaseMs);
  await decided(version, 60, "gateway");
  const { answers, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(new Set(answers.map(versionIn))).toEqual(new Set(["v1", "v2"]));
  const late = system.accessLog("gateway").filter(({ time }) => Date.parse(time) > promotedAtMs);
  expect(new Set(late.map(({ plan }) => plan))).toEqual(new Set([version]));
  expect(new Set(system.accessLog("orders-v2-1").map(({ plan }) => plan))).toEqual(new Set([version]));
  const traces = plansByTrace(version, version - 1);
  expect(traces.filter(({ hops }) => hops >= 5).length).toBeGreaterThan(100);
  expect(traces.filter(({ plans }) => plans.size > 1)).toEqual([]);
});

test("a bad one, which inside alone is bad, is rolled back by itself; the others see nothing of it", async () => {
  const load = orderLoad(system, token, RATE);
  const bad = document("bad", "v1", "users");
  const ended = await system.selvage(
    ...["apply", bad, "--canary", "30%", "--sticky", "trace", "--every", "1m", "--wait"],
  );
  expect(ended.code).toBe(1);
  const { version, reason } = await canary();
  expect(reason).toMatch(/requests failed/);
  expect(ended.stderr).toContain(`canary of version ${version}: rolled back to version ${version - 1}: ${reason}`);
  await until("no gateway gives it a request", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => system.get("/load/orders/1", token)));
    return answers.every(({ status }) => status === 200);
  });
  const { answers, sent } = await load.stop();
  expect(answers.length).toBeGreaterThan(sent / 2);
  expect(plansByTrace(version).filter(({ plans }) => plans.size > 1)).toEqual([]);
  expect((await system.selvage("canary", "status")).code).toBe(1);
});
