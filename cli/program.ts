/** Runs one command line, and says what becomes of its errors. */
import { CommanderError } from "commander";
import { CliError, type ExitCode, exitCodes } from "./cli-error.ts";
import { say, style } from "./output.ts";
import { makeProgram, namedCommand } from "./program-tree.ts";

/** Runs one command line. @returns the exit code; `serve` goes on running after it */
export async function runCli(args: readonly string[]): Promise<ExitCode> {
  try {
    const named = namedCommand(args);
    const program = await makeProgram((entry) => entry === named);
    await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (fault) {
    if (fault instanceof CommanderError) return fault.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (!(fault instanceof Error)) throw fault;
    if (fault.message !== "") say(`${style("bad", "error", process.stderr)}: ${fault.message}`);
    if (fault instanceof CliError) return fault.exitCode;
    if (process.env.SELVAGE_DEBUG) say(fault.stack ?? "");
    return exitCodes.findings;
  }
}
