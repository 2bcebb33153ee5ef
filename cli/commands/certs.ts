import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { CertificateAge } from "../../shared/policy/certificate-age.ts";
import type { AgentStatus } from "../../shared/wire/admin.ts";
import type { CaStatus } from "../../shared/wire/ca.ts";
import { ageOf, certificateLifeMs, isOverdue } from "../agent-certificate.ts";
import { certificateTable } from "../certificate-table.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { liveVersion } from "../live-version.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, type Cell, print, printJson, say, style, table } from "../output.ts";

type Options = ControlOptions & JsonOption & { readonly service?: string };

export function certsCommand(): Command {
  const command = new Command("certs")
    .description(
      "Certificates of the mesh: roots and issuer, and of each agent when its own ends and whether it renews it. Exit code 1: one is late.",
    )
    .option("--service <name>", "agents of this service alone")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  selvage certs\n  selvage certs --service orders --json");
  return withControl(command).action(certs);
}

interface Held extends Pick<AgentStatus, "service" | "instance" | "state"> {
  readonly notAfterMs: number;
  readonly age: CertificateAge;
}

async function certs(options: Options): Promise<void> {
  const client = connect(options);
  const [ca, { agents }, live] = await Promise.all([client.ca(), client.status(), liveVersion(client)]);
  const lifetimeMs = certificateLifeMs(live?.document);
  const nowMs = Date.now();
  const held = agents
    .filter(({ service }) => options.service === undefined || service === options.service)
    .map((agent): Held => {
      const { service, instance, state, certificateNotAfterMs: notAfterMs } = agent;
      return { service, instance, state, notAfterMs, age: ageOf(agent, lifetimeMs, nowMs) };
    });
  const late = held.filter(({ age, state }) => isOverdue(age, state));
  if (options.json) printJson({ ...ca, lifetimeMs, agents: held });
  else printAll(ca, held, late);
  if (late.length > 0 || ca.alarms.length > 0) throw new CliError(exitCodes.findings, "");
}

function printAll(ca: CaStatus, held: readonly Held[], late: readonly Held[]): void {
  if (ca.trustDomain === "") {
    print("there is no authority yet: selvage apply selvage.yaml");
    return;
  }
  print(`trust domain ${ca.trustDomain}\n\n${certificateTable(ca)}\n`);
  if (held.length === 0) print("no agent holds a certificate yet: selvage mesh join SERVICE");
  else print(table(["SERVICE", "INSTANCE", "STATE", "ENDS", "RENEWAL"], held.map(rowOf)));
  for (const { text } of ca.alarms) print(`\n${style("bad", "alarm")}: ${printable(text)}`);
  for (const { service, instance, notAfterMs } of late) {
    const left = notAfterMs - Date.now();
    const when = left > 0 ? `ends in ${ago(left)} and was to be renewed long ago` : "has ended";
    print(`\n${style("warn", "warning")}: ${printable(`the certificate of ${service}/${instance}`)} ${when}`);
  }
  say(late.length > 0 ? "\nhave all of them renew: selvage renew" : "\nthe authority: selvage ca status");
}

function rowOf({ service, instance, state, notAfterMs, age }: Held): (string | Cell)[] {
  const styles = { fresh: "ok", due: "ok", late: "bad", ended: "bad" } as const;
  const left = notAfterMs - Date.now();
  return [service, instance, state, left > 0 ? `in ${ago(left)}` : "over", { text: age, style: styles[age] }];
}
