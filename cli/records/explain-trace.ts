/** `explain --trace`: what became of a past request, by what was kept of it, and what would become of it today. */

import { printable } from "../../shared/config/code-frame.ts";
import type { Path } from "../../shared/config/problem.ts";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explainBy, type PreparedPlan, preparePlan } from "../../shared/plan/explain.ts";
import { type Differences, differencesOf } from "../../shared/plan/explain-differences.ts";
import { requestOfRecord } from "../../shared/plan/replay-request.ts";
import type { RecordedDecision, RequestRecord } from "../../shared/policy/request-record.ts";
import type { TraceRecord } from "../../shared/wire/records.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";
import { ControlRefusal } from "../control-link.ts";
import { differenceRows } from "../difference-rows.ts";
import type { ControlOptions } from "../find-system.ts";
import { type LocatedDocument, locateVersion, placeOf } from "../located-document.ts";
import { connect } from "../options.ts";
import { columns, indent, print, printJson, type Style, style } from "../output.ts";
import { latency, tapHead, tapLines } from "../tap/tap-rows.ts";
import { traceIdOf, traceName } from "./trace-id.ts";

export interface TraceOptions extends ControlOptions {
  readonly json?: boolean;
}

/** A record with what can be said of it now. */
interface Told {
  readonly record: RequestRecord;
  /** Of the version that decided; absent: it cannot be read any more. */
  readonly source?: LocatedDocument;
  /** Against the live version; absent: that is the one that decided, or one of them cannot be read. */
  readonly now?: Differences & { readonly version: number };
}

/**
 * @param text of the command line
 * @throws CliError findings: nothing is kept of it; unreachable: the control plane does not answer
 */
export async function explainTrace(text: string, options: TraceOptions): Promise<void> {
  const name = traceName(text);
  const client = connect(options);
  const traceId = await traceIdOf(client, name);
  const kept = traceId === undefined ? undefined : await traceOf(client, traceId);
  if (kept === undefined) throw new CliError(exitCodes.findings, notKept(text));
  const { version: live } = await client.status();
  const told = await Promise.all(kept.records.map((record) => tell(record, live, options)));
  if (options.json) printJson({ ...kept, explained: told.map(toJson), live });
  else print(toText(kept, told));
}

/** One record as far as it is known, without what is live by now. */
export async function showRecord(record: RequestRecord, options: TraceOptions): Promise<void> {
  const source = await versionOf(record.entry.plan, options);
  print(recordBlocks({ record, ...(source && { source }) }, []).join("\n\n"));
}

async function traceOf(client: ControlClient, traceId: string): Promise<TraceRecord | undefined> {
  return client.trace(traceId).catch((fault: unknown) => {
    if (fault instanceof ControlRefusal && fault.problem.code === "record_unknown") return undefined;
    throw fault;
  });
}

const notKept = (text: string): string =>
  `nothing is kept of ${text}. Kept are requests that failed or were refused, some of each route by chance, and those that were asked for, ` +
  "for a day unless the document says otherwise (`telemetry.records`), and shown a few seconds later. " +
  "To have one explained: selvage explain --live GET URL. To see what comes: selvage tap";

async function tell(record: RequestRecord, live: number, options: TraceOptions): Promise<Told> {
  const { plan } = record.entry;
  const source = await versionOf(plan, options);
  if (source === undefined || plan === live) return { record, ...(source && { source }) };
  const now = await versionOf(live, options);
  if (now === undefined) return { record, source };
  const [before, after] = [preparedOf(source), preparedOf(now)];
  const request = requestOfRecord(record, before);
  const nowMs = Date.now();
  const found = differencesOf(explainBy(before, request, nowMs), explainBy(after, request, nowMs));
  return { record, source, now: { ...found, version: live } };
}

const preparedOf = ({ document, artifacts }: LocatedDocument): PreparedPlan =>
  preparePlan(compile(document, artifacts), undefined, false);

