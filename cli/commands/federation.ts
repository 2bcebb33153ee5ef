import { X509Certificate } from "node:crypto";
import { Command } from "commander";
import { printable } from "../../shared/config/code-frame.ts";
import type { FederationStatus, PartnerStatus } from "../../shared/wire/federation.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, type Cell, print, printJson, style, table } from "../output.ts";

type Options = ControlOptions & JsonOption;

export function federationCommand(): Command {
  const command = new Command("federation").description(
    "Other trust domains that are believed, and an outside issuer of the own one: the bundles of both.",
  );
  const subcommands = [
    new Command("list").description("Each trust domain, and how fresh its bundle is.").action(list),
    new Command("show")
      .description("One of them: its roots, and why there are no newer ones.")
      .argument("<trust-domain>", "as the document names it")
      .option("--pem", "the roots alone, PEM")
      .action(show),
    new Command("refresh").description("Fetch all bundles now, and say what came of it.").action(refresh),
  ];
  for (const subcommand of subcommands)
    command.addCommand(withControl(subcommand.addOption(jsonOption())).exitOverride());
  return command.addHelpText(
    "after",
    `
Examples:
  selvage federation list
  selvage federation show partner.example --pem > roots.pem
  selvage federation refresh                after a partner has changed its roots

Exit code 1: a bundle is not to be had, or holds no root.`,
  );
}

async function list(options: Options): Promise<void> {
  tell(await connect(options).federation(), options);
}

async function refresh(options: Options): Promise<void> {
  tell(await connect(options).refreshFederation(), options);
}

function tell(found: FederationStatus, { json }: Options): void {
  if (json) printJson(found);
  else print(listText(found, Date.now()));
  if (found.alarms.length > 0) throw new CliError(exitCodes.findings, "");
}

async function show(trustDomain: string, options: Options & { readonly pem?: boolean }): Promise<void> {
  const { partners } = await connect(options).federation();
  const found = partners.find((one) => one.trustDomain === trustDomain);
  if (found === undefined) {
    const names = partners.map((one) => one.trustDomain).join(", ");
    const known = names === "" ? "the live document names none" : `the live document names ${names}`;
    throw new CliError(exitCodes.usage, `${trustDomain} is no trust domain that bundles are fetched of: ${known}`);
  }
  if (options.json) printJson(found);
  else if (options.pem) print(found.roots.map((root) => root.trimEnd()).join("\n"));
  else print(partnerText(found, Date.now()));
  if (found.failure !== undefined || found.roots.length === 0) throw new CliError(exitCodes.findings, "");
}

/** All of them as a table, and what is wrong below it. */
export function listText({ partners, alarms }: FederationStatus, nowMs: number): string {
  if (partners.length === 0)
    return "the live document names no other trust domain (`mesh.federation`) and no outside issuer";
  const rows = partners.map((one) => [
    one.trustDomain,
    one.issues === undefined ? "partner" : "outside issuer",
    String(one.roots.length),
    one.fetchedAtMs === undefined ? "never" : `${ago(nowMs - one.fetchedAtMs)} ago`,
    one.nextAtMs <= nowMs ? "now" : `in ${ago(one.nextAtMs - nowMs)}`,
    stateOf(one),
  ]);
  const found = table(["TRUST DOMAIN", "IS A", "ROOTS", "FETCHED", "NEXT", "STATE"], rows);
  return [found, ...alarms.map(({ text }) => `\n${style("bad", "alarm")}: ${printable(text)}`)].join("\n");
}

function stateOf({ failure, fetchedAtMs, roots }: PartnerStatus): Cell {
  if (failure !== undefined) return { text: "failing", style: "bad" };
  if (fetchedAtMs === undefined) return { text: "awaited", style: "warn" };
  return roots.length === 0 ? { text: "empty", style: "bad" } : { text: "good", style: "ok" };
}

/** One of them with its roots. */
export function partnerText(found: PartnerStatus, nowMs: number): string {
  const { trustDomain, issues, bundle, sequence, fetchedAtMs, nextAtMs, failure, roots } = found;
  const facts = [
    ["trust domain", trustDomain],
    ...(issues === undefined ? [] : [["names services", issues]]),
    ["bundle", bundle],
    ["sequence", sequence === undefined ? "none" : String(sequence)],
    ["fetched", fetchedAtMs === undefined ? "never" : `${ago(nowMs - fetchedAtMs)} ago`],
    ["next", nextAtMs <= nowMs ? "now" : `in ${ago(nextAtMs - nowMs)}`],
    ...(failure === undefined ? [] : [["failing", `for ${ago(nowMs - failure.sinceMs)}: ${failure.reason}`]]),
  ];
  const text = facts.map(([name = "", value = ""]) => `${name.padEnd(16)}${printable(value)}`).join("\n");
  if (roots.length === 0) return `${text}\n\nno root: nobody of it is believed`;
  return `${text}\n\n${table(
    ["SHA-256", "SUBJECT", "ENDS"],
    roots.map((pem) => rootRow(pem, nowMs)),
  )}`;
}

function rootRow(pem: string, nowMs: number): (string | Cell)[] {
  const root = new X509Certificate(pem);
  const leftMs = root.validToDate.getTime() - nowMs;
  const date = root.validToDate.toISOString().slice(0, 10);
  const ends: Cell = leftMs > 0 ? { text: `${date}, in ${ago(leftMs)}` } : { text: `${date}, over`, style: "bad" };
  const digits = root.fingerprint256.replaceAll(":", "").toLowerCase();
  return [digits.slice(0, 16), printable(root.subject.replaceAll("\n", ", ")), ends];
}
