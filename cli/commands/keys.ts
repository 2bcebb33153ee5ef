import { Command, InvalidArgumentError } from "commander";
import type { KeyRecord } from "../../shared/auth/api-key.ts";
import { limits } from "../../shared/limits.ts";
import type { CreatedKey, CreateKeyRequest, UpdateKeyRequest } from "../../shared/wire/keys.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { importFile } from "../import-keys.ts";
import { connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, type Cell, print, printJson, say, table } from "../output.ts";
import { unknownPlanNote } from "../unknown-plan.ts";

type Options = ControlOptions & JsonOption;
interface CreateOptions extends Options {
  readonly owner: string;
  readonly prefix?: string;
  readonly name?: string;
  readonly plan?: string;
  readonly scope?: string;
  readonly group?: string;
  readonly expires?: number;
}
/** False: taken away. */
interface UpdateOptions extends Options {
  readonly owner?: string;
  readonly name?: string | false;
  readonly plan?: string | false;
  readonly scope?: string | false;
  readonly group?: string | false;
  readonly expires?: number | false;
}
type ListOptions = Options & { readonly owner?: string; readonly after?: string; readonly limit: number };
type RollOptions = Options & { readonly overlap: number; readonly expires?: number };

export function keysCommand(): Command {
  const command = new Command("keys").description(
    "API keys of the gateway: create, list, update, roll, revoke, import.",
  );
  const id = "id of the key, see `selvage keys list`";
  const subcommands = [
    new Command("create")
      .description("Make a key. It is printed once and kept nowhere.")
      .requiredOption("--owner <name>", "whose it is: `sub` of the identity")
      .option("--scope <scopes>", "scopes that it grants, separated by commas")
      .option("--group <groups>", "groups that its owner is in, separated by commas")
      .option("--plan <name>", "what its owner has subscribed to")
      .option("--name <text>", "what its owner calls it")
      .option("--prefix <prefix>", "prefix of the provider that it is for (default: slv)")
      .option("--expires <duration>", "how long it is good for (default: until it is revoked)", durationArgument)
      .action(create),
    new Command("list")
      .description("Keys with their first characters, never the keys.")
      .option("--owner <name>", "of this owner only")
      .option("--limit <count>", "how many", countArgument, limits.apiKeys.pageDefault)
      .option("--after <id>", "those after this one: the next page")
      .action(list),
    new Command("update")
      .description("Change what a key grants. Every gateway goes by it within seconds; what is not said stays.")
      .argument("<id>", id, idArgument)
      .option("--owner <name>", "whose it is from now on")
      .option("--plan <name>", "what its owner has subscribed to: limits go on by that plan")
      .option("--no-plan", "no plan")
      .option("--scope <scopes>", "all scopes that it grants, separated by commas")
      .option("--no-scope", "no scope")
      .option("--group <groups>", "all groups that its owner is in, separated by commas")
      .option("--no-group", "no group")
      .option("--name <text>", "what its owner calls it")
      .option("--no-name", "no name")
      .option("--expires <duration>", "how long it is good for from now on", durationArgument)
      .option("--no-expires", "good until it is revoked")
      .action(update),
    new Command("roll")
      .description("Make a new key in place of one, which stays good for a while.")
      .argument("<id>", id, idArgument)
      .option("--overlap <duration>", "how long the old one stays good", durationArgument, 86_400_000)
      .option("--expires <duration>", "how long the new one is good for (default: as the old one)", durationArgument)
      .action(roll),
    new Command("revoke")
      .description("End a key. Every gateway refuses it within seconds.")
      .argument("<id>", id, idArgument)
      .action(revoke),
    new Command("import")
      .description("Add many keys, plain or hashed, from a file of JSON lines.")
      .argument("<file>", "NDJSON; - reads stdin")
      .action(importAll),
  ];
  for (const one of subcommands)
    command.addCommand(withControl(one.addOption(jsonOption())).exitOverride().copyInheritedSettings(command));
  return command.addHelpText(
    "after",
    `
Examples:
  selvage keys create --owner partner-7 --scope orders:read --expires 90d
  selvage keys list --owner partner-7
  selvage keys update 3f9a1c0b5d7e2468 --plan pro
  selvage keys roll 3f9a1c0b5d7e2468 --overlap 24h
  selvage keys revoke 3f9a1c0b5d7e2468
  selvage keys import keys.ndjson`,
  );
}

async function create(options: CreateOptions): Promise<void> {
  const { owner, prefix, name, plan, scope, group, expires } = options;
  const request: CreateKeyRequest = {
    owner,
    ...(prefix !== undefined && { prefix }),
    ...(name !== undefined && { name }),
    ...(plan !== undefined && { plan }),
    ...(scope !== undefined && { scopes: split(scope, /[\s,]+/) }),
    ...(group !== undefined && { groups: split(group, /\s*,\s*/) }),
    ...(expires !== undefined && { expiresAtMs: Date.now() + expires }),
  };
  const client = connect(options);
  const note = plan && (await unknownPlanNote(client, plan));
  tell(await client.createKey(request), options);
  if (note) say(note);
}

