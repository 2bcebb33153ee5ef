import { Command } from "commander";
import { limits } from "../../shared/limits.ts";
import { agentPlan } from "../../shared/plan/agent-face.ts";
import { compile } from "../../shared/plan/compile.ts";
import { meshEdges } from "../../shared/plan/mesh-edges.ts";
import type { AgentPlan } from "../../shared/plan/plan.ts";
import type { AgentStatus } from "../../shared/wire/admin.ts";
import type { UsageAnswer } from "../../shared/wire/usage.ts";
import { certificateLeft, findAgent } from "../agents.ts";
import { calledEdges } from "../called-edges.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { edgeTable } from "../edge-table.ts";
import type { ControlOptions } from "../find-system.ts";
import { comparable } from "../live-version.ts";
import { locateDocument, placeOf } from "../located-document.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, type Cell, print, printJson, say, table } from "../output.ts";
import { waitForDrain } from "../wait-for-drain.ts";
import { joinTokenCommand } from "./join-token.ts";

type Options = ControlOptions & JsonOption;

interface EdgeOptions extends Options {
  readonly file?: string;
  readonly of?: string;
  readonly window: number;
}

/** Long enough that what is not called in it is worth a question. */
const DAY_MS = limits.usage.resolutions.day.slotMs;

export function meshCommand(): Command {
  const status = withControl(new Command("status").addOption(jsonOption()))
    .description("The instances of the mesh by service. Exit code 1: one of them refuses the live version.")
    .option("--service <name>", "instances of this service alone")
    .addHelpText("after", "\nExamples:\n  selvage mesh status\n  selvage mesh status --service orders --json")
    .action(meshStatus);
  const config = withControl(new Command("config").addOption(jsonOption()))
    .description("What one agent goes by: its part of the plan of its version, and the endpoints that it is given.")
    .argument("<instance>", "as `selvage mesh status` says it, or SERVICE/INSTANCE")
    .addHelpText(
      "after",
      "\nExamples:\n  selvage mesh config orders/7f3a\n  selvage mesh config orders/7f3a --json | jq .plan",
    )
    .action(meshConfig);
  const edges = withControl(new Command("edges").addOption(jsonOption()))
    .description("Who may call whom, and who does, by the live version; or who may by a document.")
    .option("--file <file>", "by this document instead of the live version")
    .option("--of <service>", "calls from and to this service alone")
    .option("--window <duration>", "how far back calls are counted, at most 90 days (2160h)", durationArgument, DAY_MS)
    .addHelpText(
      "after",
      "\nExamples:\n  selvage mesh edges --of orders --window 168h\n  selvage mesh edges --file selvage.yaml",
    )
    .action(edgesOf);
  const drain = withControl(new Command("drain").addOption(jsonOption()))
    .description(
      "Have one instance leave: callers go elsewhere, what runs is finished, it ends. Who supervises it may start it again. Exit code 1: it did not in time.",
    )
    .argument("<instance>", "as `selvage mesh status` says it, or SERVICE/INSTANCE")
    .option("--timeout <duration>", "how long to wait", durationArgument, 90_000)
    .addHelpText(
      "after",
      "\nExamples:\n  selvage mesh drain orders/7f3a\n  selvage mesh drain orders/7f3a --timeout 2m",
    )
    .action(meshDrain);
  const join = joinTokenCommand().name("join");
  return new Command("mesh")
    .description("The mesh: its instances, what each serves, and who may call whom.")
    .addCommand(status)
    .addCommand(config)
    .addCommand(edges)
    .addCommand(drain)
    .addCommand(join)
    .addHelpText("after", "\nExamples:\n  selvage mesh status\n  selvage mesh edges --of orders");
}

async function meshStatus(options: Options & { readonly service?: string }): Promise<void> {
  const { version, agents: all } = await connect(options).status();
  const agents = all
    .filter(({ service }) => options.service === undefined || service === options.service)
    .toSorted((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : a.instance < b.instance ? -1 : 1));
  if (options.json) printJson({ version, agents });
  else if (agents.length === 0) print("no instance is known: selvage mesh join SERVICE");
  else {
    const head = [
      "SERVICE",
      "INSTANCE",
      "VERSION",
      "STATE",
      "PHASE",
      "HEARD",
      "CERTIFICATE",
      "OUTAGE BUDGET",
      "REASON",
    ];
    print(table(head, agents.map(agentRow)));
    const ready = agents.filter(({ state, phase }) => state !== "offline" && phase === "ready").length;
    say(
      `\nversion ${version} is live; ${ready} of ${agents.length} are connected and ready. One of them: selvage mesh config INSTANCE`,
    );
  }
  if (agents.some(({ state }) => state === "refused")) throw new CliError(exitCodes.findings, "");
}

