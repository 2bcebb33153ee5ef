/** Replays past requests between two versions: where they come from, and what is told of them. */
import { checkDocument } from "../../shared/config/check-document.ts";
import { replays } from "../../shared/limits/replay.ts";
import type { Version } from "../../shared/plan/changes/find-changes.ts";
import { compile } from "../../shared/plan/compile.ts";
import { preparePlan } from "../../shared/plan/explain.ts";
import { KnownArtifacts } from "../../shared/plan/known-artifacts.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { type Replay, replay } from "../../shared/plan/replay.ts";
import type { RequestRecord } from "../../shared/policy/request-record.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import { ago, print, say } from "../output.ts";
import { type FoundRecords, fetchRecords, inOrder } from "./fetch-records.ts";
import { readRecords, writeRecords } from "./read-records.ts";
import { replayText } from "./replay-text.ts";

export interface ReplayOptions {
  readonly replay?: boolean;
  /** File of records instead of those that the control plane keeps. */
  readonly records?: string;
  /** File that the records are written to. */
  readonly save?: string;
}

/** A version, and of what it needs beside its plan as much as is at hand, by digest. */
export interface ReplayedVersion extends Version {
  readonly bytes?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** What was found, and of which requests. */
export interface ReplayReport extends Replay {
  /** RFC 3339; absent: there are no records. */
  readonly oldest?: string;
  readonly newest?: string;
  /** Records that are kept and were not replayed. */
  readonly leftOut: number;
}

export const isReplayed = ({ replay: asked, records, save }: ReplayOptions): boolean =>
  asked === true || records !== undefined || save !== undefined;

/** The records of a file, or of the control plane; written to a file where that is asked for. */
export async function findRecords(
  { records: file, save }: ReplayOptions,
  client: () => ControlClient,
  of: Version,
): Promise<FoundRecords> {
  const routes = (of.document?.gateway?.routes ?? []).map(({ name }) => name);
  const found = file === undefined ? await fetchRecords(client(), routes) : newestOf(inOrder(readRecords(file)));
  if (save !== undefined) writeRecords(save, found.records);
  return found;
}

function newestOf(records: readonly RequestRecord[]): FoundRecords {
  const leftOut = Math.max(0, records.length - replays.recordsMax);
  return { records: records.slice(leftOut), leftOut };
}

export function replayBetween(
  before: ReplayedVersion,
  after: ReplayedVersion,
  { records, leftOut }: FoundRecords,
): ReplayReport {
  // What both have has one digest, wherever it was read.
  const artifacts = new KnownArtifacts(new Map([...(before.bytes ?? []), ...(after.bytes ?? [])]));
  const [was, is] = [before, after].map((one) => preparePlan(planOf(one), artifacts, false)) as [Prepared, Prepared];
  const found = replay(was, is, records);
  const times = records.map(({ entry }) => entry.time);
  const [oldest, newest] = [times[0], times.at(-1)];
  return { ...found, leftOut, ...(oldest !== undefined && { oldest }), ...(newest !== undefined && { newest }) };
}

type Prepared = ReturnType<typeof preparePlan>;

function planOf({ document, artifacts }: Version): Plan {
  if (document === undefined)
    throw new CliError(exitCodes.findings, "nothing is live that requests could be replayed by");
  const checked = checkDocument(document).document;
  if (checked === undefined)
    throw new CliError(
      exitCodes.usage,
      "the version was made by another release of Selvage and cannot be read by this one",
    );
  return compile(checked, artifacts);
}

/** @param of what the records are of: it may say that none are kept */
export function printReplay(report: ReplayReport, { records: file }: ReplayOptions, of: Version): void {
  if (report.requests === 0) {
    say(`nothing was replayed: ${whyNone(file, of)}`);
    return;
  }
  print(replayText(report, spanText(report, file !== undefined)));
  const { unexplained, leftOut, requests } = report;
  if (unexplained > 0)
    say(
      `\n${unexplained} of ${requests} were decided otherwise than the version before would: by another version, or by what it does not know`,
    );
  if (leftOut > 0) say(`\n${leftOut} more are kept and were not replayed`);
}

function whyNone(file: string | undefined, { document }: Version): string {
  if (file !== undefined) return `${file} has no records`;
  return document?.telemetry?.records === "off"
    ? "records of requests are switched off (telemetry.records)"
    : "no request was recorded yet";
}

function spanText({ oldest = "", newest = "" }: ReplayReport, isOfFile: boolean): string {
  if (isOfFile) return `of ${oldest} to ${newest}`;
  return `of the last ${ago(Math.max(0, Date.now() - Date.parse(oldest)))}`;
}
