import { Command } from "commander";
import type { RevocationInfo, RevocationRequest } from "../../shared/wire/revocations.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import { deniedTable, deny, lift, WORKLOAD_ID, type Workload, workloadOf } from "../deny-workload.ts";
import type { ControlOptions } from "../find-system.ts";
import { author, connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say, table } from "../output.ts";

interface Options extends ControlOptions, JsonOption, Workload {
  readonly jti?: string;
  readonly sub?: string;
  readonly issuer?: string;
  readonly issuedBefore?: string;
  readonly expires?: number;
  readonly reason?: string;
  readonly list?: boolean;
  readonly undo?: string;
  readonly wait?: boolean;
  readonly timeout: number;
}

export function revokeCommand(): Command {
  const command = new Command("revoke")
    .description("Refuse tokens or workloads that are good otherwise.")
    .option("--jti <id>", "the token of this id")
    .option("--sub <subject>", "with --issuer: every token of this subject")
    .option("--issuer <issuer>", "with --sub or --issued-before: whose tokens")
    .option("--issued-before <time>", "with --issuer: issued before this time (2026-01-31T12:00:00Z, or now)")
    .option(
      "--expires <duration>",
      "of tokens: how long it lasts, at least as long as they do (default: 24h)",
      durationArgument,
    )
    .option("--service <name>", "every workload of a service")
    .option("--instance <service/instance>", "one instance of a service")
    .option("--serial <hex>", "the workload certificate of this serial number, and its key")
    .option("--wait", "of workloads: wait until every connected agent refuses it")
    .option("--timeout <duration>", "how long to wait", durationArgument, 30_000)
    .option("--reason <text>", "why, for the list")
    .option("--list", "show what is revoked")
    .option("--undo <id>", "take a revocation back")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Gateways honour a revocation of tokens within two seconds, agents that face the outside at once, also for tokens that they
remember. A workload is refused by every connected agent at once and its connections end; that lasts until it is taken back,
of a certificate until its end.

Examples:
  selvage revoke --jti 5f0c1a2e
  selvage revoke --sub alice --issuer https://login.example.com/ --expires 12h
  selvage revoke --issuer https://login.example.com/ --issued-before now --reason "key was stolen"
  selvage revoke --service reports --reason "credentials leaked" --wait
  selvage revoke --instance orders/orders-3
  selvage revoke --list`,
    );
  return withControl(command).action(revoke);
}

async function revoke(options: Options): Promise<void> {
  const client = connect(options);
  if (options.list) return list(client, options);
  const workload = workloadOf(options);
  if (options.undo?.startsWith(WORKLOAD_ID)) return lift(client, options.undo, options);
  if (options.undo === undefined && workload !== undefined) return deny(client, workload, options);
  const done =
    options.undo === undefined
      ? await client.revoke(requestOf(options, Date.now()))
      : await client.unrevoke(options.undo);
  if (options.json) return printJson(done);
  say(`${options.undo === undefined ? "revoked" : "taken back"}: ${describe(done)}`);
  print(done.id);
}

async function list(client: ControlClient, options: Options): Promise<void> {
  const [{ revocations, revision }, { denied }] = await Promise.all([client.revocations(), client.denied()]);
  if (options.json) return printJson({ revision, revocations, denied });
  const tables = [
    ...(revocations.length > 0 ? [listOf(revocations)] : []),
    ...(denied.length > 0 ? [deniedTable(denied)] : []),
  ];
  print(tables.length === 0 ? "nothing is revoked" : tables.join("\n\n"));
}

/** @throws CliError for what is none of the three forms */
export function requestOf(options: Omit<Options, "timeout">, nowMs: number): RevocationRequest {
  const { jti, sub, issuer, issuedBefore, expires, reason } = options;
  const terms = {
    author: author(),
    ...(expires !== undefined && { lifetimeMs: expires }),
    ...(reason !== undefined && { reason }),
  };
  const given = Object.entries({ jti, sub, issuer, issuedBefore }).filter(([, value]) => value !== undefined);
  const form = given.map(([name]) => name).join(" ");
  if (form === "jti") return { jti: jti ?? "", ...terms };
  if (form === "sub issuer") return { sub: sub ?? "", issuer: issuer ?? "", ...terms };
  if (form === "issuer issuedBefore")
    return { issuer: issuer ?? "", issuedBefore: secondsOf(issuedBefore ?? "", nowMs), ...terms };
  throw new CliError(
    exitCodes.usage,
    "say what to revoke: --jti ID, --sub SUBJECT --issuer ISSUER, or --issuer ISSUER --issued-before TIME, " +
      "--service NAME, --instance SERVICE/INSTANCE, or --serial HEX",
  );
}

/** Seconds since the epoch; a part of a second counts as one, so that nothing of it escapes. */
function secondsOf(text: string, nowMs: number): number {
  const ms = text === "now" ? nowMs : /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(ms) || ms < 0)
    throw new CliError(exitCodes.usage, `${text} is not a time such as 2026-01-31T12:00:00Z`);
  return Math.ceil(ms / 1000);
}

function listOf(revocations: readonly RevocationInfo[]): string {
  const rows = revocations.map((one) => [
    one.id,
    describe(one),
    `in ${ago(Math.max(0, one.expiresAtMs - Date.now()))}`,
    one.author,
    one.reason,
  ]);
  return table(["ID", "REVOKED", "ENDS", "BY", "REASON"], rows);
}

function describe({ jti, sub, issuer, issuedBefore }: RevocationInfo): string {
  if (jti !== undefined) return `token ${jti}`;
  if (sub !== undefined) return `subject ${sub} of ${issuer}`;
  return `tokens of ${issuer} before ${new Date((issuedBefore ?? 0) * 1000).toISOString()}`;
}
