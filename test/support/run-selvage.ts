/** The commands as processes. */
import { execFile } from "node:child_process";
import path from "node:path";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const bin = path.resolve(import.meta.dirname, "../../bin/selvage.mjs");
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** Runs `selvage` in a folder, with nothing of the surrounding configuration but which bundles are used. */
export function runSelvage(
  folder: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("SELVAGE_") || name === "SELVAGE_BUILT");
  const env = { ...Object.fromEntries(kept), NO_COLOR: "1", ...environment };
  return new Promise((done) => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, cwd: folder, env };
    execFile(process.execPath, [bin, ...args], options, (fault, stdout, stderr) =>
      done({ code: fault === null ? 0 : Number(fault.code), stdout, stderr }),
    );
  });
}
