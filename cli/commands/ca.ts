import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { CaStatus, ForceRequest, IssuanceEntry } from "../../shared/wire/ca.ts";
import { certificateTable } from "../certificate-table.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { author, connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say, style, table } from "../output.ts";
import { describeStep, waitForRotation } from "../wait-for-rotation.ts";

type Options = ControlOptions & JsonOption;
interface RotateOptions extends Options {
  readonly wait: boolean;
  readonly timeout?: number;
  readonly force?: ForceRequest["whom"];
  readonly selfMade?: boolean;
}

export function caCommand(): Command {
  const command = new Command("ca").description(
    "The mesh's certificate authority: its roots, issuer and what it issued.",
  );
  const subcommands = [
    new Command("status").description("Roots, issuer, and how far a rotation is.").action(status),
    withRotation(new Command("rotate-root"))
      .description("Replace the root, in three steps that every agent acknowledges. Called again, it goes on waiting.")
      .option("--self-made", "also where the root is somebody else's: back to one of its own")
      .action((options: RotateOptions) => rotate("root", options)),
    withRotation(new Command("rotate-issuer"))
      .description("Replace the issuing key; every agent gets a new certificate. Called again, it goes on waiting.")
      .action((options: RotateOptions) => rotate("issuer", options)),
    new Command("abort").description("Give a rotation of the root up, while it is at its first step.").action(abort),
    new Command("csr")
      .description("A certificate request for an issuer that somebody else signs. Its key does not leave.")
      .option("--fresh", "a new key instead of the one that waits for its certificate")
      .action(csr),
    withRotation(new Command("import"))
      .description("Use the issuer that was signed for the last `ca csr`: its certificate, and all up to the root.")
      .argument("<files...>", "certificates in PEM, in any order")
      .action(importChain),
    new Command("export-roots").description("The roots that agents believe, PEM.").action(exportRoots),
    new Command("log").description("What was issued, and what was asked for and refused.").action(log),
  ];
  for (const subcommand of subcommands) command.addCommand(withControl(subcommand.addOption(jsonOption())));
  return command.addHelpText(
    "after",
    `
Examples:
  selvage ca rotate-root
  selvage ca rotate-root --force            past agents that are away
  selvage ca csr > issuer.csr               then have it signed, and
  selvage ca import issuer.pem root.pem
  selvage ca export-roots > roots.pem`,
  );
}

function withRotation(command: Command): Command {
  return command
    .option("--no-wait", "begin it, and do not wait for its end")
    .option("--timeout <duration>", "how long to wait (default: as long as it takes)", durationArgument)
    .addOption(
      new Option(
        "--force [whom]",
        "leave behind agents that are away and what they may hold, other trust domains, or all",
      )
        .choices(["away", "partners", "all"])
        .preset("away"),
    );
}

async function rotate(what: "root" | "issuer", options: RotateOptions): Promise<void> {
  const client = connect(options);
  const { rotation } = await client.ca();
  if (rotation !== undefined && rotation.kind !== what)
    throw new CliError(
      exitCodes.findings,
      `a rotation of the ${rotation.kind} is under way: ${describeStep(rotation)}`,
    );
  if (rotation === undefined) {
    const selfMade = options.selfMade === true ? { selfMade: true } : {};
    await client.rotateCa({ what, ...selfMade, author: author() });
    say(`a new ${what} is made`);
  } else say(`going on with a rotation that is at step ${rotation.step} for ${ago(Date.now() - rotation.sinceMs)}`);
  await finish(client, options);
}

async function finish(client: ControlClient, { wait, timeout, force, json }: RotateOptions): Promise<CaStatus> {
  // Without waiting, too, whom the steps do not wait for has to be said.
  const found = wait ? await waitForRotation(client, { timeoutMs: timeout, force }) : await beginOnly(client, force);
  if (json) printJson(found);
  else print(found.roots[0]?.fingerprint ?? "");
  return found;
}

async function beginOnly(client: ControlClient, whom: ForceRequest["whom"] | undefined): Promise<CaStatus> {
  const found = await client.ca();
  if (found.rotation === undefined || whom === undefined) return found;
  return client.forceCa({ step: found.rotation.step, whom, author: author() });
}

async function abort(options: Options): Promise<void> {
  const found = await connect(options).abortCa({ author: author() });
  if (options.json) printJson(found);
  else say("given up; the new root is gone");
}

async function csr(options: Options & { readonly fresh?: boolean }): Promise<void> {
  const made = await connect(options).issuerRequest({ ...(options.fresh && { fresh: true }), author: author() });
  if (options.json) printJson(made);
  else print(made.csr.trimEnd());
}

async function importChain(files: readonly string[], options: RotateOptions): Promise<void> {
  const chain = files.map(readFile).join("\n");
  const client = connect(options);
  const { warnings } = await client.importChain({ chain, author: author() });
  for (const warning of warnings) say(`${style("warn", "warning", process.stderr)}: ${warning}`);
  await finish(client, options);
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(exitCodes.usage, `${file} cannot be read: ${(error as Error).message}`);
  }
}

async function exportRoots(options: Options): Promise<void> {
  const { roots: own, outside } = await connect(options).ca();
  const roots = [...own, ...(outside?.roots ?? [])];
  if (options.json) printJson({ roots: roots.map(({ pem }) => pem) });
  else print(roots.map(({ pem }) => pem.trimEnd()).join("\n"));
}

async function status(options: Options): Promise<void> {
  const found = await connect(options).ca();
  if (options.json) printJson(found);
  else if (found.trustDomain === "") print("there is no authority yet: selvage apply selvage.yaml");
  else printStatus(found);
  if (found.alarms.length > 0) throw new CliError(exitCodes.findings, "");
}

function printStatus(found: CaStatus): void {
  const { trustDomain, outside, rotation, csrPending, alarms } = found;
  print(`trust domain ${trustDomain}\n\n${certificateTable(found)}`);
  if (outside !== undefined) print(`\n${describeOutside(outside.id)}`);
  if (rotation !== undefined)
    print(`\nrotation of the ${rotation.kind}, ${describeStep(rotation)} (for ${ago(Date.now() - rotation.sinceMs)})`);
  if (csrPending) print("\na key waits for its certificate: selvage ca csr, have it signed, selvage ca import");
  for (const { text } of alarms) print(`\n${style("bad", "alarm")}: ${text}`);
}

function describeOutside(id: string): string {
  return (
    `workloads are also ${printable(id)} by SVIDs of an outside issuer, which renews and rotates them itself: ` +
    "no command here does; selvage revoke holds for them, too"
  );
}

async function log(options: Options): Promise<void> {
  const entries = await connect(options).issuanceLog();
  if (options.json) printJson({ entries });
  else print(entries.length === 0 ? "nothing was issued yet" : logTable(entries));
}

function logTable(entries: readonly IssuanceEntry[]): string {
  const rows = entries.map((entry) => [
    new Date(entry.atMs).toISOString(),
    `${entry.service || "?"}/${entry.instance}`,
    "serial" in entry ? "issued" : { text: "refused", style: "bad" as const },
    entry.cause,
    "serial" in entry ? entry.serial : entry.reason,
  ]);
  return table(["TIME", "WORKLOAD", "", "FOR", ""], rows);
}
