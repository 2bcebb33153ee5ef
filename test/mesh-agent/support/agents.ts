/** Agents as users start them: child processes of the launcher, with applications beside them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentRuntime } from "../../../shared/wire/runtime-files.ts";

const launcher = join(import.meta.dirname, "../../../bin/selvage-agent.mjs");
const app = "app.ts";
const grpcApp = join(import.meta.dirname, "grpc-app.ts");

/** Several start at once, on a machine that may be busy otherwise. */
const START_WITHIN_MS = 45_000;

export class TestAgent {
  readonly folder: string;
  readonly name: string;
  readonly #child: ChildProcess;
  /** Its process is gone and all of its output is here. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Its process is gone. */
  readonly ended: Promise<void>;
  stdout = "";
  stderr = "";
  over = false;

  constructor(name: string, folder: string, args: readonly string[], environment: Record<string, string>) {
    this.name = name;
    this.folder = folder;
    const { HTTP_PROXY: _, http_proxy: __, ...clean } = process.env;
    const env = { ...clean, APP_NAME: name, ...environment };
    this.#child = spawn(process.execPath, [launcher, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.over = true;
        resolve(code ?? signal ?? "SIGKILL");
      });
    });
  }

  get runtime(): AgentRuntime {
    return JSON.parse(readFileSync(join(this.folder, "runtime.json"), "utf8")) as AgentRuntime;
  }

  /** Access log lines of a direction. */
  log(hop: string): Record<string, unknown>[] {
    const lines = this.stdout.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line)).filter((line) => line.hop === hop);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async ready(): Promise<this> {
    await until(
      `${this.name} is ready`,
      () => {
        if (this.over) throw new Error(`${this.name} ended: ${this.stderr}`);
        return this.isReady();
      },
      START_WITHIN_MS,
    );
    return this;
  }

  /** As a supervisor that hangs. */
  stopReading(): void {
    this.#child.stdout?.pause();
  }

  readAgain(): void {
    this.#child.stdout?.resume();
  }

  isReady(): boolean {
    try {
      return this.runtime.phase === "ready" && this.runtime.pid === this.#child.pid;
    } catch {
      return false;
    }
  }

  /** Calls the application directly, as a user of the test would. */
  async app(path: string, init?: RequestInit): Promise<{ status: number; json: Record<string, unknown> }> {
    const answer = await fetch(`http://127.0.0.1:${this.runtime.ports.app}${path}`, init);
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  /** Lets the application call something through its agent. */
  async calls(url: string, method = "GET"): Promise<{ status: number; body: string; headers: Record<string, string> }> {
    const init = method === "POST" ? { method, body: "hello" } : { method };
    const { json } = await this.app(`/fetch?url=${encodeURIComponent(url)}`, init);
    return json as { status: number; body: string; headers: Record<string, string> };
  }

  async admin(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.runtime.ports.admin}${path}`);
    return { status: answer.status, text: await answer.text() };
  }
}

/** Starts agents and ends them, whatever a test does. */
export class Fleet {
  readonly #agents: TestAgent[] = [];
  readonly #folders: string[] = [];

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "selvage-agent-"));
    this.#folders.push(folder);
    return folder;
  }

  /** An application under its agent. @param folder of an earlier one, to start it again */
  run(name: string, token: string | undefined, flags: readonly string[] = [], folder = this.folder()): TestAgent {
    return this.runFile(app, name, token, flags, folder);
  }

  /** @param file of the application, in the folder of support */
  runFile(
    file: string,
    name: string,
    token: string | undefined,
    flags: readonly string[] = [],
    folder = this.folder(),
  ): TestAgent {
    const args = ["run", "--state", folder, "--instance", name, "--port", "0", ...flags];
    const path = join(import.meta.dirname, file);
    return this.start(name, folder, [...args, "--", process.execPath, path], token);
  }

  /** An application that speaks gRPC under its agent. */
  grpc(name: string, token: string | undefined, flags: readonly string[] = [], folder = this.folder()): TestAgent {
    const args = ["run", "--state", folder, "--instance", name, "--port", "0", ...flags];
    return this.start(name, folder, [...args, "--", process.execPath, grpcApp], token);
  }

  ingress(name: string, token: string, flags: readonly string[] = []): TestAgent {
    const folder = this.folder();
    const args = ["ingress", "--state", folder, "--instance", name, "--listen", "127.0.0.1:0", ...flags];
    return this.start(name, folder, args, token);
  }

  start(
    name: string,
    folder: string,
    args: readonly string[],
    token: string | undefined,
    environment: Readonly<Record<string, string>> = {},
  ): TestAgent {
    const joining = token === undefined ? {} : { SELVAGE_JOIN_TOKEN: token };
    const agent = new TestAgent(name, folder, args, { ...environment, ...joining });
    this.#agents.push(agent);
    return agent;
  }

  async end(): Promise<void> {
    for (const agent of this.#agents) {
      try {
        const { appPid } = agent.runtime;
        if (appPid !== undefined && !agent.over) process.kill(appPid, "SIGKILL");
      } catch {
        // It never started, or is gone.
      }
      agent.kill("SIGKILL");
      agent.readAgain();
    }
    await Promise.all(this.#agents.map(({ exited }) => exited));
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Polls until something is true; the test's own time limit bounds it. */
export async function until(what: string, test: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await test())) {
    if (performance.now() > endMs) throw new Error(`in vain waited until ${what}`);
    await delay(20);
  }
}
