import { Command } from "commander";
import type { Path } from "../../shared/config/problem.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explain } from "../../shared/plan/explain.ts";
import { type Differences, differencesOf, resultText } from "../../shared/plan/explain-differences.ts";
import { type Expected, isAsExpected } from "../../shared/plan/explain-expected.ts";
import { explainExposed } from "../../shared/plan/explain-expose.ts";
import { fixOf } from "../../shared/plan/explain-fix.ts";
import type { ExplainRequest, ExplainStep, Explanation } from "../../shared/plan/explain-step.ts";
import type { ExposePlan, Plan } from "../../shared/plan/plan.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { differenceRows, stageOf } from "../difference-rows.ts";
import { type RequestOptions, readHeader, requestOf } from "../explain-request.ts";
import type { ControlOptions } from "../find-system.ts";
import { type LocatedDocument, locateDocument, locateVersion, placeOf, sourceName } from "../located-document.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { type Cell, columns, indent, print, printJson, type Style, sayNext, style } from "../output.ts";
import { explainLive } from "../records/explain-live.ts";
import { explainTrace } from "../records/explain-trace.ts";
import { shownResult } from "../shown-fields.ts";

type Options = ControlOptions &
  JsonOption &
  RequestOptions & { readonly file?: string; readonly exposed?: string } & {
    readonly at?: number;
    readonly expect?: Expected;
    readonly trace?: string;
    readonly live?: true;
  };

interface Source extends LocatedDocument {
  readonly plan: Plan;
}

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("Say what would become of a request and why: a dry run, nothing is counted or sent.")
    .argument("[method]", "such as GET")
    .argument("[target]", "path with query, or a whole URL")
    .option(
      "--live",
      "send the request, and show what the gateway says that it decided; needs role admin and a whole URL",
    )
    .option("--trace <id>", "what became of this past request: the id of its trace, or a whole `traceparent`")
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
    .option(
      "--at <version>",
      "what was different by this version: only what differs from the live one is shown",
      version,
    )
    .option(
      "--expect <status>",
      "exit with 0 when the request would end so, a status or `forward`, else with 1",
      expected,
    )
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
  selvage explain GET /api/v2/orders/42 --as alice --at 7
  selvage explain --trace 4bf92f3577b34da6a3ce929d0e0e4736
  selvage explain --live GET https://api.example/api/v2/orders/42 -H "authorization: Bearer $TOKEN"
  selvage explain DELETE /api/v2/orders/42 --file selvage.yaml --expect 401
  selvage explain GET /user/profile -H "authorization: Bearer $TOKEN" --json`,
    );
  return withControl(command).action(run);
}

function version(text: string): number {
  const number = Number(text.replace(/^v/, ""));
  if (!Number.isSafeInteger(number) || number < 1)
    throw new CliError(exitCodes.usage, `${text} is not the number of a version, such as 7`);
  return number;
}

function expected(text: string): Expected {
  if (text === "forward") return text;
  const status = Number(text);
  if (Number.isInteger(status) && status >= 100 && status <= 599) return status;
  throw new CliError(exitCodes.usage, `${text} is neither a status such as 403 nor \`forward\``);
}

async function run(method: string | undefined, target: string | undefined, options: Options): Promise<void> {
  const { trace } = options;
  if (trace !== undefined) {
    if (method !== undefined)
      throw new CliError(exitCodes.usage, "--trace names a request: leave out method and target");
    return explainTrace(trace, options);
  }
  if (method === undefined || target === undefined)
    throw new CliError(exitCodes.usage, "say which request, such as GET /orders/42, or a past one by --trace");
  if (options.live === true) return explainLive(method, target, (options.header ?? []).map(readHeader), options);
  return dryRun(method, target, options);
}

async function dryRun(method: string, target: string, options: Options): Promise<void> {
  if (options.at !== undefined && options.file !== undefined)
    throw new CliError(exitCodes.usage, "--at compares with the live version: leave out --file");
  const source = compiled(await locateDocument(options, options.file));
  const asked = await askedBy(source, method, target, options);
  const older = options.at === undefined ? undefined : compiled(await locateVersion(options, options.at));
  if (older !== undefined) compare(asked, explainBy(older, asked, options), source, options);
  else show(asked, explainBy(source, asked, options), source, options);
}

const compiled = (located: LocatedDocument): Source => ({
  ...located,
  plan: compile(located.document, located.artifacts),
});

async function askedBy(source: Source, method: string, target: string, options: Options): Promise<ExplainRequest> {
  const outside = options.exposed === undefined ? source.plan.gateway : exposedBy(source.plan, options.exposed);
  const [host = "localhost"] = outside.hosts;
  const named = outside.hosts.find((one) => !one.startsWith("*")) ?? host.replace("*", "any");
  const asked = requestOf(method, target, options, named);
  return options.asKey === undefined ? asked : { ...asked, credential: await keyOf(options.asKey, options) };
}

