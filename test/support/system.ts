/** The whole system as `npm start` brings it up, on free ports and in a folder of its own, seen from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../mesh-agent/lifecycle/ports.ts";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import {
  LOCAL_SYSTEM_FILE,
  localSystemSchema,
  PROCESSES_FILE,
  type ProcessEntry,
} from "../../shared/wire/runtime-files.ts";

export const root = resolve(import.meta.dirname, "../..");

/** What a started program said and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const READY_LINE = /^selvage ready/m;
const START_WITHIN_MS = 60_000;

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return ended(child);
}

/** Collects the output of a child until it has ended. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code, stdout, stderr }));
  });
}

/** Ports that are free right now. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort("127.0.0.1")));
}

/** Processes that know the folder: by their environment or their command line (Linux). */
export function processesOf(state: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => ["environ", "cmdline"].some((file) => readProc(pid, file).includes(state)));
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Repeats a check until it holds. @param what also as a function, which can tell what was seen @throws Error with it when it never does */
export async function until<Value>(
  what: string | (() => string),
  check: () => Value | undefined | false | Promise<Value | undefined | false>,
  withinMs = 20_000,
): Promise<Value> {
  for (const end = Date.now() + withinMs; Date.now() < end; await delay(50)) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`never happened in ${withinMs / 1000} s: ${typeof what === "string" ? what : what()}`);
}

/** Environment by which `npm start` takes other ports and another folder. */
export async function freshSettings(): Promise<Record<string, string>> {
  const [gateway, control, idp, ingress] = await freePorts(4);
  return {
    SELVAGE_STATE: mkdtempSync(join(tmpdir(), "selvage-system-")),
    SELVAGE_GATEWAY_PORT: String(gateway),
    SELVAGE_CONTROL_PORT: String(control),
    SELVAGE_IDP_PORT: String(idp),
    SELVAGE_INGRESS_PORT: String(ingress),
  };
}

export class System {
  readonly settings: Record<string, string>;
  readonly state: string;
  /** Origin of the gateway. */
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;

  constructor(settings: Record<string, string>, child: ChildProcess, end: Promise<Ended>) {
    this.settings = settings;
    this.state = settings.SELVAGE_STATE as string;
    this.url = `http://127.0.0.1:${settings.SELVAGE_GATEWAY_PORT}`;
    this.#child = child;
    this.#ended = end;
  }

  /** Port of a part that has a fixed one: GATEWAY, CONTROL, IDP, INGRESS. */
  port(part: "GATEWAY" | "CONTROL" | "IDP" | "INGRESS"): number {
    return Number(this.settings[`SELVAGE_${part}_PORT`]);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  processes(): ProcessEntry[] {
    return JSON.parse(readFileSync(join(this.state, PROCESSES_FILE), "utf8"));
  }

  process(name: string, role: ProcessEntry["role"]): ProcessEntry {
    const found = this.processes().find((entry) => entry.name === name && entry.role === role);
    if (found === undefined) throw new Error(`no process ${name}/${role}`);
    return found;
  }

  kill(name: string, role: ProcessEntry["role"], signal: NodeJS.Signals): number {
    const { pid } = this.process(name, role);
    process.kill(pid, signal);
    return pid;
  }

  /** What a child has written. */
  log(name: string): string {
    return readFileSync(join(this.state, "logs", `${name}.log`), "utf8");
  }

  accessLog(name: string): AccessLogEntry[] {
    return this.log(name)
      .split("\n")
      .filter((line) => line.startsWith("{") && line.includes('"kind":"access"'))
      .map((line) => JSON.parse(line));
  }

  /** One of the scripts of package.json, without npm around it. */
  script(name: string, ...args: string[]): Promise<Ended> {
    return run(process.execPath, [`scripts/${name}.ts`, ...args], this.settings);
  }

  selvage(...args: string[]): Promise<Ended> {
    return run(process.execPath, ["bin/selvage.mjs", ...args], this.settings);
  }

  /** A JWT as `npm run -s demo:token -- SUB [SCOPE ...]` prints it. */
  async token(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.script("demo-token", ...args);
    if (code !== 0) throw new Error(`demo-token: ${stderr}`);
    return stdout.trim();
  }

  async restart(name: string): Promise<void> {
    const { code, stdout, stderr } = await this.script("demo-restart", name);
    if (code !== 0) throw new Error(`demo-restart ${name}: ${stdout}${stderr}`);
  }

  get adminToken(): string {
    return localSystemSchema.parse(JSON.parse(readFileSync(join(this.state, LOCAL_SYSTEM_FILE), "utf8"))).adminToken;
  }

  /** A request to the gateway with a bearer token. */
  get(path: string, token?: string, headers: Record<string, string> = {}): Promise<Response> {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return fetch(`${this.url}${path}`, { headers: { ...authorization, ...headers }, redirect: "manual" });
  }

  /** SIGTERM, and what `npm start` said until its end. The folder is removed. */
  async stop(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    const end = await this.#ended;
    rmSync(this.state, { recursive: true, force: true });
    return end;
  }
}

/** @throws Error with the output when it ends or is not ready in time */
export async function startSystem(settings?: Record<string, string>): Promise<System> {
  const chosen = settings ?? (await freshSettings());
  const child = spawn(process.execPath, ["scripts/start.ts"], {
    cwd: root,
    env: { ...process.env, ...chosen },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = ended(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: string) => {
      output += text;
    });
  let over = false;
  end.then(() => {
    over = true;
  });
  try {
    await until("selvage ready", () => over || READY_LINE.test(output), START_WITHIN_MS);
  } catch (error) {
    child.kill("SIGTERM");
    await end;
    throw new Error(`the system did not start:\n${output}`, { cause: error });
  }
  if (over) throw new Error(`the system ended at its start:\n${output}`);
  return new System(chosen, child, end);
}
