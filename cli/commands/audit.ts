import { createHash } from "node:crypto";
import { Command } from "commander";
import { limits } from "../../shared/limits.ts";
import { type AuditEntry, verifyAudit } from "../../shared/wire/audit.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import type { ControlOptions } from "../find-system.ts";
import { connect, type JsonOption, jsonOption, versionArgument, withControl } from "../options.ts";
import { print, printJson, say, table } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly act?: string;
  readonly before?: number;
  readonly limit: number;
  readonly ndjson?: boolean;
  readonly verify?: boolean;
  readonly known?: string;
}

export function auditCommand(): Command {
  const command = new Command("audit")
    .description("Who did what with rights, and what was refused, newest first.")
    .option("--act <name>", "of this act alone, such as apply or call-refused")
    .option("--before <id>", "entries before this one", versionArgument)
    .option("--limit <count>", "how many at most", versionArgument, limits.control.auditPage)
    .option("--ndjson", "all entries, one a line: for export")
    .option("--verify", "whether an entry was changed or taken out. Exit code 1: one was")
    .option("--known <id:hash>", "with --verify: an entry that must be there, as an earlier --verify named it")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  selvage audit --act apply
  selvage audit --ndjson > audit.ndjson
  selvage audit --verify --known 812:9f86d081884c7d65...`,
    );
  return withControl(command).action(audit);
}

async function audit(options: Options): Promise<void> {
  const client = connect(options);
  if (options.known !== undefined && !options.verify) throw new CliError(exitCodes.usage, "--known goes with --verify");
  if (options.verify) return verify(client, options);
  if (options.ndjson) {
    for await (const entry of entries(client, options)) print(JSON.stringify(entry));
    return;
  }
  const found: AuditEntry[] = [];
  for await (const entry of entries(client, options)) {
    found.push(entry);
    if (found.length >= options.limit) break;
  }
  if (options.json) return printJson({ entries: found });
  if (found.length === 0) return print("no entry");
  print(table(["ID", "AT", "ACT", "", "BY", "FOR", "VERSION", "WHAT"], found.map(rowOf)));
}

function rowOf({ id, atMs, act, outcome, by, role, author, address, version, detail }: AuditEntry) {
  const who = by === "" ? "nobody" : `${by}${role === undefined ? "" : ` (${role})`}`;
  return [
    String(id),
    new Date(atMs).toISOString(),
    act,
    outcome === "refused" ? ({ text: outcome, style: "bad" } as const) : outcome,
    address === undefined ? who : `${who} ${address}`,
    author === by ? "" : author,
    version === 0 ? "" : String(version),
    detail,
  ];
}

/** Page by page, newest first. */
async function* entries(
  client: ControlClient,
  { act, before }: Pick<Options, "act" | "before">,
): AsyncGenerator<AuditEntry> {
  for (let next = before; ; ) {
    const page = await client.audit({
      limit: limits.control.auditPageMax,
      ...(act !== undefined && { act }),
      ...(next !== undefined && { before: next }),
    });
    yield* page.entries;
    next = page.next;
    if (next === undefined) return;
  }
}

async function verify(client: ControlClient, { known, json }: Options): Promise<void> {
  const all: AuditEntry[] = [];
  for await (const entry of entries(client, {})) all.push(entry);
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  const fault = verifyAudit(all.reverse(), digest, known === undefined ? undefined : knownEntry(known));
  const [first, last] = [all[0], all.at(-1)];
  const newest = last && { id: last.id, hash: last.hash };
  if (json)
    printJson({ whole: fault === undefined, ...(fault !== undefined && { fault }), entries: all.length, newest });
  else if (fault === undefined)
    print(newest === undefined ? "no entry" : `entries ${first?.id} to ${newest.id} are whole`);
  if (fault !== undefined) throw new CliError(exitCodes.findings, json ? "" : fault);
  if (newest !== undefined)
    say(`keep ${newest.id}:${newest.hash} for the next time: that newer entries are gone shows by nothing else`);
}

function knownEntry(text: string): { id: number; hash: string } {
  const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (id === undefined || hash === undefined)
    throw new CliError(exitCodes.usage, `${text} is not an entry such as 812:9f86d081... (id and 64 hex digits)`);
  return { id: Number(id), hash };
}
