import { Command, InvalidArgumentError, Option } from "commander";
import { type Ignore, ignoresIn, parseIgnore, unusedIgnores, withoutIgnored } from "../../shared/config/ignores.ts";
import { placeName } from "../../shared/config/place-name.ts";
import { askLive } from "../check/ask-live.ts";
import { type Finding, findingOf, findingsIn, ignoredBy } from "../check/finding.ts";
import { githubAnnotation } from "../check/github.ts";
import type { LiveGroup } from "../check/live.ts";
import { liveText } from "../check/live-text.ts";
import { sarifLog } from "../check/sarif.ts";
import { shortLine } from "../check/short.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { packageVersion } from "../local/package-root.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { print, printJson, say, sayNext, style } from "../output.ts";
import { countProblems, problemsAsJson, type ReadDocument, readDocument, sayProblems } from "../read-document.ts";

const FORMATS = ["text", "short", "json", "github", "sarif"] as const;
const DEFAULT_FILE = "selvage.yaml";

interface Options extends JsonOption, ControlOptions {
  readonly output: (typeof FORMATS)[number];
  readonly failOn: "error" | "warning";
  readonly ignore: readonly Ignore[];
  readonly live?: boolean;
  readonly wait?: number;
}

export function checkCommand(): Command {
  const command = new Command("check")
    .description("Check documents: form, references, routes that hide each other, settings without effect, secrets.")
    .argument("[files...]", `documents in YAML or JSON; - reads stdin (default: ${DEFAULT_FILE})`)
    .addOption(new Option("-o, --output <format>", "how findings are printed").choices(FORMATS).default("text"))
    .addOption(jsonOption())
    .addOption(
      new Option("--fail-on <severity>", "exit with 1 on warnings, too").choices(["error", "warning"]).default("error"),
    )
    .option(
      "--ignore <code[@place]>",
      "leave out a warning, such as SLV3012@routes.orders; again for more",
      addIgnore,
      [],
    )
    .option("--live", "what runs, too: ask the control plane")
    .option("--wait <duration>", "with --live: until all is well, at most so long", durationArgument)
    .addHelpText(
      "after",
      "\nExamples:\n  selvage check selvage.yaml\n  selvage check -o sarif --fail-on warning selvage.yaml > findings.sarif\n  selvage check --live --wait 30s",
    );
  return withControl(command).action(check);
}

function addIgnore(text: string, before: readonly Ignore[]): Ignore[] {
  const ignore = parseIgnore(text);
  if (ignore === undefined)
    throw new InvalidArgumentError("Expected CODE or CODE@PLACE, such as SLV3012@routes.orders.");
  return [...before, ignore];
}

async function check(files: readonly string[], given: Options): Promise<void> {
  const options: Options = given.json ? { ...given, output: "json" } : given;
  if (options.wait !== undefined && !options.live)
    throw new CliError(exitCodes.usage, "--wait is for --live: a document does not change by itself");
  const unused = new Set(options.ignore);
  const documents: ReadDocument[] = [];
  for (const name of new Set(files.length === 0 ? [DEFAULT_FILE] : files))
    documents.push(ignoring(await readDocument(name, process.env), options.ignore, unused));
  if (options.output === "text") sayDocuments(documents);
  const live = options.live ? await findLive(documents, options, unused) : { groups: [], findings: [] };
  const isValid = documents.every(({ document }) => document !== undefined);
  const beside = isValid ? unusedIgnores([...unused]).map((one) => findingOf(one, undefined, undefined)) : [];
  const findings = [...documents.flatMap(findingsIn), ...beside, ...live.findings];
  if (options.output === "text") {
    for (const one of beside) say(shortLine(one));
    if (options.live && live.fault === undefined) print(liveText(live.groups));
  } else printFindings(findings, documents, options.output, live.fault?.message);
  conclude(documents, findings, options, live.fault);
}

/** @param unused ignores that hit nothing so far; those that do now are taken out */
function ignoring(read: ReadDocument, ignores: readonly Ignore[], unused: Set<Ignore>): ReadDocument {
  const found = withoutIgnored(read.problems, ignores, ({ path }) => placeName(read.document, path));
  for (const one of found.ignored) unused.delete(one.ignore);
  return { ...read, problems: found.kept, ignored: [...(read.ignored ?? []), ...found.ignored] };
}

