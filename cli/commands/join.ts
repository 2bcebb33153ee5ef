import { readFileSync, statSync } from "node:fs";
import { Command } from "commander";
import { checkDocument } from "../../shared/config/check-document.ts";
import type { Document } from "../../shared/config/schema.ts";
import { join as bounds } from "../../shared/limits/join.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explainJoin, type JoinExplanation } from "../../shared/plan/explain-join.ts";
import type { EnrolmentKeyInfo } from "../../shared/wire/joining.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say, style, table } from "../output.ts";
import { readValidDocument } from "../read-document.ts";

type Options = ControlOptions & JsonOption;

export function joinCommand(): Command {
  const command = new Command("join")
    .description("Joining without join tokens: what a token would join as, and the keys by which agents come back.")
    .addHelpText(
      "after",
      `
Examples:
  selvage join test /var/run/secrets/selvage/token --file selvage.yaml
  selvage join keys
  selvage join forget 3q2-7wF0b1cZ...`,
    );
  const test = new Command("test")
    .description("Say as which service a workload with this token would join, and why not by each rule before.")
    .argument("<file>", "the token, or - for standard input")
    .option("--file <document>", "by this document instead of the live version")
    .addOption(jsonOption());
  const keys = new Command("keys").description("List the keys by which agents come back.").addOption(jsonOption());
  const forget = new Command("forget")
    .description("Remove one of these keys for good: its agent needs another way to join once its token has ended.")
    .argument("<id>", "as `selvage join keys` says it")
    .addOption(jsonOption());
  for (const one of [
    withControl(test).action(testToken),
    withControl(keys).action(listKeys),
    withControl(forget).action(forgetKey),
  ])
    command.addCommand(one.exitOverride());
  return command;
}

async function testToken(path: string, options: Options & { readonly file?: string }): Promise<void> {
  const token = readToken(path);
  const document = options.file === undefined ? await liveDocument(options) : await documentIn(options.file);
  const explanation = explainJoin(compile(document).mesh.join, token, Date.now());
  if (options.json) printJson(explanation);
  else print(toText(explanation));
  if (explanation.service === undefined) throw new CliError(exitCodes.findings, "");
}

function readToken(path: string): string {
  try {
    if (path !== "-" && statSync(path).size > bounds.fileBytesMax) throw new Error("it is too large for a token");
    return readFileSync(path === "-" ? 0 : path, "utf8").trim();
  } catch (error) {
    throw new CliError(exitCodes.usage, `cannot read the token in ${path}: ${(error as Error).message}`);
  }
}

async function documentIn(name: string): Promise<Document> {
  return (await readValidDocument(name, process.env)).document;
}

async function liveDocument(options: Options): Promise<Document> {
  const client = connect(options);
  const { version } = await client.status();
  if (version === 0)
    throw new CliError(exitCodes.findings, "nothing is live yet: apply a document, or name one with --file");
  const { document } = checkDocument((await client.version(version)).document);
  if (document !== undefined) return document;
  throw new CliError(
    exitCodes.usage,
    `version ${version} was made by another release of Selvage and cannot be read by this one`,
  );
}

function toText({ service, refused, rules, unknown }: JoinExplanation): string {
  const asked = rules.map(({ issuer, rule, verdict }) => {
    const [mark, text] =
      "service" in verdict
        ? [style("ok", "match"), `joins as ${verdict.service}`]
        : [style("bad", "no"), verdict.reason];
    return `  mesh.join.rules[${rule}] (${issuer})  ${mark}  ${text}`;
  });
  const end = service === undefined ? `does not join: ${refused ?? "no rule matches"}` : `joins as ${service}`;
  const notes = unknown.map((text) => `  not known here: ${text}`);
  return [...asked, end, ...notes].join("\n");
}

async function listKeys(options: Options): Promise<void> {
  const keys = await connect(options).enrolmentKeys();
  if (options.json) return printJson({ keys });
  if (keys.length === 0) return print("no agent has told a key yet");
  const nowMs = Date.now();
  const rows = keys.map((key) => [
    key.id,
    key.service,
    key.instance,
    ago(nowMs - key.usedAtMs),
    `in ${ago(Math.max(0, key.expiresAtMs - nowMs))}`,
  ]);
  print(table(["ID", "SERVICE", "INSTANCE", "USED AGO", "ENDS"], rows));
}

async function forgetKey(id: string, options: Options): Promise<void> {
  const removed: EnrolmentKeyInfo = await connect(options).removeEnrolmentKey(id);
  if (options.json) return printJson(removed);
  say(`${removed.instance} of ${removed.service} does not come back by this key any more`);
  print(removed.id);
}
