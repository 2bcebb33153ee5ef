import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ChildSpec } from "../../../cli/local/child.ts";
import { isAlive } from "../../../cli/local/process-info.ts";
import { endLeftovers, Supervisor } from "../../../cli/local/supervisor.ts";
import { serveSupervisorApi } from "../../../cli/local/supervisor-api.ts";
import type { ProcessEntry } from "../../../shared/wire/runtime-files.ts";

// Processes are started here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 });

let state: string;
let said: string[];
const supervisors: Supervisor[] = [];

beforeEach(() => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-supervisor-"));
  said = [];
});
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop([]);
  rmSync(state, { recursive: true, force: true });
});

function supervise(restart = false): Supervisor {
  const supervisor = new Supervisor({ state, restart, say: (line) => said.push(line) });
  supervisors.push(supervisor);
  return supervisor;
}

/** A Node program that is ready when it has written its pid into a file. */
function child(supervisor: Supervisor, name: string, script: string): ChildSpec {
  const marker = path.join(state, `${name}.ready`);
  return {
    name,
    role: "idp",
    service: name,
    version: "v1",
    command: process.execPath,
    args: ["-e", `${script};require("fs").writeFileSync(${JSON.stringify(marker)}, String(process.pid))`],
    environment: {},
    logFile: supervisor.logFile(name),
    ports: { http: 1234 },
    ready: async (signal, pid) => {
      const isWritten = (): boolean => existsSync(marker) && readFileSync(marker, "utf8") === String(pid);
      while (!isWritten()) await delay(10, undefined, { signal });
    },
  };
}

/** A stand-in for an agent: starts an app, and says what both are in runtime.json. */
function pair(supervisor: Supervisor, name: string): ChildSpec {
  const agentState = path.join(state, "agents", name);
  const script = `
    const app = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const ports = { inbound: 1, outbound: 2, admin: 3, app: 4 };
    const runtime = { pid: process.pid, service: "orders", instance: "${name}", phase: "ready", appPid: app.pid, ports };
    require("fs").writeFileSync(${JSON.stringify(path.join(agentState, "runtime.json"))}, JSON.stringify(runtime));
    setInterval(() => {}, 1000)`;
  return { ...child(supervisor, name, script), role: "agent", service: "orders", ports: {}, agentState };
}

const written = (): ProcessEntry[] => JSON.parse(readFileSync(path.join(state, "processes.json"), "utf8"));

async function until(check: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !check(); await delay(10))
    if (Date.now() > end) throw new Error("never happened");
}

