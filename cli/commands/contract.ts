import { Command } from "commander";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { formatSize } from "../../shared/config/units.ts";
import type { Contract, ContractOperation } from "../../shared/contract/contract.ts";
import { readContract } from "../artifacts/build-contract.ts";
import { documentFolder } from "../artifacts/document-folder.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, table } from "../output.ts";
import { type ReadDocument, readValidDocument } from "../read-document.ts";

export function contractCommand(): Command {
  return new Command("contract")
    .description("Show what an API description compiles to: its operations, and what of each is judged.")
    .argument("<file>", "document in YAML or JSON")
    .argument("[name]", "one of its contracts; may be left out where there is one")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage contract selvage.yaml\n  selvage contract selvage.yaml orders --json")
    .action(showContract);
}

async function showContract(file: string, asked: string | undefined, options: JsonOption): Promise<void> {
  const read = await readValidDocument(file, process.env);
  const contracts = read.document.gateway?.contracts ?? {};
  const name = asked ?? onlyOf(Object.keys(contracts));
  const settings = Object.hasOwn(contracts, name) ? contracts[name] : undefined;
  if (settings === undefined) throw new CliError(exitCodes.usage, unknownContract(name, Object.keys(contracts)));
  const beganMs = performance.now();
  const { contract } = readContract(settings, documentFolder(file), ["gateway", "contracts", name]);
  const ms = Math.round(performance.now() - beganMs);
  if (contract === undefined) throw new CliError(exitCodes.findings, `${settings.openapi} changed while it was read`);
  const { digest, bytes } = artifactOf(read, name);
  const schemas = Object.keys(contract.schemas).length;
  if (options.json) {
    const { schemas: _, ...shown } = contract;
    printJson({ name, ...settings, digest, bytes, schemas, compiledMs: ms, contract: shown });
    return;
  }
  print(table(["METHOD", "PATH", "OPERATION", "REQUEST", "ANSWERS"], contract.operations.map(rowOf)));
  print(
    `\n${titleOf(contract)}: ${contract.operations.length} operations below ${contract.basePath || "/"}, ${schemas} schemas`,
  );
  print(`${formatKib(bytes)}, compiled in ${ms} ms, ${digest}`);
}

const titleOf = ({ title, version }: Contract): string => `${title} ${version}`.trim() || "a description without title";

const formatKib = (bytes: number): string => (bytes < 10_240 ? formatSize(bytes) : `${Math.round(bytes / 1024)}KiB`);

function artifactOf({ artifacts }: ReadDocument, name: string): { readonly digest: string; readonly bytes: number } {
  const digest = artifacts.table[`contracts.${name}`] ?? "";
  return { digest, bytes: artifacts.bytes.get(digest)?.byteLength ?? 0 };
}

function rowOf({ method, path, id, parameters, body, responses, modes = {} }: ContractOperation): string[] {
  const names = parameters.map(({ name, required }) => (required ? name : `${name}?`));
  const types = body?.content.map(({ mediaType }) => mediaType).join(", ");
  const request = [...names, ...(types === undefined ? [] : [`${types}${body?.required ? "" : "?"}`])].join(" ");
  const taken = (mode: string | undefined): string => (mode === undefined ? "" : ` (${mode})`);
  return [
    method,
    path,
    id,
    `${request}${taken(modes.requests)}`,
    `${Object.keys(responses).join(" ")}${taken(modes.responses)}`,
  ];
}

function onlyOf(names: readonly string[]): string {
  const [only, other] = names;
  if (only === undefined) throw new CliError(exitCodes.usage, "the document has no `contracts`");
  if (other !== undefined) throw new CliError(exitCodes.usage, `which contract? one of ${names.join(", ")}`);
  return only;
}

function unknownContract(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `there is no contract ${name}: did you mean ${nearest}?`;
  return `there is no contract ${name}: ${known.length === 0 ? "the document has none" : `one of ${known.join(", ")}`}`;
}
