import { Command, Option } from "commander";
import type { ControlTokenClaims } from "../../shared/wire/control-token.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { mintControlToken } from "../local/control-token.ts";
import { durationArgument, type JsonOption, jsonOption } from "../options.ts";
import { print, printJson } from "../output.ts";

interface Options extends JsonOption {
  readonly role: ControlTokenClaims["role"];
  readonly sub: string;
  readonly expires: number;
}

export function tokenCommand(): Command {
  return new Command("token")
    .description("Make a token of the control API. Needs its key in SELVAGE_TOKEN_SECRET.")
    .addOption(new Option("--role <role>", "what it may do").choices(["admin", "gateway"]).default("admin"))
    .requiredOption("--sub <name>", "the person or program that gets it")
    .option("--expires <duration>", "how long it is good for", durationArgument, 12 * 3_600_000)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage token --sub ana\n  selvage token --role gateway --sub edge --expires 30d",
    )
    .action(token);
}

async function token({ role, sub, expires, json }: Options): Promise<void> {
  const secret = process.env.SELVAGE_TOKEN_SECRET;
  if (!secret)
    throw new CliError(exitCodes.usage, "SELVAGE_TOKEN_SECRET is not set: it is the control plane's TOKEN_SECRET");
  if (Buffer.from(secret, "base64url").length < 32)
    throw new CliError(exitCodes.usage, "SELVAGE_TOKEN_SECRET is not a key: expected 32 bytes or more as base64url");
  const expiresAtMs = Date.now() + expires;
  const made = await mintControlToken(secret, { role, sub }, expires);
  if (json) printJson({ token: made, role, sub, expiresAtMs });
  else print(made);
}