function explainBy({ plan, artifactBytes }: Source, request: ExplainRequest, { exposed }: Options): Explanation {
  if (exposed !== undefined) exposedBy(plan, exposed);
  const nowMs = Date.now();
  return (
    (exposed !== undefined && explainExposed(plan, exposed, request, nowMs)) ||
    explain(plan, request, nowMs, artifactBytes)
  );
}

function show(request: ExplainRequest, explanation: Explanation, source: Source, options: Options): void {
  if (options.json) printJson(toJson(request, explanation, source));
  else print(toText(request, explanation, source));
  judge(explanation, options);
  if (!options.json && options.expect === undefined) sayNext(afterExplain(explanation, source));
}

/** What is said of a request that would go through: to see it done, or to have it so. */
function afterExplain({ route }: Explanation, { version, file }: Source): string {
  if (version === undefined) return `selvage apply ${file}`;
  return route === undefined ? "selvage tap" : `selvage tap --route ${route.name}`;
}

/** A difference is no finding: the command tells what the older version would do. */
function compare(request: ExplainRequest, before: Explanation, source: Source, options: Options): void {
  const after = explainBy(source, request, options);
  const differences = differencesOf(before, after);
  const { method, host, path, query } = request;
  if (options.json) {
    const versions = { at: options.at, live: source.version };
    printJson({ request: { method, host, path, query }, ...versions, dryRun: true, differences });
  } else print(differencesText(request, differences, { at: options.at, live: source.version }));
  if (options.expect !== undefined) judge(before, options);
}

function judge(explanation: Explanation, { expect }: Options): void {
  if (expect === undefined) {
    if (explanation.result.outcome === "refuse") throw new CliError(exitCodes.findings, "");
  } else if (!isAsExpected(explanation, expect))
    throw new CliError(exitCodes.findings, `expected ${expect}, it is: ${resultText(explanation)}`);
}

function differencesText(
  { method, host, path, query }: ExplainRequest,
  differences: Differences,
  { at, live }: { readonly at: number | undefined; readonly live: number | undefined },
): string {
  const head = ` request   ${method} ${host}${path}${query}   (version ${at} (-) against version ${live} (+), dry run)`;
  const rows = differenceRows(differences);
  if (rows.length === 0) return `${head}\n\n result    no difference`;
  return `${head}\n\n${indent(columns(rows))}`;
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

function toJson(request: ExplainRequest, explanation: Explanation, source: Source): unknown {
  const { route, otherRoutes, steps, result, wouldRefuse } = explanation;
  const fix = fixOf(explanation);
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
    result: shownResult(result),
    ...(wouldRefuse !== undefined && { wouldRefuse }),
    ...(fix !== undefined && { fix }),
  };
}

function toText(request: ExplainRequest, explanation: Explanation, source: Source): string {
  const { route, otherRoutes, steps, result } = explanation;
  const { method, host, path, query } = request;
  const head = ` request   ${method} ${host}${path}${query}   (${sourceName(source)}, dry run: nothing is counted or sent)`;
  const routes = otherRoutes.map((other) => ["not", other.name, placeOf(other.path, source), other.why]);
  const params = Object.entries(route?.params ?? {}).map(([name, value]) => `${name}=${value}`);
  const chosen = route === undefined ? [] : [["route", route.name, placeOf(route.path, source), params.join(" ")]];
  const rows = steps.map((one): (string | Cell)[] => [
    stageOf(one),
    { text: one.verdict, style: verdictStyles[one.verdict] },
    placeOf(one.path, source),
    one.text,
  ]);
  const outcome = style(outcomeStyles[result.outcome], resultText(explanation));
  const fix = fixOf(explanation);
  const failed =
    result.outcome === "refuse"
      ? steps.find(({ verdict, code }) => verdict === "deny" && code === result.code)
      : undefined;
  const blocks = [[...chosen, ...routes], rows]
    .filter((block) => block.length > 0)
    .map((block) => indent(columns(block)));
  const lines = [
    ` result    ${outcome}`,
    ...(failed === undefined ? [] : [` step      ${stageOf(failed)}, ${placeOf(failed.path, source)}`]),
    ...(fix === undefined ? [] : [` fix       ${fix}`]),
  ];
  return [head, ...blocks, lines.join("\n")].join("\n\n");
}

const outcomeStyles = { forward: "ok", answer: "ok", drawn: "warn", refuse: "bad" } as const;

const verdictStyles: Readonly<Record<ExplainStep["verdict"], Style>> = {
  pass: "ok",
  deny: "bad",
  "would-deny": "warn",
  note: "dim",
  skip: "dim",
};
