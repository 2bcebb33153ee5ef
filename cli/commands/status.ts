import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { Document } from "../../shared/config/schema.ts";
import type { AgentStatus, Status } from "../../shared/wire/admin.ts";
import type { PurgeStatus } from "../../shared/wire/purges.ts";
import { certificateLeft } from "../agents.ts";
import { percent } from "../canary-options.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, type Cell, print, printJson, style, table } from "../output.ts";
import { sourceTable } from "../source-table.ts";

export function statusCommand(): Command {
  const command = new Command("status")
    .description("The live version, which gateways and agents serve it, and what is wrong. Exit code 1: something is.")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage status\n  selvage status --json");
  return withControl(command).action(status);
}

async function status(options: ControlOptions & JsonOption): Promise<void> {
  const client = connect(options);
  const found = await client.status();
  // It is asked of the gateway, which may be down without anything else being so.
  const purges = await client.purges().catch(() => undefined);
  // What is live can be told without what is written in it.
  const live = found.version === 0 ? undefined : await client.version(found.version).catch(() => undefined);
  const quarantined = quarantinedOf(live?.document);
  const more = { ...(purges !== undefined && { purges }), ...(quarantined.length > 0 && { quarantined }) };
  if (options.json) printJson({ ...found, ...more });
  else printStatus(found, purges, quarantined);
  const isRefused = [...found.gateways, ...found.agents].some(({ state }) => state === "refused");
  if ((found.alarms ?? []).length > 0 || quarantined.length > 0 || isRefused)
    throw new CliError(exitCodes.findings, "");
}

interface OutOfService {
  readonly name: string;
  readonly owner?: string | undefined;
  readonly reason: string;
}

/** Routes of a version that are answered 503. @param document as it was applied */
export function quarantinedOf(document: unknown): OutOfService[] {
  const { gateway } = (document ?? {}) as Partial<Document>;
  return (gateway?.routes ?? []).flatMap(({ name, owner, quarantine: reason }) =>
    reason === undefined ? [] : [{ name, ...(owner !== undefined && { owner }), reason }],
  );
}

function printStatus(found: Status, purges: PurgeStatus | undefined, quarantined: readonly OutOfService[]): void {
  if (found.version === 0) print("nothing is live yet: selvage apply selvage.yaml");
  else print(`version ${found.version} is live (${found.hash.slice(0, 12)})`);
  if (found.canary !== undefined) {
    const { version, phase, share } = found.canary;
    print(`version ${version} is a canary, ${phase}, with ${percent(share)} of the requests: selvage canary status`);
  }
  print(`\n${gatewayTable(found)}\n\n${agentTable(found.agents)}`);
  const sources = sourceTable(found.agents);
  if (sources !== undefined) print(`\n${sources}`);
  if (found.outage !== undefined) print(`\n${describeOutage(found.outage)}`);
  for (const one of found.verdicts ?? []) print(`\n${style("warn", "failing")}: ${printable(describeVerdict(one))}`);
  if (found.keys.length > 0) print(`\n${keyTable(found)}`);
  print(`\n${purges === undefined ? "the gateway does not tell of purges" : describePurgeStatus(purges)}`);
  for (const { text } of found.alarms ?? []) print(`\n${style("bad", "alarm")}: ${printable(text)}`);
  for (const { name, owner, reason } of quarantined) {
    const whose = owner === undefined ? "" : ` of ${owner}`;
    print(`\n${style("bad", "quarantined")}: ${printable(`route ${name}${whose}: ${reason}`)}`);
  }
}

function describeVerdict(verdict: NonNullable<Status["verdicts"]>[number]): string {
  const { service, instance, failing, callers, attempts, failures, advised, only } = verdict;
  const seen = `${failing} of ${callers} ${callers === 1 ? "caller sees" : "callers see"} ${instance} of ${service} failing`;
  const counted = attempts === 0 ? "" : ` (${failures} of ${attempts} attempts)`;
  if (only !== undefined) return `${seen}${counted}: look at the network of ${only}`;
  return `${seen}${counted}${advised ? ": callers are advised to use it less" : ""}`;
}

function describeOutage({ service, instance, budgetMs, limitedBy }: NonNullable<Status["outage"]>): string {
  const who = printable(`${service}/${instance}`);
  return `without the control plane the fleet goes on for ${ago(budgetMs)}: ${who} is the first to end (${printable(limitedBy)})`;
}

function describePurgeStatus({ number, floor, remembered }: PurgeStatus): string {
  const since = `nothing is served that was stored before ${new Date(floor).toISOString()}`;
  if (remembered === 0) return `cache: ${since}`;
  return `cache: purge ${number} is the last of ${remembered} that are remembered; ${since}`;
}

function gatewayTable({ gateways }: Status): string {
  if (gateways.length === 0) return "no gateway holds a lease: none has served a request in the last seconds";
  const rows = gateways.map(({ isolate, version, state, reason, leaseEndsInMs }) => [
    isolate,
    String(version),
    stateCell(state),
    leaseEndsInMs > 0 ? ago(leaseEndsInMs) : "over",
    reason ?? "",
  ]);
  return table(["GATEWAY", "VERSION", "STATE", "LEASE", "REASON"], rows);
}

function agentTable(agents: readonly AgentStatus[]): string {
  if (agents.length === 0) return "no agent has joined yet: selvage join-token SERVICE";
  const rows = agents.map((agent) => [
    agent.service,
    agent.instance,
    String(agent.version),
    stateCell(agent.state),
    agent.phase,
    `${ago(agent.lastSeenMsAgo)} ago`,
    certificateLeft(agent),
    agent.reason ?? "",
  ]);
  return table(["SERVICE", "INSTANCE", "VERSION", "STATE", "PHASE", "HEARD", "CERTIFICATE", "REASON"], rows);
}

function keyTable({ keys: rings, gateways }: Status): string {
  const rows = rings.flatMap(({ kind, keys, waitingFor: { count, named } }) =>
    keys.map(({ kid, state, sinceMs, gateways: holders }) => [
      kind,
      kid,
      { text: state, style: ({ next: "warn", current: "ok", retired: "dim" } as const)[state] },
      `${ago(Date.now() - sinceMs)} ago`,
      `${holders} of ${gateways.length}`,
      state === "next" ? `waits for ${count}: ${named.slice(0, 3).join(", ")}${count > 3 ? ", ..." : ""}` : "",
    ]),
  );
  return table(["KEY", "ID", "STATE", "SINCE", "GATEWAYS", ""], rows);
}

function stateCell(state: AgentStatus["state"]): Cell {
  const styles = { current: "ok", behind: "warn", refused: "bad", offline: "dim" } as const;
  return { text: state, style: styles[state] };
}
