import { readFileSync } from "node:fs";
import path from "node:path";
import { Argument, Command, InvalidArgumentError } from "commander";
import { secretUses } from "../../shared/config/secret-uses.ts";
import { limits } from "../../shared/limits.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type ControlOptions, stateFolder } from "../find-system.ts";
import { keepSecret } from "../local/state-folder.ts";
import { locateDocument, placeOf } from "../located-document.ts";
import { type JsonOption, jsonOption, withControl } from "../options.ts";
import { type Cell, print, printJson, say, table } from "../output.ts";
import { findSecrets } from "../secrets.ts";

type Options = ControlOptions & JsonOption & { readonly file?: string };

export function secretCommand(): Command {
  const list = withFile(new Command("list"))
    .description("Which secrets the live version, or a document, refers to, and where.")
    .addHelpText("after", "\nExamples:\n  selvage secret list\n  selvage secret list --file selvage.yaml --json")
    .action((options: Options) => tell(options, false));
  const check = withFile(new Command("check"))
    .description("The same, with exit code 1 when one of them is not there on this machine.")
    .addHelpText("after", "\nExamples:\n  selvage secret check --file selvage.yaml\n  selvage secret check --json")
    .action((options: Options) => tell(options, true));
  const set = new Command("set")
    .description("Keep a secret for the local system: its value is read from standard input.")
    .addArgument(new Argument("<name>", "as in ${secret:NAME}").argParser(nameArgument))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage secret set STRIPE_KEY < key.txt\n  pass stripe/key | selvage secret set STRIPE_KEY",
    )
    .action(setSecret);
  return new Command("secret")
    .description("The secrets that a document refers to. Values are never shown, nor sent to the control plane.")
    .addCommand(list)
    .addCommand(check)
    .addCommand(set)
    .addHelpText("after", "\nExamples:\n  selvage secret list\n  selvage secret check --file selvage.yaml");
}

function withFile(command: Command): Command {
  return withControl(command.option("--file <file>", "of this document instead of the live version")).addOption(
    jsonOption(),
  );
}

async function tell(options: Options, isCheck: boolean): Promise<void> {
  const source = await locateDocument(options, options.file, "SLV4001");
  const secrets = findSecrets(process.env);
  const found = secretUses(source.document).map(({ name, paths }) => ({
    name,
    here: secrets.has(name),
    places: paths.map((at) => placeOf(at, source)),
  }));
  const missing = found.filter(({ here }) => !here).map(({ name }) => name);
  if (options.json) printJson({ version: source.version ?? null, file: source.file, secrets: found, missing });
  else if (found.length === 0) print("no secret is referred to");
  else
    print(
      table(
        ["SECRET", "HERE", "USED AT"],
        found.map(({ name, here, places }) => [name, hereCell(here), places.join(", ")]),
      ),
    );
  if (!options.json && missing.length > 0) say(`\n${nextSteps(missing, secrets.lookedIn ?? "")}`);
  if (isCheck && missing.length > 0) throw new CliError(exitCodes.findings, "");
}

const hereCell = (here: boolean): Cell => (here ? { text: "yes", style: "ok" } : { text: "no", style: "warn" });

/** What a deployed gateway lacks it says itself, once it serves the document; what it has nobody tells. */
function nextSteps(missing: readonly string[], lookedIn: string): string {
  const [first = ""] = missing;
  return [
    `not in ${lookedIn}: ${missing.join(", ")}. What a deployed gateway lacks: selvage check --live`,
    `  local     selvage secret set ${first}`,
    ...missing.map((name) => `  deployed  npx wrangler secret put SECRET_${name}`),
  ].join("\n");
}

async function setSecret(name: string, { json }: JsonOption): Promise<void> {
  const state = stateFolder(process.env);
  if (state === undefined)
    throw new CliError(
      exitCodes.unreachable,
      `no local system: there is no .selvage folder here or above.\nFor a deployed gateway: npx wrangler secret put SECRET_${name}`,
    );
  const value = readValue();
  try {
    keepSecret(state, name, value);
  } catch (fault) {
    throw new CliError(exitCodes.usage, fault instanceof Error ? fault.message : String(fault));
  }
  const file = path.relative(process.cwd(), path.join(state, "secrets"));
  if (json) printJson({ name, file });
  else print(`${name} is in ${file}`);
  say("a running system reads it when it is started anew");
}

/** One line, without its end. */
function readValue(): string {
  if (process.stdin.isTTY) say("the value, then Ctrl-D:");
  const value = readFileSync(0, "utf8").replace(/\r?\n$/, "");
  if (value === "" || /[\r\n]/.test(value))
    throw new CliError(exitCodes.usage, "expected the value as one line on standard input");
  if (Buffer.byteLength(value) > limits.control.documentBytesMax)
    throw new CliError(exitCodes.usage, "the value is too long");
  return value;
}

function nameArgument(text: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text))
    throw new InvalidArgumentError("Expected a name of letters, digits and _.");
  return text;
}
