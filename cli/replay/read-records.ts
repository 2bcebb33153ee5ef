/** Records of past requests in a file, one a line, as `--save` writes them. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { replays } from "../../shared/limits/replay.ts";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { say } from "../output.ts";

const names = z.array(z.string());
const entry = z.looseObject({
  time: z.iso.datetime(),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  ...{ method: z.string(), host: z.string(), path: z.string(), status: z.int() },
  ...{ route: z.string().optional(), sub: z.string().optional(), clientIp: z.string().optional() },
  ...{ error: z.string().optional(), reason: z.string().optional() },
});
const identity = z.looseObject({
  ...{ provider: z.string().optional(), method: z.string(), sub: z.string(), issuer: z.string() },
  ...{ scopes: names, groups: names, consumer: z.string().optional(), plan: z.string().optional() },
  claims: z.record(z.string(), z.unknown()),
});
const record = z.looseObject({
  entry,
  request: z.looseObject({
    ...{ scheme: z.enum(["http", "https"]), authority: z.string(), query: z.string() },
    headers: z.array(z.tuple([z.string(), z.string()])),
    ...{ connectedFrom: z.string().optional(), identity: identity.optional() },
  }),
});

/** @throws CliError naming the line that is no record */
export function readRecords(file: string): RequestRecord[] {
  const lines = textOf(file).split("\n");
  return lines.flatMap((line, at) => (line.trim() === "" ? [] : [recordIn(line, `${file}:${at + 1}`)]));
}

function textOf(file: string): string {
  try {
    if (statSync(file).size > replays.fileBytesMax)
      throw new CliError(exitCodes.usage, `${file} has more than ${replays.fileBytesMax} bytes`);
    return readFileSync(file, "utf8");
  } catch (fault) {
    if (fault instanceof CliError) throw fault;
    throw new CliError(exitCodes.usage, `${file} cannot be read: ${fault instanceof Error ? fault.message : fault}`);
  }
}

function recordIn(line: string, place: string): RequestRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new CliError(exitCodes.usage, `${place}: no JSON; expected a record of a request, as --save writes them`);
  }
  const { success, data, error } = record.safeParse(value);
  if (success) return data as unknown as RequestRecord;
  const [issue] = error.issues;
  throw new CliError(exitCodes.usage, `${place}: no record of a request: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Only its owner may read it: it says who asked for what. */
export function writeRecords(file: string, records: readonly RequestRecord[]): void {
  try {
    writeFileSync(file, records.map((one) => `${JSON.stringify(one)}\n`).join(""), { mode: 0o600 });
  } catch (fault) {
    throw new CliError(exitCodes.usage, `${file} cannot be written: ${fault instanceof Error ? fault.message : fault}`);
  }
  say(`${records.length} records written to ${file}`);
}
