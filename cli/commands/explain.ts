import { Command } from "commander";
import type { Path } from "../../shared/config/problem.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explain } from "../../shared/plan/explain.ts";
import { explainExposed } from "../../shared/plan/explain-expose.ts";
import type { ExplainRequest, ExplainStep, Explanation } from "../../shared/plan/explain-step.ts";
import type { ExposePlan, Plan } from "../../shared/plan/plan.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { type RequestOptions, requestOf } from "../explain-request.ts";
import type { ControlOptions } from "../find-system.ts";
import { type LocatedDocument, locateDocument, placeOf, sourceName } from "../located-document.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { type Cell, columns, print, printJson, type Style, style } from "../output.ts";

type Options = ControlOptions & JsonOption & RequestOptions & { readonly file?: string; readonly exposed?: string };

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("Say what would become of a request and why: a dry run, nothing is counted or sent.")
    .argument("<method>", "such as GET")
    .argument("<target>", "path with query, or a whole URL")
    .option("-H, --header <name: value>", "a request header; can be repeated", (value, all: string[] = []) => [
      ...all,
      value,
    ])
    .option("--as <subject>", "assume that this subject has proven itself")
    .option("--scope <scopes>", "with --as: its scopes, separated by commas")
    .option("--as-key <id>", "assume that this API key was shown, as the control plane knows it (`selvage keys list`)")
    .option(
      "--claim <name=value>",
      "with --as: one of its claims, as JSON or text; can be repeated",
      (value, all: string[] = []) => [...all, value],
    )
    .option("--from <address>", "the IP address that connects to the gateway: the client's, or a proxy's")
    .option(
      "--exposed <service>",
      "the request comes to the public listener of this service (`expose`), not to the gateway",
    )
    .option("--file <file>", "explain by this document instead of the live version")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
A bearer token is decoded and its claims are checked; its signature is not.

Examples:
  selvage explain GET /api/v2/orders/42 --as alice --scope orders:read
  selvage explain GET /api/v2/orders/42 --as-key 3f9a1c0b5d7e2468
  selvage explain GET /load/orders/1 -H 'x-canary: true' --file selvage.yaml
  selvage explain GET /orders/42 --exposed orders --as alice --file selvage.yaml
  selvage explain GET /user/profile -H "authorization: Bearer $TOKEN" --json`,
    );
  return withControl(command).action(run);
}

async function run(method: string, target: string, options: Options): Promise<void> {
  const source = await locateDocument(options, options.file);
  const plan = compile(source.document, source.artifacts);
  const outside = options.exposed === undefined ? plan.gateway : exposedBy(plan, options.exposed);
  const [host = "localhost"] = outside.hosts;
  const named = outside.hosts.find((one) => !one.startsWith("*")) ?? host.replace("*", "any");
  const asked = requestOf(method, target, options, named);
  const request = options.asKey === undefined ? asked : { ...asked, credential: await keyOf(options.asKey, options) };
  const explanation =
    (options.exposed && explainExposed(plan, options.exposed, request, Date.now())) ||
    explain(plan, request, Date.now(), source.artifactBytes);
  if (options.json) printJson(toJson(request, explanation, source));
  else print(toText(request, explanation, source));
  if (explanation.result.outcome === "refuse") throw new CliError(exitCodes.findings, "");
}

function exposedBy({ mesh }: Plan, service: string): ExposePlan {
  const found = Object.hasOwn(mesh.services, service) ? mesh.services[service]?.expose : undefined;
  if (found !== undefined) return found;
  const exposed = Object.keys(mesh.services).filter((name) => mesh.services[name]?.expose !== undefined);
  const known = exposed.length === 0 ? "none does" : `those that do: ${exposed.join(", ")}`;
  throw new CliError(exitCodes.usage, `${service} shows nothing to the outside; ${known}`);
}

async function keyOf(id: string, options: Options): Promise<ExplainRequest["credential"]> {
  if (options.as !== undefined) throw new CliError(exitCodes.usage, "--as and --as-key are two different clients");
  if (!/^[0-9a-f]{16}$/.test(id))
    throw new CliError(exitCodes.usage, `${id} is not the id of a key: 16 hexadecimal digits`);
  return { kind: "key", record: await connect(options).key(id) };
}

function toJson(
  request: ExplainRequest,
  { route, otherRoutes, steps, result }: Explanation,
  source: LocatedDocument,
): unknown {
  const { method, host, path, query, clientIp } = request;
  const located = <T extends { readonly path?: Path }>(one: T) => ({ ...one, place: placeOf(one.path, source) });
  return {
    request: { method, host, path, query, ...(clientIp !== undefined && { clientIp }) },
    version: source.version ?? null,
    file: source.file,
    dryRun: true,
    signatureChecked: false,
    route: route === undefined ? null : located(route),
    otherRoutes: otherRoutes.map(located),
    steps: steps.map(located),
    result,
  };
}

function toText(
  request: ExplainRequest,
  { route, otherRoutes, steps, result }: Explanation,
  source: LocatedDocument,
): string {
  const { method, host, path, query } = request;
  const head = ` request   ${method} ${host}${path}${query}   (${sourceName(source)}, dry run: nothing is counted or sent)`;
  const routes = otherRoutes.map((other) => ["not", other.name, placeOf(other.path, source), other.why]);
  const params = Object.entries(route?.params ?? {}).map(([name, value]) => `${name}=${value}`);
  const chosen = route === undefined ? [] : [["route", route.name, placeOf(route.path, source), params.join(" ")]];
  const rows = steps.map(({ stage, verdict, text, part, path: at }): (string | Cell)[] => [
    part === undefined ? stage : `${part} ${stage}`,
    { text: verdict, style: verdictStyles[verdict] },
    placeOf(at, source),
    text,
  ]);
  const outcome = style(
    result.outcome === "refuse" ? "bad" : "ok",
    result.outcome === "refuse" ? `refused: ${result.text}` : result.text,
  );
  const blocks = [[...chosen, ...routes], rows]
    .filter((block) => block.length > 0)
    .map((block) => indent(columns(block)));
  return [head, ...blocks, ` result    ${outcome}`].join("\n\n");
}

const verdictStyles: Readonly<Record<ExplainStep["verdict"], Style>> = {
  pass: "ok",
  deny: "bad",
  note: "dim",
  skip: "dim",
};

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => ` ${line}`.trimEnd())
    .join("\n");
}
