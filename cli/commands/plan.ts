import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { agentPlan } from "../../shared/plan/agent-face.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import { compile } from "../../shared/plan/compile.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, printJson, say } from "../output.ts";
import { readValidDocument } from "../read-document.ts";

interface Options extends JsonOption {
  readonly out?: string;
  readonly gateway?: boolean;
  readonly agent?: string;
}

export function planCommand(): Command {
  return new Command("plan")
    .description(
      "Print what a document compiles to: the plan, or what one host gets of it. What it changes: selvage diff.",
    )
    .argument("<file>", "document in YAML or JSON; - reads stdin")
    .option("--gateway", "only the gateway's part")
    .option("--agent <service>", "only what an agent of that service gets")
    .option("--out <file>", "write the canonical bytes to a file, for a deploy")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage plan selvage.yaml\n  selvage plan selvage.yaml --gateway --out plan.json",
    )
    .action(plan);
}

async function plan(name: string, options: Options): Promise<void> {
  const { document, artifacts } = await readValidDocument(name, process.env);
  const face = faceOf(compile(document, artifacts.table), options);
  if (options.out !== undefined) {
    try {
      writeFileSync(options.out, `${canonicalJson(face)}\n`);
    } catch (fault) {
      throw new CliError(
        exitCodes.usage,
        `${options.out} cannot be written: ${fault instanceof Error ? fault.message : fault}`,
      );
    }
    say(`wrote ${options.out}`);
  } else if (options.json) print(canonicalJson(face));
  else printJson(face);
}

function faceOf(whole: Plan, { gateway, agent }: Options): unknown {
  if (gateway && agent !== undefined) throw new CliError(exitCodes.usage, "--gateway and --agent exclude each other");
  if (gateway) return whole.gateway;
  if (agent === undefined) return whole;
  const face = agentPlan(whole, agent);
  if (face === undefined)
    throw new CliError(
      exitCodes.usage,
      `the document has no service ${agent}: it has ${Object.keys(whole.mesh.services).join(", ")}`,
    );
  return face;
}