function agentRow(agent: AgentStatus): (string | Cell)[] {
  const { service, instance, version, state, phase, lastSeenMsAgo, outage, reason = "" } = agent;
  const styles = { current: "ok", behind: "warn", refused: "bad", offline: "dim" } as const;
  return [
    ...[service, instance, String(version)],
    { text: state, style: styles[state] },
    ...[phase, `${ago(lastSeenMsAgo)} ago`, certificateLeft(agent)],
    outage === undefined ? "" : `${ago(outage.budgetMs)} (${outage.limitedBy})`,
    reason,
  ];
}

async function meshConfig(name: string, options: Options): Promise<void> {
  const client = connect(options);
  const agent = findAgent((await client.status()).agents, name);
  if (agent.version === 0)
    throw new CliError(exitCodes.findings, `${agent.service}/${agent.instance} has no version yet`);
  const [detail, endpoints] = await Promise.all([client.version(agent.version), client.services()]);
  const { document, artifacts } = comparable(detail);
  const plan = document === undefined ? undefined : agentPlan(compile(document, artifacts), agent.service);
  if (plan === undefined)
    throw new CliError(exitCodes.findings, `version ${agent.version} has no service ${agent.service} any more`);
  const callable = Object.fromEntries(
    Object.entries(endpoints.services).filter(([service]) => Object.hasOwn(plan.outbound, service)),
  );
  if (options.json) printJson({ agent, plan, endpoints: callable });
  else printConfig(agent, plan, callable);
}

function printConfig(
  agent: AgentStatus,
  plan: AgentPlan,
  callable: Readonly<Record<string, readonly unknown[]>>,
): void {
  const { service, instance, version, state, phase } = agent;
  print(`${service}/${instance}  version ${version}, ${state}, ${phase}\n`);
  const { inbound } = plan;
  if (inbound !== undefined) {
    const rules = inbound.access === undefined ? "any workload may call" : `access rules: ${inbound.access.length}`;
    print(`serves  ${inbound.protocol} of port ${inbound.port}, ${rules}\n`);
  }
  const rows = Object.entries(plan.outbound).map(([called, { timeoutMs, retries, subsets }]) => [
    called,
    String(callable[called]?.length ?? 0),
    timeoutMs === 0 ? "none" : ago(timeoutMs),
    String(retries.attempts),
    Object.keys(subsets).join(", "),
  ]);
  print(
    rows.length === 0 ? "may call no service" : table(["MAY CALL", "ENDPOINTS", "TIMEOUT", "RETRIES", "SUBSETS"], rows),
  );
  say(`\nall of it: --json; who may call it: selvage mesh edges --of ${service}`);
}

async function meshDrain(name: string, options: Options & { readonly timeout: number }): Promise<void> {
  const client = connect(options);
  const { service, instance } = findAgent((await client.status()).agents, name);
  await client.drainAgent({ service, instance });
  const tookMs = await waitForDrain(client, { service, instance }, options.timeout);
  if (options.json) printJson({ service, instance, tookMs });
  else print(`${service}/${instance} has left after ${ago(tookMs)}`);
  say("who is there now: selvage mesh status");
}

async function edgesOf(options: EdgeOptions): Promise<void> {
  const source = await locateDocument(options, options.file);
  const { of } = options;
  const declared = meshEdges(compile(source.document, source.artifacts))
    .filter(({ from, to }) => of === undefined || from === of || to === of || from === "*")
    .map(({ path, ...edge }) => ({ ...edge, place: placeOf(path, source) }));
  const usage = options.file === undefined ? await callsIn(options) : undefined;
  const edges = calledEdges(declared, usage);
  if (options.json)
    return printJson({
      ...{ version: source.version ?? null, file: source.file, edges },
      ...(usage !== undefined && { fromMs: usage.fromMs, toMs: usage.toMs }),
    });
  if (edges.length === 0) return print("nobody may call a service");
  print(edgeTable(edges, usage !== undefined));
  if (options.file !== undefined) say("\nwho does call is known of the live version alone: leave out --file");
  if (usage === undefined) return;
  if (usage.leftOut > 0) say(`\n${usage.leftOut} edges with fewer calls are left out: --of SERVICE`);
  say(`\ncalls since ${new Date(usage.fromMs).toISOString()}; over time: selvage stat edges`);
}

/** Who may call is told all the same when it is not known who does. */
async function callsIn({ window, of, ...options }: EdgeOptions): Promise<UsageAnswer | undefined> {
  const asked = { by: "edges", windowMs: String(window), ...(of !== undefined && { of }) };
  return connect(options)
    .usage(asked)
    .catch((fault: unknown) => {
      if (!(fault instanceof CliError)) throw fault;
      say(`who does call is not known: ${fault.message}`);
      return undefined;
    });
}
