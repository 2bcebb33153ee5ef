/** The commands within this process: many of them in the time of one process. */
import { vi } from "vitest";
import { runCli } from "../../cli/program.ts";
import type { Ended } from "./run-selvage.ts";

/**
 * Runs one command line with nothing of the surrounding configuration.
 * @param environment instead of all that begins with SELVAGE_
 */
export async function runInProcess(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const own = Object.keys(process.env).filter((name) => /^(SELVAGE_|SECRET_|NO_COLOR)/.test(name));
  for (const name of own) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries({ NO_COLOR: "1", ...environment })) vi.stubEnv(name, value);
  let stdout = "";
  let stderr = "";
  const take = (add: (text: string) => void) => (text: string | Uint8Array) => {
    add(typeof text === "string" ? text : Buffer.from(text).toString("utf8"));
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(take((text) => (stdout += text))),
    vi.spyOn(process.stderr, "write").mockImplementation(take((text) => (stderr += text))),
  ];
  try {
    const code = await runCli(args);
    return { code, stdout, stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}