/** @returns undefined: nobody has it, or this release cannot read it */
async function versionOf(version: number, options: TraceOptions): Promise<LocatedDocument | undefined> {
  if (version === 0) return undefined;
  return locateVersion(options, version).catch((fault: unknown) => {
    if (fault instanceof CliError && fault.exitCode !== exitCodes.unreachable) return undefined;
    throw fault;
  });
}

/** Part of a route that a stage goes by. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  auth: ["auth"],
  decision: ["auth", "decision"],
  limits: ["rateLimit"],
  "life cycle": ["lifecycle"],
  graphql: ["graphql"],
  contract: ["validate"],
  idempotency: ["idempotency"],
  policy: ["policies"],
  traffic: ["traffic"],
  faults: ["faults"],
  cache: ["cache"],
  target: ["to"],
};

/** Where in the document of its version a decision has its reason. @returns undefined: nothing of a route */
function pathOf({ record: { entry }, source }: Told, stage: string): Path | undefined {
  const routes = source?.document.gateway?.routes ?? [];
  const at = routes.findIndex(({ name }) => name === entry.route);
  const key = KEYS[stage];
  if (at < 0 || (key === undefined && stage !== "route")) return undefined;
  return ["gateway", "routes", at, ...(key ?? [])];
}

function placeFor(told: Told, stage: string): string {
  const path = pathOf(told, stage);
  return path === undefined || told.source === undefined ? "" : placeOf(path, told.source);
}

function toJson(told: Told): unknown {
  const { record, now } = told;
  const decisions = record.decisions.map((one) => ({ ...one, place: placeFor(told, one.stage) || null }));
  return { spanId: record.entry.spanId, version: record.entry.plan, decisions, ...(now && { now }) };
}

function toText(kept: TraceRecord, told: readonly Told[]): string {
  const blocks = told.flatMap((one, at) => recordBlocks(one, at === 0 ? kept.hops : []));
  if (blocks.length > 0) return blocks.join("\n\n");
  const [first, ...hops] = kept.hops;
  const head = ` trace     ${kept.traceId}   (the gateway kept nothing of it, agents did)`;
  return first === undefined ? head : [head, tapHead(), tapLines({ request: first, hops })].join("\n");
}

const BECAUSE = { asked: "it was asked for", failed: "it failed", drawn: "drawn by chance" } as const;

function recordBlocks(told: Told, hops: readonly AccessLogEntry[]): string[] {
  const { record, now } = told;
  const { entry, request, decisions, because } = record;
  const { method, path, traceId, time, plan, status, durationMs } = entry;
  const by = told.source === undefined ? `version ${plan}, which cannot be read any more` : `version ${plan}`;
  const head = [
    printable(
      ` request   ${method} ${request.authority}${path}${request.query}   (${by}, ${time}, kept: ${BECAUSE[because]})`,
    ),
    printable(` trace     ${traceId}`),
  ].join("\n");
  const rows = decisions.map((one) => [
    one.stage,
    { text: one.verdict, style: verdictStyles[one.verdict] },
    placeFor(told, one.stage),
    one.text,
  ]);
  const bad = status >= 400 || status === 0;
  const result = ` result    ${style(bad ? "bad" : "ok", printable(resultOf(entry)))} after ${latency(durationMs)}`;
  const blocks = rows.length === 0 ? [head, result] : [head, indent(columns(rows)), result];
  if (hops.length > 0) blocks.push([tapHead(), tapLines({ request: entry, hops })].join("\n"));
  if (now !== undefined) blocks.push(nowBlock(now, plan));
  return blocks;
}

function resultOf({ status, error }: AccessLogEntry): string {
  return error === undefined ? `${status}` : `${status} ${error}`;
}

function nowBlock({ version, ...differences }: NonNullable<Told["now"]>, plan: number): string {
  const rows = differenceRows(differences);
  const head = ` now       version ${version} is live: by a dry run`;
  if (rows.length === 0) return `${head} nothing would be decided otherwise`;
  return `${head}, version ${plan} (-) against version ${version} (+)\n\n${indent(columns(rows))}`;
}

const verdictStyles: Readonly<Record<RecordedDecision["verdict"], Style>> = {
  pass: "ok",
  deny: "bad",
  note: "dim",
  "would-deny": "warn",
};
