/** The commands of `selvage`, and what becomes of their errors. */
import { Command, CommanderError } from "commander";
import { CliError, type ExitCode, exitCodes } from "./cli-error.ts";
import { applyCommand } from "./commands/apply.ts";
import { auditCommand } from "./commands/audit.ts";
import { buildCommand } from "./commands/build.ts";
import { caCommand } from "./commands/ca.ts";
import { canaryCommand } from "./commands/canary.ts";
import { checkCommand } from "./commands/check.ts";
import { contractCommand } from "./commands/contract.ts";
import { deprecatedCommand } from "./commands/deprecated.ts";
import { diffCommand } from "./commands/diff.ts";
import { driftCommand } from "./commands/drift.ts";
import { explainCommand } from "./commands/explain.ts";
import { federationCommand } from "./commands/federation.ts";
import { historyCommand } from "./commands/history.ts";
import { importCommand } from "./commands/import.ts";
import { initCommand } from "./commands/init.ts";
import { joinCommand } from "./commands/join.ts";
import { joinTokenCommand } from "./commands/join-token.ts";
import { keysCommand } from "./commands/keys.ts";
import { planCommand } from "./commands/plan.ts";
import { purgeCommand } from "./commands/purge.ts";
import { renewCommand } from "./commands/renew.ts";
import { revokeCommand } from "./commands/revoke.ts";
import { rollbackCommand } from "./commands/rollback.ts";
import { rotateCommand } from "./commands/rotate.ts";
import { schemaCommand } from "./commands/schema.ts";
import { statusCommand } from "./commands/status.ts";
import { testCommand } from "./commands/test.ts";
import { tokenCommand } from "./commands/token.ts";
import { devCommand } from "./dev/dev-command.ts";
import { packageVersion } from "./local/package-root.ts";
import { serveCommand } from "./local/serve-command.ts";
import { say, style } from "./output.ts";

/** Runs one command line. @returns the exit code; `serve` goes on running after it */
export async function runCli(args: readonly string[]): Promise<ExitCode> {
  try {
    await makeProgram().parseAsync(args, { from: "user" });
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

function makeProgram(): Command {
  const program = new Command("selvage")
    .description("An API gateway at the edge, a service mesh inside, and one document over both.")
    .version(packageVersion)
    .showHelpAfterError("(selvage help shows the commands)")
    .exitOverride()
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 findings or denied, 2 wrong usage or invalid document, 3 control plane unreachable.",
    );
  const groups: readonly (readonly [title: string, commands: readonly Command[]])[] = [
    [
      "Build:",
      [
        initCommand(),
        devCommand(),
        checkCommand(),
        testCommand(),
        explainCommand(),
        planCommand(),
        contractCommand(),
        schemaCommand(),
        importCommand(),
      ],
    ],
    [
      "Ship:",
      [
        buildCommand(),
        diffCommand(),
        applyCommand(),
        canaryCommand(),
        rollbackCommand(),
        historyCommand(),
        statusCommand(),
        deprecatedCommand(),
        driftCommand(),
      ],
    ],
    [
      "Operate:",
      [
        serveCommand(),
        keysCommand(),
        joinTokenCommand(),
        joinCommand(),
        revokeCommand(),
        rotateCommand(),
        caCommand(),
        federationCommand(),
        renewCommand(),
        purgeCommand(),
        tokenCommand(),
        auditCommand(),
      ],
    ],
  ];
  for (const [title, commands] of groups)
    for (const command of commands)
      program.addCommand(command.helpGroup(title).exitOverride().copyInheritedSettings(program));
  return program;
}
