import { Command, CommanderError } from "commander";

/** Exit codes: 0 well, 1 it failed, 2 called wrongly, 3 the local system cannot be reached. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly code: 1 | 2 | 3;

  constructor(code: 1 | 2 | 3, message: string) {
    super(message);
    this.code = code;
  }
}

/** A command whose wrong use ends with exit code 2, as everywhere in Selvage. */
export function program(name: string): Command {
  return new Command(name).exitOverride();
}

/** Runs a command from the command line; data goes to stdout, everything else to stderr. */
export async function runProgram(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof ExitError ? error.code : 1;
  }
}
