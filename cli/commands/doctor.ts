import { existsSync } from "node:fs";
import { Command } from "commander";
import { CliError, exitCodes } from "../cli-error.ts";
import { checkControl } from "../doctor/control.ts";
import { type Finding, fail, ok, warn } from "../doctor/finding.ts";
import { checkNode, checkPorts, checkProxy } from "../doctor/machine.ts";
import { checkState, isRunning } from "../doctor/state.ts";
import { type ControlOptions, stateFolder } from "../find-system.ts";
import { type JsonOption, jsonOption, withControl } from "../options.ts";
import { columns, print, printJson } from "../output.ts";
import { countProblems, readDocument } from "../read-document.ts";

type Options = ControlOptions & JsonOption & { readonly file?: string };

const USUAL_FILE = "selvage.yaml";

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description(
      "Look for what is wrong: Node, ports, proxies, the state folder, the document, the control plane, clocks and certificates. Exit code 1: something failed.",
    )
    .option("--file <file>", `the document to check (default: ${USUAL_FILE}, where there is one)`)
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage doctor\n  selvage doctor --file shop/selvage.yaml --json");
  return withControl(command).action(doctor);
}

async function doctor(options: Options): Promise<void> {
  const state = stateFolder(process.env);
  const control = await checkControl(options);
  const findings = [
    checkNode(process.versions.node),
    ...(await checkPorts(process.env, isRunning(state))),
    checkProxy(process.env),
    ...checkState(state),
    ...(await checkFile(options.file)),
    ...control.findings,
  ];
  if (options.json) printJson({ findings });
  else print(columns(findings.flatMap(rowsOf)));
  if (control.isUnreachable) throw new CliError(exitCodes.unreachable, "");
  if (findings.some(({ verdict }) => verdict === "fail")) throw new CliError(exitCodes.findings, "");
}

async function checkFile(given: string | undefined): Promise<Finding[]> {
  if (given === undefined && !existsSync(USUAL_FILE)) return [];
  const name = given ?? USUAL_FILE;
  try {
    const read = await readDocument(name, process.env);
    const text = `${name}: ${countProblems(read)}`;
    const fix = `selvage check ${name}`;
    if (read.document === undefined) return [fail("document", text, fix)];
    return [read.problems.length > 0 ? warn("document", text, fix) : ok("document", text)];
  } catch (fault) {
    if (!(fault instanceof CliError)) throw fault;
    return [fail("document", fault.message, "selvage doctor --file FILE")];
  }
}

function rowsOf({ what, verdict, text, fix }: Finding): Parameters<typeof columns>[0][number][] {
  const styles = { ok: "ok", warn: "warn", fail: "bad" } as const;
  const row = [{ text: verdict, style: styles[verdict] }, what, text];
  return fix === undefined ? [row] : [row, ["", "", { text: `fix: ${fix}`, style: "dim" }]];
}
