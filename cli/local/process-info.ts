/** What the operating system knows of other processes. Linux tells through /proc; elsewhere only whether a pid lives. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !hasEnded(pid, statOf(pid));
}

/** Whether any process of a group runs. @param group id of the group: the pid of its first process */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  if (process.platform !== "linux") return true;
  return pids().some((pid) => {
    const stat = statOf(pid);
    return Number(stat?.[2]) === group && !hasEnded(pid, stat);
  });
}

/** Fields of /proc/PID/stat from the state on. */
function statOf(pid: number): string[] | undefined {
  return readProc(pid, "stat")?.split(") ").at(-1)?.split(" ");
}

/** A zombie has ended; but while others of its threads still end, its ports are not free yet. */
function hasEnded(pid: number, stat: readonly string[] | undefined): boolean {
  if (stat?.[0] !== "Z") return false;
  try {
    return readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}

/** When a process started, in the system's own ticks as text: tells it from a later one of the same pid. Linux only. */
export function startTimeOf(pid: number): string {
  return statOf(pid)?.[19] ?? "unknown";
}

/** Value of a variable in the environment that a process was started with; undefined where that cannot be read. */
export function environmentOf(pid: number, name: string): string | undefined {
  const entries = readProc(pid, "environ")?.split("\0") ?? [];
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** All process ids (Linux; elsewhere none). */
export function pids(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Who listens on a TCP port of this machine (Linux; elsewhere, or for other users' processes, undefined). */
export function listenerOf(port: number): ProcessInfo | undefined {
  const inodes = socketInodes(port, LISTEN);
  if (inodes.size === 0) return undefined;
  for (const pid of pids()) {
    if (holdsSocket(pid, inodes)) return { pid, command: commandOf(pid) };
  }
  return undefined;
}

const LISTEN = "0A";
const ESTABLISHED = "01";

/** Connections that a TCP port of this machine has, by ids of their sockets (Linux; elsewhere none). */
export function connectionsOf(port: number): Set<string> {
  return socketInodes(port, ESTABLISHED);
}

function socketInodes(port: number, wantedState: string): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of (readText(`/proc/net/${table}`) ?? "").split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === wantedState && local?.endsWith(`:${wanted}`) === true && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

function holdsSocket(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  const words = (readProc(pid, "cmdline") ?? "").split("\0").filter(Boolean).join(" ");
  return words.length > 120 ? `${words.slice(0, 119)}…` : words;
}

function readProc(pid: number, file: string): string | undefined {
  return readText(`/proc/${pid}/${file}`);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
