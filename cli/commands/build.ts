import { readdirSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { codeSource } from "../code/check-code.ts";
import { writeCode } from "../code/write-code.ts";
import { ENTRY_MODULE } from "../local/build-worker.ts";
import { CONFIG_FILE, isReplaceable, makeGatewayFolder, sizeLine } from "../local/gateway-folder.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, style } from "../output.ts";
import { readValidDocument } from "../read-document.ts";

export function buildCommand(): Command {
  return new Command("build")
    .description("Make the gateway Worker with the code of a document, for `wrangler deploy`.")
    .argument("<file>", "document whose `policies` and `handler` name the code")
    .option("--out <folder>", `where it goes; a ${CONFIG_FILE} that is there stays as it is`, "selvage-gateway")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage build selvage.yaml\n  selvage build selvage.yaml --out gateway && npx wrangler deploy -c gateway/wrangler.toml",
    )
    .action(build);
}

async function build(name: string, { out, json }: JsonOption & { readonly out: string }): Promise<void> {
  if (name === "-") throw new CliError(exitCodes.usage, "code is found beside the document: give it as a file");
  const folder = path.resolve(out);
  if (!isReplaceable(folder))
    throw new CliError(exitCodes.usage, `${out} holds something else than a gateway: name another folder with --out`);
  const { document } = await readValidDocument(name, process.env);
  await makeGatewayFolder(folder);
  const source = codeSource(document, name);
  const own = writeCode(source, folder);
  const all = readdirSync(folder).filter((file) => file.endsWith(path.extname(ENTRY_MODULE)));
  const files = (names: readonly string[]): string[] => names.map((file) => path.join(folder, file));
  const config = path.join(out, CONFIG_FILE);
  if (json) return printJson({ folder, config, code: source.files });
  print(sizeLine("gateway", files(all.filter((file) => !own.includes(file)))));
  print(sizeLine(`your code, ${source.files.length} files`, files(own)));
  print(`${style("ok", "ok")} npx wrangler deploy -c ${config}`);
}
