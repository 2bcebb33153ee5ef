/** One child process of the local system: its own process group, its output in a log file, its end reported once. */
import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../../shared/limits.ts";
import type { ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { isAlive, isGroupAlive } from "./process-info.ts";

export interface ChildSpec {
  readonly name: string;
  readonly role: Exclude<ProcessEntry["role"], "app">;
  readonly service: string;
  readonly version: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly environment: Readonly<Record<string, string>>;
  /** More of it, made anew at each start, such as a token that is good once. */
  readonly freshEnvironment?: () => Promise<Readonly<Record<string, string>>>;
  /** A file that would be in the way of the next start, such as the socket that a killed process leaves. */
  readonly leftover?: string;
  readonly logFile: string;
  readonly ports: Readonly<Record<string, number>>;
  /** Folder in which an agent says what it is right now (`runtime.json`). */
  readonly agentState?: string;
  /** Settles when the child does its work; `signal` ends the wait when it died. */
  readonly ready: (signal: AbortSignal, pid: number) => Promise<void>;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly spec: ChildSpec;
  readonly pid: number;
  /** Settles when the process has ended. */
  readonly exited: Promise<ChildExit>;
  /** Set once it has ended. */
  exit: ChildExit | undefined;
}

/** From SIGKILL until a process has gone. */
const KILLED_WITHIN_MS = 2_000;

/** Marks children, so that leftovers of a supervisor that was killed are found and ended by the next one. */
export const SUPERVISED = "SELVAGE_SUPERVISED_STATE";

/** @throws Error when the program cannot be started */
export async function startChild(spec: ChildSpec): Promise<Child> {
  const environment = { ...spec.environment, ...(await spec.freshEnvironment?.()) };
  if (spec.leftover !== undefined) rmSync(spec.leftover, { force: true });
  const log = openSync(spec.logFile, "a", 0o600);
  try {
    const child = spawn(spec.command, spec.args, {
      env: environment,
      stdio: ["ignore", log, log],
      detached: true,
    });
    const exited = new Promise<ChildExit>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    const started: Child = { spec, pid: child.pid ?? 0, exited, exit: undefined };
    exited.then((exit) => {
      started.exit = exit;
    });
    return started;
  } finally {
    closeSync(log);
  }
}

/**
 * Ends a process group: SIGTERM to its first process, which ends the others in its own way; to those when it has gone;
 * SIGKILL to what is left after the grace.
 * @param group pid of its first process
 * @param quietly the first process is ending already: it is not asked again
 * @returns when none of it runs
 */
export async function endGroup(group: number, graceMs: number, quietly = false): Promise<void> {
  const end = Date.now() + graceMs;
  let leads = isAlive(group);
  if (!leads) signalGroup(group, "SIGTERM");
  else if (!quietly) process.kill(group, "SIGTERM");
  for (; isGroupAlive(group); await delay(20)) {
    if (leads && !isAlive(group)) {
      leads = false;
      signalGroup(group, "SIGTERM");
    }
    if (Date.now() >= end) break;
  }
  signalGroup(group, "SIGKILL");
  for (const gone = Date.now() + KILLED_WITHIN_MS; isGroupAlive(group) && Date.now() < gone; ) await delay(20);
}

export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/** Last lines of a log for a person who asks why something ended; lines for programs (JSON) are left out. */
export function lastLines(file: string, count: number): string[] {
  const bytes = Buffer.alloc(8 * 1024);
  const fd = openSync(file, "r");
  try {
    const from = Math.max(0, statSync(file).size - bytes.length);
    const read = readSync(fd, bytes, 0, bytes.length, from);
    const lines = bytes.toString("utf8", 0, read).split("\n");
    // The first one is a part of a line when the log is longer.
    if (from > 0) lines.shift();
    return lines.filter((line) => line.trim() !== "" && !line.startsWith("{")).slice(-count);
  } finally {
    closeSync(fd);
  }
}

/** Keeps a log within its bound while its writer goes on: writers append, so that they follow the truncation. */
export function boundLog(file: string): void {
  if (!existsSync(file) || statSync(file).size <= limits.local.logBytesMax) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** Moves the log of the run before aside. */
export function freshLog(file: string): void {
  if (existsSync(file)) renameSync(file, `${file}.1`);
}
