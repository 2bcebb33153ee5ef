/** One agent a state folder. The lock names its holder and outlives no process: it is taken over when the holder is gone. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @returns gives the folder free
 * @throws with the holder's process id
 */
export function lockStateFolder(folder: string): () => void {
  const path = join(folder, "agent.lock");
  const own = `${process.pid} ${startOf(process.pid)}`;
  for (;;) {
    try {
      writeFileSync(path, own, { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new Error(`cannot write ${path}: ${(error as Error).message}`);
    }
    const holder = readHolder(path);
    if (holder !== undefined && holder !== own && isHolder(holder))
      throw new Error(`the state folder ${folder} is in use by the agent with process id ${holder.split(" ")[0]}`);
    rmSync(path, { force: true });
  }
}

function readHolder(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function isHolder(holder: string): boolean {
  const [pid, start] = holder.split(" ");
  const id = Number(pid);
  if (!Number.isInteger(id) || id <= 0) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return startOf(id) === (start ?? "");
}

/** When a process began, so that a number that was given out again is told apart; empty where /proc is missing or it has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process that was killed and waits to be collected holds nothing any more.
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}
