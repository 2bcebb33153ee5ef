/** `selvage serve` as it is run. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../../cli/local/ports.ts";
import { isAlive } from "../../../cli/local/process-info.ts";
import { localSystemSchema, type ProcessEntry } from "../../../shared/wire/runtime-files.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const TIMEOUT_MS = 60_000;
let state: string;
const closers: (() => void)[] = [];

beforeEach(() => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-serve-"));
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(state, { recursive: true, force: true });
});

interface Serve {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

function serve(...args: string[]): Serve {
  const child = spawn(process.execPath, ["bin/selvage.mjs", "serve", "--state", state, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (text) => {
      output += text;
    });
  }
  closers.push(() => child.kill("SIGTERM"));
  const exited = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  return { child, output: () => output, exited };
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await check()); await delay(25)) {
    if (Date.now() > end) throw new Error("never happened");
  }
}

async function upstream(): Promise<string> {
  const server = createServer((_request, response) => response.end("from upstream"));
  closers.push(() => server.close());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const processes = (): ProcessEntry[] => JSON.parse(readFileSync(path.join(state, "processes.json"), "utf8"));

function documentOf(to: string): string {
  return `selvage: 1
name: probe
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: all, match: { path: /* }, to: "${to}" }
mesh:
  trustDomain: probe.internal
  services: { a: { port: 8080, access: [{ from: gateway }] } }
`;
}

test(
  "serves a document, brings back what dies, keeps what was applied, and leaves nothing",
  async () => {
    const [gatewayPort, controlPort] = [await freePort(), await freePort()];
    const ports = ["--gateway-port", String(gatewayPort), "--control-port", String(controlPort)];
    const file = path.join(state, "selvage.yaml");
    writeFileSync(file, documentOf(await upstream()));
    const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${gatewayPort}/any`)).text();

    const first = serve(...ports, "--document", file);
    await until(() => /^selvage ready$/m.test(first.output()));
    expect(await get()).toBe("from upstream");
    const local = localSystemSchema.parse(JSON.parse(readFileSync(path.join(state, "local.json"), "utf8")));
    expect(local.gateway).toBe(`http://127.0.0.1:${gatewayPort}`);

    const before = processes();
    expect(before.map(({ name }) => name).sort()).toEqual(["control", "front", "gateway"]);
    for (const { pid } of before) process.kill(pid, "SIGKILL");
    await until(() => /control runs again/.test(first.output()) && /gateway runs again/.test(first.output()));
    await until(() => /front runs again/.test(first.output()));
    expect(await get()).toBe("from upstream");

    const second = serve(...ports);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`already running (pid ${first.child.pid})`);

    const running = processes().map(({ pid }) => pid);
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    expect(running.some(isAlive)).toBe(false);
    expect(existsSync(path.join(state, "local.json"))).toBe(false);

    const third = serve(...ports);
    await until(() => /^selvage ready$/m.test(third.output()));
    expect(await get()).toBe("from upstream");
    third.child.kill("SIGINT");
    expect(await third.exited).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "a document that is not valid ends it with every problem, and leaves nothing",
  async () => {
    const file = path.join(state, "selvage.yaml");
    writeFileSync(file, documentOf("http://127.0.0.1:1").replace("hosts:", "hots:"));
    const ports = ["--gateway-port", String(await freePort()), "--control-port", String(await freePort())];
    const { exited, output } = serve(...ports, "--document", file);
    expect(await exited).toBe(2);
    expect(output()).toMatch(/hots.*\n.*selvage\.yaml:4/);
    expect(existsSync(path.join(state, "supervisor.pid"))).toBe(false);
  },
  TIMEOUT_MS,
);