describe("Supervisor", () => {
  const LIVES = "setInterval(() => {}, 1000)";

  test("replaces a child that runs by another of its name, whose end it then watches", async () => {
    const supervisor = supervise();
    const first = await supervisor.start(child(supervisor, "idp", LIVES));
    const second = await supervisor.replace(child(supervisor, "idp", `console.error("second");${LIVES}`));
    expect(second.pid).not.toBe(first.pid);
    expect(isAlive(first.pid)).toBe(false);
    expect(supervisor.entries().map(({ pid }) => pid)).toEqual([second.pid]);
    expect(said).toEqual([]);
    process.kill(second.pid, "SIGKILL");
    await until(() => said.some((line) => line.includes(`SIGKILL (pid ${second.pid})`)));
  });

  test("writes down what runs, and ends it", async () => {
    const supervisor = supervise();
    const { pid } = await supervisor.start(child(supervisor, "idp", LIVES));
    expect(written()).toEqual([
      { name: "idp", role: "idp", service: "idp", version: "v1", pid, ports: { http: 1234 } },
    ]);
    await supervisor.stop([["idp"]]);
    expect(isAlive(pid)).toBe(false);
    expect(written()).toEqual([]);
  });

  test("a child that ends before it is ready fails the start with the end of its log", async () => {
    const supervisor = supervise();
    await expect(
      supervisor.start(child(supervisor, "idp", `console.error("the key is missing");process.exit(3)`)),
    ).rejects.toThrow(/idp ended with status 3 \(pid \d+\).*\n.*the key is missing/s);
    expect(written()).toEqual([]);
  });

  test("a child killed by hand is told of, and stays dead until it is asked for", async () => {
    const supervisor = supervise();
    const first = await supervisor.start(child(supervisor, "idp", `console.error("last words");${LIVES}`));
    process.kill(first.pid, "SIGKILL");
    await until(() => said.length > 0);
    expect(said).toEqual([`idp was ended by SIGKILL (pid ${first.pid})`, "  last words"]);
    expect(written()).toEqual([]);
    const { started, entries } = await supervisor.restart("idp");
    expect(started).toBe(true);
    expect(entries).toHaveLength(1);
    expect(entries[0]?.pid).not.toBe(first.pid);
    expect(written()).toEqual(entries);
    expect(await supervisor.restart("idp")).toEqual({ started: false, entries });
  });

  test("a child that ends by itself is started again when that is asked for", async () => {
    const supervisor = supervise(true);
    const first = await supervisor.start(child(supervisor, "gateway", LIVES));
    process.kill(first.pid, "SIGKILL");
    await until(() => said.some((line) => line.startsWith("gateway runs again")));
    expect(written()[0]?.pid).not.toBe(first.pid);
  });

  test("a child that ignores SIGTERM is killed", async () => {
    const supervisor = supervise();
    const spec = child(supervisor, "control", `process.on("SIGTERM", () => {});${LIVES}`);
    const { pid } = await supervisor.start({ ...spec, role: "control" });
    await supervisor.stop([["control"]]);
    expect(isAlive(pid)).toBe(false);
  });

  test("an app is listed with its agent and does not outlive it", async () => {
    const supervisor = supervise();
    const agent = await supervisor.start(pair(supervisor, "orders-v1-1"));
    await until(() => written().length === 2);
    const [first, app] = written();
    expect(first).toMatchObject({ role: "agent", pid: agent.pid, ports: { inbound: 1, outbound: 2, admin: 3 } });
    expect(app).toMatchObject({ name: "orders-v1-1", role: "app", service: "orders", ports: { http: 4 } });
    process.kill(agent.pid, "SIGKILL");
    await until(() => !isAlive(app?.pid ?? 0));
    expect(written()).toEqual([]);
  });

  test("a pair whose app was killed is started anew as a whole", async () => {
    const supervisor = supervise();
    const agent = await supervisor.start(pair(supervisor, "orders-v1-1"));
    await until(() => written().length === 2);
    const app = written()[1]?.pid ?? 0;
    process.kill(app, "SIGKILL");
    await until(() => !isAlive(app));
    const { started, entries } = await supervisor.restart("orders-v1-1");
    expect(started).toBe(true);
    expect(entries.map(({ role }) => role)).toEqual(["agent", "app"]);
    expect(isAlive(agent.pid)).toBe(false);
    expect(entries.every(({ pid }) => isAlive(pid))).toBe(true);
  });

  test("makes a fresh environment for each start", async () => {
    const supervisor = supervise();
    let starts = 0;
    const spec = child(supervisor, "idp", `console.error("token", process.env.TOKEN);${LIVES}`);
    const first = await supervisor.start({ ...spec, freshEnvironment: async () => ({ TOKEN: String(++starts) }) });
    process.kill(first.pid, "SIGKILL");
    await first.exited;
    await supervisor.restart("idp");
    expect(readFileSync(spec.logFile, "utf8")).toBe("token 1\ntoken 2\n");
  });

  test("moves the log of the run before aside", async () => {
    const supervisor = supervise();
    const spec = child(supervisor, "idp", `console.error("new");${LIVES}`);
    writeFileSync(spec.logFile, "old\n");
    await supervisor.start(spec);
    expect(readFileSync(spec.logFile, "utf8")).toBe("new\n");
    expect(readFileSync(`${spec.logFile}.1`, "utf8")).toBe("old\n");
  });

  test.runIf(process.platform === "linux")("finds what a killed supervisor left, and ends it", async () => {
    const supervisor = supervise();
    const agent = await supervisor.start(pair(supervisor, "orders-v1-1"));
    await until(() => written().length === 2);
    const app = written()[1]?.pid ?? 0;
    expect(await endLeftovers(`${state}-other`)).toBe(0);
    expect(await endLeftovers(state)).toBe(2);
    expect([agent.pid, app].some(isAlive)).toBe(false);
  });
});

describe("the supervisor's API", () => {
  test("restarts by name, for those who know the token", async () => {
    const supervisor = supervise();
    const api = await serveSupervisorApi(supervisor);
    try {
      await supervisor.start(child(supervisor, "idp", "setInterval(() => {}, 1000)"));
      const post = (name: string, token: string): Promise<Response> =>
        fetch(`${api.url}/v1/restart`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify({ name }),
        });
      expect((await post("idp", "wrong")).status).toBe(401);
      const unknown = await post("nobody", api.token);
      expect(unknown.status).toBe(404);
      expect(await unknown.json()).toEqual({ error: "no process is named nobody; there are idp" });
      expect(await (await post("idp", api.token)).json()).toEqual({ started: false, entries: supervisor.entries() });
      expect((await post("x".repeat(5000), api.token)).status).toBe(500);
    } finally {
      api.close();
    }
  });
});
