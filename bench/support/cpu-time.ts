import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const pageBytes = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));

/** CPU time that processes have used so far, user and system, in microseconds (Linux). */
export function cpuMicroseconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks / ticksPerSecond) * 1_000_000;
}

/**
 * The same as the scheduler counts it, to the nanosecond: for loads so short that a tick of 10 ms would be a part of them. What
 * threads have used that have ended is not in it.
 */
export function scheduledMicroseconds(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids)
    for (const thread of readdirSync(`/proc/${pid}/task`)) nanoseconds += scheduledNanoseconds(pid, thread);
  return nanoseconds / 1_000;
}

function scheduledNanoseconds(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0]);
  } catch {
    // It has ended since its name was read.
    return 0;
  }
}

/** Memory of processes that is resident right now, in MiB (Linux). */
export function residentMebibytes(pids: readonly number[]): number {
  const pages = pids.map((pid) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]));
  return (pages.reduce((sum, count) => sum + count, 0) * pageBytes) / (1 << 20);
}
