import { Command } from "commander";
import type { ControlOptions } from "../find-system.ts";
import {
  author,
  connect,
  type JsonOption,
  jsonOption,
  versionArgument,
  type WaitOptions,
  withControl,
  withExpect,
  withWait,
} from "../options.ts";
import { explained, finishChange } from "./apply.ts";

type Options = ControlOptions & JsonOption & WaitOptions & { readonly reason?: string; readonly expect?: number };

export function rollbackCommand(): Command {
  const command = new Command("rollback")
    .description("Make an earlier version's content live again, as a new version.")
    .argument("<version>", "number of the version, see `selvage history`", versionArgument)
    .option("--reason <text>", "why, for the history")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage rollback 6\n  selvage rollback 6 --wait --json");
  return withControl(withExpect(withWait(command))).action(rollback);
}

async function rollback(version: number, options: Options): Promise<void> {
  const client = connect(options);
  const reason = options.reason ?? `rollback to version ${version}`;
  const request = {
    version,
    author: author(),
    reason,
    ...(options.expect !== undefined && { expect: options.expect }),
  };
  const answer = await client.rollback(request).catch((fault: unknown) => {
    throw explained(fault);
  });
  await finishChange(client, answer, options);
}
