/** Start and end of an agent and its application, and what its callers notice of it. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const launcher = join(import.meta.dirname, "../../bin/selvage-agent.mjs");
const callers = new Fleet();
let fleet: Fleet;
let control: TestControl;
let caller: TestAgent;
/** Ends the calls of a test that failed. */
let going = false;

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { callee: {} } });
  control.setPlan("callee", {});
  caller = await callers.run("caller-1", control.joinToken("caller")).ready();
}, 30_000);

beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => {
  going = false;
  return fleet.end();
});

afterAll(async () => {
  await callers.end();
  await control.close();
});

const callee = (name: string): TestAgent => fleet.run(name, control.joinToken("callee"));

async function known(...names: string[]): Promise<void> {
  await until(`the caller knows ${names.join(" and ")}`, async () => {
    const { endpoints } = JSON.parse((await caller.admin("/config")).text);
    const instances = (endpoints.services.callee ?? []).map((one: { instance: string }) => one.instance);
    return JSON.stringify(instances.sort()) === JSON.stringify(names.sort());
  });
}

/** Calls without a pause until it is stopped. */
function keepCalling(method: string): { stop: () => Promise<Record<string, number>> } {
  const statuses: Record<string, number> = {};
  going = true;
  const worker = async (): Promise<void> => {
    while (going) {
      const status = await caller.calls("http://callee.mesh/", method).then(
        (answer) => answer.status,
        (error: Error) => error.message,
      );
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  const workers = [worker(), worker(), worker()];
  return {
    stop: async () => {
      going = false;
      await Promise.all(workers);
      return statuses;
    },
  };
}

test.each(["GET", "POST"])("SIGTERM under load costs no %s; the application is stopped last", async (method) => {
  const stays = await callee("stays").ready();
  const leaves = await callee("leaves").ready();
  await known("leaves", "stays");
  const calls = keepCalling(method);
  await until("both are called", () => leaves.log("inbound").length > 10 && stays.log("inbound").length > 10);
  const { appPid = 0 } = leaves.runtime;
  leaves.kill("SIGTERM");
  await until("it drains", () => leaves.runtime.phase === "draining");
  expect(() => process.kill(appPid, 0)).not.toThrow();
  expect(await leaves.exited).toBe(0);
  const statuses = await calls.stop();
  expect(Object.keys(statuses)).toEqual(["200"]);
  expect(leaves.runtime.phase).toBe("stopped");
  expect(() => process.kill(appPid, 0)).toThrow();
  await known("stays");
});

test("a request under way is finished before the application is stopped", async () => {
  const leaves = await callee("leaves").ready();
  await known("leaves");
  const slow = caller.calls("http://callee.mesh/slow?ms=1800");
  await delay(300);
  leaves.kill("SIGTERM");
  expect((await slow).status).toBe(200);
  expect(await leaves.exited).toBe(0);
});

test.each([["app"], ["agent"], ["app", "agent"]])("SIGKILL of the %s %s under load costs no GET", async (...roles) => {
  const stays = await callee("stays").ready();
  const dies = await callee("dies").ready();
  await known("dies", "stays");
  const calls = keepCalling("GET");
  await until("both are called", () => dies.log("inbound").length > 10 && stays.log("inbound").length > 10);
  const { appPid = 0, pid } = dies.runtime;
  if (roles.includes("app")) process.kill(appPid, "SIGKILL");
  if (roles.includes("agent")) process.kill(pid, "SIGKILL");
  await known("stays");
  expect(Object.keys(await calls.stop())).toEqual(["200"]);
  if (!roles.includes("agent")) expect(await dies.exited).toBe(137);
  else if (!roles.includes("app")) process.kill(appPid, "SIGKILL");
});

test("an application that ends takes its agent along, with its exit code", async () => {
  const agent = await callee("ends").ready();
  await known("ends");
  await agent.app("/exit?code=7").catch(() => {});
  await known();
  expect(await agent.exited).toBe(7);
});

test("an application that does not start, or is no program", async () => {
  const folder = fleet.folder();
  const run = (...command: string[]): TestAgent =>
    fleet.start("x", folder, ["run", "--state", folder, "--", ...command], control.joinToken("callee"));
  const fails = run(process.execPath, "-e", "process.exit(3)");
  expect(await fails.exited).toBe(3);
  const missing = run("no-such-program");
  expect(await missing.exited).toBe(1);
  expect(missing.stderr).toContain("cannot start no-such-program: there is no such command");
});

test("other signals are the application's", async () => {
  const folder = fleet.folder();
  const script = `
    const { createServer } = require("node:http");
    for (const name of ["SIGHUP", "SIGUSR2"]) process.on(name, () => console.log("got " + name));
    createServer().listen(process.env.PORT, "127.0.0.1");`;
  const args = ["run", "--state", folder, "--port", "0", "--", process.execPath, "-e", script];
  const agent = await fleet.start("x", folder, args, control.joinToken("callee")).ready();
  agent.kill("SIGHUP");
  agent.kill("SIGUSR2");
  await until("both arrived", () => agent.stdout.includes("got SIGHUP") && agent.stdout.includes("got SIGUSR2"));
  agent.kill("SIGTERM");
  expect(await agent.exited).toBe(143);
});

test("one agent a state folder, and a killed one's folder is free", async () => {
  const first = await callee("first").ready();
  const second = fleet.run("second", undefined, [], first.folder);
  expect(await second.exited).toBe(1);
  expect(second.stderr).toContain(`in use by the agent with process id ${first.runtime.pid}`);
  const { appPid = 0 } = first.runtime;
  first.kill("SIGKILL");
  process.kill(appPid, "SIGKILL");
  await first.exited;
  await fleet.run("first", undefined, [], first.folder).ready();
});

test("a taken port is named", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const agent = fleet.run("x", control.joinToken("callee"), ["--outbound", `127.0.0.1:${port}`]);
  expect(await agent.exited).toBe(1);
  expect(agent.stderr).toContain(`outbound listener 127.0.0.1:${port}: the port is in use`);
  holder.close();
});

test("nobody reads its output: calls go on, lines are counted, and it still ends", async () => {
  const agent = callee("unread");
  agent.stopReading();
  await agent.ready();
  const outbound = `http://127.0.0.1:${agent.runtime.ports.outbound}/`;
  for (let n = 0; n < 1_500; n++) expect((await fetch(outbound)).status).toBe(404);
  expect((await agent.admin("/metrics")).text).toMatch(/^selvage_log_lines_dropped_total [1-9]/m);
  const { appPid = 0 } = agent.runtime;
  agent.kill("SIGTERM");
  await until("the application was stopped", () => agent.runtime.phase === "stopped");
  expect(() => process.kill(appPid, 0)).toThrow();
  await agent.ended;
});

test("wrong arguments are told", async () => {
  const cases: [string[], string][] = [
    [["run", "--", "true"], "give a join token"],
    [["run", "--outbound", "0.0.0.0:1", "--", "true"], "not loopback"],
    [["ingress", "--listen", "0.0.0.0:1"], "--tls-cert"],
    [["run", "--inbound", "nonsense", "--", "true"], "expected HOST:PORT"],
    [["run", "--label", "nonsense", "--", "true"], "expected NAME=VALUE"],
    [["run", "--join", "nonsense", "--", "true"], "a join token begins with sjt1."],
  ];
  const told = await Promise.all(cases.map(([args]) => failing(args)));
  told.forEach((stderr, at) => {
    expect(stderr).toContain(cases[at]?.[1]);
  });
});

/** @returns what it says before it ends with code 1 */
async function failing(args: readonly string[]): Promise<string> {
  const env = { ...process.env, SELVAGE_JOIN_TOKEN: "" };
  const child = spawn(process.execPath, [launcher, ...args], { env, cwd: fleet.folder() });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code).toBe(1);
  return stderr;
}
