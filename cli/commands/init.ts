import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { documentJsonSchema } from "../../shared/config/json-schema.ts";
import { testFileJsonSchema } from "../cases/case-schema.ts";
import { readCases } from "../cases/read-cases.ts";
import { countText } from "../cases/report.ts";
import { runDry } from "../cases/run-cases.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type Decision, decide } from "../init/decide.ts";
import { type PackageText, withScripts } from "../init/package-scripts.ts";
import { type Found, scanFolder } from "../init/scan.ts";
import { documentText, IGNORED, SCHEMA_FILE, TEST_SCHEMA_FILE, testText } from "../init/write.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { columns, print, printJson, sayNext, style } from "../output.ts";

const DOCUMENT = "selvage.yaml";
const TESTS = "selvage.test.yaml";
const PACKAGE = "package.json";

interface Options extends JsonOption {
  readonly yes?: boolean;
  readonly force?: boolean;
}

export function initCommand(): Command {
  return new Command("init")
    .description("Write a first document for what is in a folder: its API description, its services, their ports.")
    .argument("[folder]", "where to look and to write", ".")
    .option("-y, --yes", "ask nothing")
    .option("--force", `replace a ${DOCUMENT} and a ${TESTS} that are there`)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nAsks on a terminal alone, and not with --json.\n\nExamples:\n  selvage init\n  selvage init services/orders -y",
    )
    .action(init);
}

async function init(given: string, options: Options): Promise<void> {
  const folder = path.resolve(given);
  if (!existsSync(folder)) throw new CliError(exitCodes.usage, `there is no folder ${given}`);
  const there = [DOCUMENT, TESTS].filter((name) => existsSync(path.join(folder, name)));
  if (there.length > 0 && !options.force)
    throw new CliError(
      exitCodes.usage,
      `${there.join(" and ")} ${there.length > 1 ? "are" : "is"} there already: --force replaces, selvage dev runs it`,
    );
  const found = scanFolder(folder);
  const decision = decide(found);
  const text = documentText(decision);
  const isAsked = !options.yes && !options.json && process.stdin.isTTY === true && process.stdout.isTTY === true;
  const scripts = scriptsFor(folder, decision, isAsked || options.yes === true);
  if (!options.json) print(summary(found, decision, there, scripts));
  if (isAsked && !(await agreed(text))) {
    print("Nothing was written.");
    return;
  }
  const written = [...write(folder, text, testText(decision)), ...writeScripts(folder, scripts)];
  const read = await readCases(path.relative(process.cwd(), path.join(folder, TESTS)), process.env);
  const results = runDry(read);
  if (options.json) {
    printJson({ decision, written, problems: read.document.problems.length, tests: countText(results) });
    return;
  }
  print(`\n${written.map((name) => `${style("ok", "ok")} ${name}`).join("\n")}`);
  print(`${style("ok", "ok")} check: ${read.document.problems.length} problems; test: ${countText(results)}`);
  const at = path.relative(process.cwd(), folder);
  sayNext(`${at === "" ? "" : `cd ${at} && `}selvage dev${decision.contract === undefined ? "" : " --stub"}`);
}

/** @param mayMake whether somebody has agreed to a package.json where there is none */
function scriptsFor(folder: string, { contract }: Decision, mayMake: boolean): PackageText | undefined {
  const file = path.join(folder, PACKAGE);
  const given = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  return given === undefined && !mayMake ? undefined : withScripts(given, contract !== undefined);
}

function writeScripts(folder: string, scripts: PackageText | undefined): string[] {
  if (scripts === undefined) return [];
  writeFileSync(path.join(folder, PACKAGE), scripts.text);
  return [`${PACKAGE} (scripts ${scripts.added.join(", ")})`];
}

function summary(
  found: Found,
  decision: Decision,
  replaced: readonly string[],
  scripts: PackageText | undefined,
): string {
  const { api, unusable, upstreams } = found;
  const seen = [
    ...(api === undefined ? [] : [`${api.file} (${api.operations} operations)`]),
    ...(unusable === undefined ? [] : [unusable.file]),
    ...upstreams.map(({ from, port }) => `${from} (port ${port})`),
  ];
  const { contract, routes, identity, limit, undecided } = decision;
  const rows = [
    ["config", DOCUMENT, replaced.includes(DOCUMENT) ? "(replaced)" : "(new)"],
    ...routes.map(({ name, path: at }) => ["route", `${name}  ${at.value}`, `(${at.why})`]),
    ...(contract === undefined
      ? []
      : [["contract", contract.file, `(${contract.operations} operations; others are refused)`]]),
    ...[...new Map(routes.map(({ to }) => [to.value, to])).values()].map(({ value, why }) => [
      "upstream",
      value,
      `(${why})`,
    ]),
    ["auth", identity?.value ?? "none", `(${identity?.why ?? "nothing asks for credentials"})`],
    ...(scripts === undefined ? [] : [["scripts", scripts.added.join(", "), `(of ${PACKAGE})`]]),
    ["limit", `${limit.value} by ${identity === undefined ? "address" : "client"}`, `(${limit.why})`],
  ];
  const notes = undecided.map((note) => `\n  ${style("warn", "!")}  ${note}`).join("");
  return `Scanning ${found.name}  found ${seen.length === 0 ? "nothing that tells of a service" : seen.join(", ")}\n\n${columns(rows).replace(/^/gm, "  ")}${notes}`;
}

async function agreed(text: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    for (;;) {
      const answer = (await lines.question("\nWrite it? (Y)es, (n)o, (s)how: ")).trim().toLowerCase();
      if (answer === "" || answer.startsWith("y")) return true;
      if (answer.startsWith("n")) return false;
      print(`\n${text}`);
    }
  } finally {
    lines.close();
  }
}

/** @returns what was written, for people */
function write(folder: string, document: string, tests: string): string[] {
  mkdirSync(path.join(folder, path.dirname(SCHEMA_FILE)), { recursive: true, mode: 0o700 });
  const files = {
    [DOCUMENT]: document,
    [TESTS]: tests,
    [SCHEMA_FILE]: `${JSON.stringify(documentJsonSchema(), null, 2)}\n`,
    [TEST_SCHEMA_FILE]: `${JSON.stringify(testFileJsonSchema(), null, 2)}\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  const ignore = path.join(folder, ".gitignore");
  const known = existsSync(ignore) ? readFileSync(ignore, "utf8") : "";
  const lines = new Set(known.split("\n").map((line) => line.trim()));
  const missing = IGNORED.filter((line) => !lines.has(line) && !lines.has(line.replace(/\/$/, "")));
  if (missing.length > 0)
    appendFileSync(ignore, `${known === "" || known.endsWith("\n") ? "" : "\n"}${missing.join("\n")}\n`);
  const shown = [DOCUMENT, TESTS, `${SCHEMA_FILE} (for editors)`];
  return missing.length > 0 ? [...shown, `.gitignore (${missing.join(", ")})`] : shown;
}