interface Live {
  readonly groups: readonly LiveGroup[];
  readonly findings: readonly Finding[];
  /** It does not answer: what was found in documents is told all the same. */
  readonly fault?: CliError;
}

async function findLive(documents: readonly ReadDocument[], options: Options, unused: Set<Ignore>): Promise<Live> {
  const ignores = [...options.ignore, ...documents.flatMap(({ document }) => ignoresIn(document))];
  const judge = (groups: readonly LiveGroup[]): LiveGroup[] =>
    groups.map((group) => ({ ...group, findings: ignoringLive(group.findings, ignores, unused) }));
  const isWell = (groups: readonly LiveGroup[]): boolean =>
    judge(groups).every(({ findings }) => findings.every(({ ignored }) => ignored !== undefined));
  try {
    const groups = judge(await askLive(connect(options), options.wait ?? 0, isWell));
    return { groups, findings: groups.flatMap(({ findings }) => findings) };
  } catch (fault) {
    if (fault instanceof CliError && fault.exitCode === exitCodes.unreachable)
      return { groups: [], findings: [], fault };
    throw fault;
  }
}

function ignoringLive(found: readonly Finding[], ignores: readonly Ignore[], unused: Set<Ignore>): Finding[] {
  const { kept, ignored } = withoutIgnored(found, ignores, ({ place }) => place);
  return [
    ...kept,
    ...ignored.map(({ problem, ignore }) => {
      unused.delete(ignore);
      return { ...problem, ignored: ignoredBy(ignore) };
    }),
  ];
}

/** Frames of what was found, and a line for each document that is valid. */
function sayDocuments(documents: readonly ReadDocument[]): void {
  for (const read of documents) {
    sayProblems(read);
    const { document, file, ignored = [] } = read;
    if (document === undefined) continue;
    const routes = document.gateway?.routes.length ?? 0;
    const services = Object.keys(document.mesh?.services ?? {}).length;
    const more = ignored.length === 0 ? "" : `, ${ignored.length} ignored`;
    print(`${style("ok", "ok")} ${file}: ${routes} routes, ${services} services, ${countProblems(read)}${more}`);
  }
}

function printFindings(
  findings: readonly Finding[],
  documents: readonly ReadDocument[],
  output: Exclude<Options["output"], "text">,
  fault: string | undefined,
): void {
  const shown = findings.filter(({ ignored }) => ignored === undefined);
  if (output === "short") for (const one of shown) print(shortLine(one));
  else if (output === "github") for (const one of shown) print(githubAnnotation(one));
  else if (output === "sarif") printJson(sarifLog(findings, packageVersion));
  else {
    const files = documents.map(({ file, document }) => ({ file, valid: document !== undefined }));
    const problems = [...documents.flatMap(problemsAsJson), ...shown.filter(({ file }) => file === undefined)];
    printJson({
      ...(files.length === 1 && { file: files[0]?.file }),
      valid: files.every(({ valid }) => valid),
      problems,
      ignored: findings.filter(({ ignored }) => ignored !== undefined),
      files,
      ...(fault !== undefined && { unreachable: fault }),
    });
  }
}

/** @throws CliError with the exit code, unless all is well */
function conclude(
  documents: readonly ReadDocument[],
  findings: readonly Finding[],
  { output, failOn }: Options,
  fault: CliError | undefined,
): void {
  const broken = documents.filter(({ document }) => document === undefined);
  const words = broken.map((read) => `${read.file} is not valid: ${countProblems(read)}`).join("\n");
  const shown = findings.filter(({ ignored }) => ignored === undefined);
  const worst = shown.find(({ severity }) => severity === "error") ?? shown[0];
  const next = worst === undefined ? afterCheck(documents) : `selvage help ${worst.code}`;
  if (broken.length > 0) throw new CliError(exitCodes.usage, output === "text" ? `${words}\n\nNext: ${next}` : "");
  if (fault !== undefined) throw fault;
  if (output === "text") sayNext(next);
  if (shown.some(({ severity }) => severity === "error" || failOn === "warning"))
    throw new CliError(exitCodes.findings, "");
}

function afterCheck([read, ...more]: readonly ReadDocument[]): string {
  const file = read === undefined || more.length > 0 || read.file === "stdin" ? "FILE" : read.file;
  return `selvage test, then selvage apply ${file}`;
}
