import { Command } from "commander";
import type { ControlOptions } from "../find-system.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say } from "../output.ts";

type Options = ControlOptions & JsonOption & { readonly expires?: number };

export function joinTokenCommand(): Command {
  const command = new Command("join-token")
    .description("Make a token by which one agent of a service joins, once.")
    .argument("<service>", "a service of the live document, or gateway for an ingress agent")
    .option("--expires <duration>", "how long it can be used (default: 15m)", durationArgument)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      '\nExamples:\n  selvage join-token orders\n  SELVAGE_JOIN_TOKEN="$(selvage join-token orders)" selvage-agent run -- node app.js',
    );
  return withControl(command).action(joinToken);
}

async function joinToken(service: string, options: Options): Promise<void> {
  const { expires } = options;
  const made = await connect(options).joinToken({ service, ...(expires !== undefined && { lifetimeMs: expires }) });
  if (options.json) return printJson(made);
  say(`good for one agent of ${service}, for ${ago(made.expiresAtMs - Date.now() + 500)}`);
  print(made.token);
}
