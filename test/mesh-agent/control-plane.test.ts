/** The agent and its control plane: who may be it, what it may say, and life without it. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readState } from "../support/agent-state.ts";
import { makeAuthority } from "../support/certificates.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

let fleet: Fleet;
let control: TestControl;

beforeEach(async () => {
  fleet = new Fleet();
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { callee: {} } });
  control.setPlan("callee", {});
});

afterEach(async () => {
  await fleet.end();
  await control.close();
});

async function pair(): Promise<[TestAgent, TestAgent]> {
  const caller = fleet.run("caller-1", control.joinToken("caller"));
  const callee = fleet.run("callee-1", control.joinToken("callee"));
  await Promise.all([caller.ready(), callee.ready()]);
  await until("they know each other", async () => (await caller.calls("http://callee.mesh/")).status === 200);
  return [caller, callee];
}

const serialOf = async (agent: TestAgent): Promise<string> =>
  JSON.parse((await agent.admin("/config")).text).certificate.serialNumber;

test("another root than the token's, or a control plane without the secret, is not believed", async () => {
  const otherRoot = fleet.run("a", control.joinToken("callee", { root: "0".repeat(64) }));
  expect(await otherRoot.exited).toBe(1);
  expect(otherRoot.stderr).toContain("none of the roots");
  const secret = Buffer.alloc(32, 1).toString("base64url");
  const otherSecret = fleet.run("b", control.joinToken("callee", { secret }));
  expect(await otherSecret.exited).toBe(1);
  expect(otherSecret.stderr).toContain("403");
});

test("a token does not travel in clear to another machine, unless told so", async () => {
  const far = control.joinToken("callee", { url: "http://192.0.2.1:8788" });
  const refused = fleet.run("a", far);
  expect(await refused.exited).toBe(1);
  expect(refused.stderr).toContain("http://192.0.2.1:8788, which is plain HTTP and not loopback");
  expect(refused.stderr).toContain("or add --insecure");
  const told = fleet.run("b", control.joinToken("callee", { url: "http://selvage.invalid" }), ["--insecure"]);
  await until("it tries", () => told.stderr.includes("cannot be reached"));

  const agent = await fleet.run("c", control.joinToken("callee")).ready();
  agent.kill("SIGTERM");
  await agent.exited;
  const file = join(agent.folder, "identity.json");
  const identity = readState(agent.folder, "identity.json");
  writeFileSync(file, JSON.stringify({ ...identity, controlUrl: "http://[2001:db8::1]:8788" }));
  const again = fleet.run("c", undefined, [], agent.folder);
  expect(await again.exited).toBe(1);
  expect(again.stderr).toContain("http://[2001:db8::1]:8788, which is plain HTTP");
});

test("what the control plane says is escaped on stderr", async () => {
  control.failWith = 403;
  control.failDetail = "no\u001b[2J\nselvage-agent: fine";
  const agent = fleet.run("a", control.joinToken("callee"));
  expect(await agent.exited).toBe(1);
  expect(agent.stderr).toContain("no\\u{1b}[2J\\nselvage-agent: fine");
});

const SEALED = ["identity.json", "enrolment.json", "plan.json", "trust.json", "endpoints.json"];

test("key, token and view are encrypted, and for this user alone", async () => {
  const agent = await fleet.run("a", control.joinToken("callee")).ready();
  expect(statSync(agent.folder).mode & 0o777).toBe(0o700);
  for (const file of [...SEALED, "runtime.json", "state.key"])
    expect(statSync(join(agent.folder, file)).mode & 0o777).toBe(0o600);
  for (const file of SEALED) {
    expect(readFileSync(join(agent.folder, file), "utf8")).toMatch(
      /^\{"format":"selvage-state-1","key":"[0-9a-f]{16}","data":"[\w+/]+=*"\}$/,
    );
    expect(readState(agent.folder, file)).toBeTypeOf("object");
  }
});

test("a plan that cannot be used is refused with a reason, and the last good one stays", async () => {
  const agent = await fleet.run("a", control.joinToken("caller")).ready();
  const known = readState(agent.folder, "plan.json") as { hash: string; plan: object };
  control.sendRaw("a", { type: "plan", version: 90, hash: "0".repeat(64), plan: known.plan });
  control.sendRaw("a", { type: "plan", version: 91, hash: known.hash, plan: { ...known.plan, format: 2 } });
  await until("both are refused", () => control.heard.filter(({ type }) => type === "refuse").length === 2);
  expect(control.heard.filter(({ type }) => type === "refuse")).toMatchObject([
    { version: 90, reason: "the plan's hash does not fit its content" },
    { version: 91 },
  ]);
  expect(JSON.parse((await agent.admin("/config")).text).plan.version).toBe(1);
  control.setPlan("caller", { outbound: {} });
  await until("a good one is acknowledged", () => control.heard.some((one) => one.type === "ack" && one.version === 2));
});

test("without the control plane calls go on, and so does a restarted agent", async () => {
  const [caller, callee] = await pair();
  await control.close();
  await until("the caller noticed", async () => (await caller.admin("/config")).text.includes('"connected":false'));
  expect((await caller.calls("http://callee.mesh/", "POST")).status).toBe(200);
  const { appPid = 0 } = caller.runtime;
  caller.kill("SIGKILL");
  process.kill(appPid, "SIGKILL");
  await caller.exited;
  const again = await fleet.run("caller-1", undefined, [], caller.folder).ready();
  expect((await again.calls("http://callee.mesh/", "POST")).status).toBe(200);
  await control.open();
  await until("both are back, and ready", () => control.isReady("caller-1") && control.isReady("callee-1"));
  const hello = control.heard.findLast(({ type, from }) => type === "hello" && from === "caller-1");
  expect(hello).toMatchObject({ planVersion: 1 });
  expect((await again.calls("http://callee.mesh/")).status).toBe(200);
  expect(callee.over).toBe(false);
});

test("certificates are exchanged under load without a failed call", async () => {
  control.leafLifetimeMs = 6_000;
  const [caller, callee] = await pair();
  const serials = new Set<string>();
  const startMs = performance.now();
  while (serials.size < 3 && performance.now() - startMs < 12_000) {
    expect((await caller.calls("http://callee.mesh/", "POST")).status).toBe(200);
    serials.add(await serialOf(callee));
  }
  expect(serials.size).toBe(3);
  const onDisk = readState(callee.folder, "identity.json") as { certificates: string[] };
  expect(onDisk.certificates).toHaveLength(2);
}, 30_000);

test("a failing renewal is tried again and costs nothing", async () => {
  control.leafLifetimeMs = 12_000;
  const [caller, callee] = await pair();
  const before = await serialOf(callee);
  control.failWith = 500;
  await until("it failed twice", () => (callee.stdout.match(/renewal_failed/g) ?? []).length >= 2);
  expect(await serialOf(callee)).toBe(before);
  expect((await caller.calls("http://callee.mesh/")).status).toBe(200);
  control.failWith = undefined;
  await until("it succeeded", async () => (await serialOf(callee)) !== before);
  expect((await caller.calls("http://callee.mesh/")).status).toBe(200);
}, 30_000);

test("a renewed certificate is in use even when it cannot be kept, and stopping needs no disk", async () => {
  control.leafLifetimeMs = 12_000;
  const [caller, callee] = await pair();
  const before = await serialOf(callee);
  // A folder cannot be replaced by a file, also by root.
  const block = (name: string): void => {
    rmSync(join(callee.folder, name));
    mkdirSync(join(callee.folder, name));
  };
  block("identity.json");
  await until("it renewed", async () => (await serialOf(callee)) !== before);
  await until("it said so", () => callee.stdout.includes("in use but not on disk"));
  expect(callee.stdout).not.toContain("renewal_failed");
  expect((await caller.calls("http://callee.mesh/")).status).toBe(200);
  block("runtime.json");
  callee.kill("SIGTERM");
  expect(await callee.exited).toBe(0);
  expect(callee.stdout).toContain("runtime.json is not written");
}, 30_000);

test("when another authority takes over, agents ask it for certificates at once, and calls go on", async () => {
  const [caller, callee] = await pair();
  const before = await Promise.all([serialOf(caller), serialOf(callee)]);
  control.authority = await makeAuthority("test.internal");
  control.announceTrust();
  await until("both have new certificates", async () =>
    (await Promise.all([serialOf(caller), serialOf(callee)])).every((serial) => !before.includes(serial)),
  );
  await until("calls go on", async () => (await caller.calls("http://callee.mesh/", "POST")).status === 200);
}, 30_000);

test("an agent waits for a control plane that is not there yet, and for a plan", async () => {
  const token = control.joinToken("late");
  await control.close();
  const agent = fleet.run("late-1", token);
  await until("it says what it waits for", () => agent.stderr.includes("cannot be reached"));
  await control.open();
  await until("it waits for a plan", () => agent.stderr.includes("waiting for a plan that names late"));
  expect(agent.runtime).toMatchObject({ phase: "starting", service: "late", ports: {} });
  control.setPlan("late", {});
  await agent.ready();
});