async function update(id: string, options: UpdateOptions): Promise<void> {
  const { owner, name, plan, scope, group, expires } = options;
  const request: UpdateKeyRequest = {
    ...(owner !== undefined && { owner }),
    ...(name !== undefined && { name: name === false ? null : name }),
    ...(plan !== undefined && { plan: plan === false ? null : plan }),
    ...(scope !== undefined && { scopes: scope === false ? [] : split(scope, /[\s,]+/) }),
    ...(group !== undefined && { groups: group === false ? [] : split(group, /\s*,\s*/) }),
    ...(expires !== undefined && { expiresAtMs: expires === false ? null : Date.now() + expires }),
  };
  if (Object.keys(request).length === 0)
    throw new CliError(exitCodes.usage, "nothing to change: say what, such as --plan pro");
  const client = connect(options);
  const note = plan && (await unknownPlanNote(client, plan));
  const record = await client.updateKey(id, request);
  if (note) say(note);
  if (options.json) return printJson(record);
  const { start, plan: now, scopes } = record;
  const granted = scopes.length === 0 ? "no scopes" : `scopes ${scopes.join(" ")}`;
  print(`${id} (${start}...) of ${record.owner}: ${now === undefined ? "no plan" : `plan ${now}`}, ${granted}`);
}

async function roll(id: string, options: RollOptions): Promise<void> {
  const { overlap: overlapMs, expires } = options;
  const expiresAtMs = expires === undefined ? {} : { expiresAtMs: Date.now() + expires };
  const made = await connect(options).rollKey(id, { overlapMs, ...expiresAtMs });
  if (!options.json) say(`${id} stays good for ${ago(overlapMs)} at most`);
  tell(made, options);
}

/** The key alone on stdout, so that it can go straight to where it is kept. */
function tell({ key, record }: CreatedKey, { json }: JsonOption): void {
  if (json) {
    printJson({ key, record });
    return;
  }
  const { id, owner, expiresAtMs } = record;
  const until = expiresAtMs === undefined ? "until it is revoked" : `for ${ago(expiresAtMs - Date.now() + 500)}`;
  say(`key ${id} of ${owner}, good ${until}; it is shown this once`);
  print(key);
}

async function list(options: ListOptions): Promise<void> {
  const { owner, after, limit } = options;
  const page = await connect(options).listKeys({ limit, ...(owner && { owner }), ...(after && { after }) });
  if (options.json) return printJson(page);
  if (page.keys.length === 0) return say("no keys");
  print(table(["ID", "KEY", "OWNER", "NAME", "PLAN", "SCOPES", "STATE", "LAST USED"], page.keys.map(rowOf)));
  if (page.next !== undefined) say(`more: --after ${page.next}`);
}

function rowOf(record: KeyRecord): (string | Cell)[] {
  const { id, start, owner, name = "", plan = "", scopes, lastUsedAtMs } = record;
  const agoMs = Date.now() - (lastUsedAtMs ?? 0);
  const used =
    lastUsedAtMs === undefined ? "never" : agoMs < limits.apiKeys.lastUsedStepMs ? "this hour" : `${ago(agoMs)} ago`;
  return [
    id,
    start === "" ? "?" : `${start}...`,
    owner,
    name,
    plan,
    scopes.join(" "),
    stateOf(record, Date.now()),
    used,
  ];
}

function stateOf({ revokedAtMs, expiresAtMs, rolledTo }: KeyRecord, nowMs: number): Cell {
  if (revokedAtMs !== undefined) return { text: "revoked", style: "bad" };
  if (expiresAtMs === undefined) return { text: "good", style: "ok" };
  if (expiresAtMs <= nowMs) return { text: rolledTo === undefined ? "expired" : "rolled", style: "bad" };
  return { text: `${rolledTo === undefined ? "" : "rolled, "}ends in ${ago(expiresAtMs - nowMs)}`, style: "warn" };
}

async function revoke(id: string, options: Options): Promise<void> {
  const record = await connect(options).revokeKey(id);
  if (options.json) return printJson(record);
  print(`${id} (${record.start}...) of ${record.owner} is revoked`);
}

async function importAll(file: string, options: Options): Promise<void> {
  const client = connect(options);
  const total = await importFile(file, (chunk) => client.importKeys(chunk), say);
  if (options.json) printJson(total);
  else {
    for (const { line, reason } of total.refusals) say(`  line ${line}: ${reason}`);
    print(`${total.imported} imported, ${total.known} known, ${total.refused} refused`);
  }
  if (total.refused > 0) throw new CliError(exitCodes.findings, "");
}

function split(text: string, by: RegExp): string[] {
  return text.split(by).filter((one) => one !== "");
}

function idArgument(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InvalidArgumentError("Expected the id of a key: 16 hexadecimal digits.");
  return text;
}

function countArgument(text: string): number {
  const { pageMax } = limits.apiKeys;
  if (!/^[1-9]\d{0,6}$/.test(text) || Number(text) > pageMax)
    throw new InvalidArgumentError(`Expected a number from 1 to ${pageMax}.`);
  return Number(text);
}
