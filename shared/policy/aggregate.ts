/**
 * Which calls of an aggregate may start, and what becomes of their results. The host performs the calls. A part waits for those
 * that its templates and its condition name; one whose source failed fails without a call, one whose source was skipped is
 * skipped; the first failed required part ends it all. No call is ever given out twice.
 */
import { limits } from "../limits.ts";
import type { AggregatePart, FanOut } from "./aggregate-settings.ts";
import { Unfilled } from "./json-template.ts";
import { omitPaths, pickPaths, valueAt } from "./json-value.ts";
import { fillPart, type PartRequest, type SecretOf } from "./part-request.ts";

export interface PartValue {
  readonly kind: "value";
  readonly value: unknown;
  /** Of the answer that it came with. */
  readonly status?: number;
  /** Fields of that answer which the composed one has. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** What it is not, or not all of: a fallback stands for it, calls of its fan-out failed or were not made. */
  readonly lacks?: PartFailure;
}

export interface PartFailure {
  readonly kind: "failed";
  /** What a client is told when the part is required, unless the route says otherwise. */
  readonly status: 502 | 503 | 504;
  /** Status that the upstream answered with. Absent: it did not, or its answer was not used for another reason. */
  readonly answered?: number;
  /** For operators. */
  readonly reason: string;
}

export type PartResult = PartValue | PartFailure | { readonly kind: "skipped"; readonly reason: string };

/** A condition's verdict, or why it has none. */
export type Decide = (expression: string, run: AggregateRun, answer?: AnswerView) => boolean | string;

/** What `expect` of a part sees as `answer`. */
export interface AnswerView {
  readonly status: number | null;
  readonly body: unknown;
}

/** What the host lends to a run. */
export interface RunHelp {
  readonly decide: Decide;
  readonly secretOf: SecretOf;
}

interface Progress {
  readonly part: AggregatePart;
  /** Of a fan-out; absent: the part is one call. */
  readonly list?: readonly unknown[];
  readonly results: unknown[];
  readonly calls: number;
  next: number;
  inFlight: number;
  ended: number;
  lacks: PartFailure | undefined;
}

export interface AggregateRun {
  readonly parts: readonly AggregatePart[];
  /** What templates see: the request, and the values of parts as they come. */
  readonly scope: Record<string, unknown>;
  readonly waiting: Set<string>;
  readonly progress: Map<string, Progress>;
  readonly done: Map<string, PartResult>;
  running: number;
  answersChars: number;
}

export interface PartCall {
  readonly part: AggregatePart;
  /** Of a fan-out: which element. */
  readonly at: number;
  readonly request: PartRequest;
}

/** @param scope `identity`, `path`, `query` and what else templates may name; owned by the run from here on */
export function newAggregate(parts: readonly AggregatePart[], scope: Record<string, unknown>): AggregateRun {
  const waiting = new Set(parts.map(({ name }) => name));
  return { parts, scope, waiting, progress: new Map(), done: new Map(), running: 0, answersChars: 0 };
}

/** Calls to make now; they count as running from here on. */
export function nextCalls(run: AggregateRun, help: RunHelp): PartCall[] {
  const calls: PartCall[] = [];
  // A part that ends without a call may let others begin.
  for (let ended = -1; ended !== run.done.size; ) {
    ended = run.done.size;
    beginParts(run, help.decide);
    for (const progress of run.progress.values()) issueCalls(run, progress, help, calls);
  }
  return calls;
}

/** @param chars length of the answer that the value was read from */
export function finishCall(
  run: AggregateRun,
  { part, at }: PartCall,
  result: PartValue | PartFailure,
  { decide }: RunHelp,
  chars = 0,
): void {
  run.running--;
  run.answersChars += chars;
  const progress = run.progress.get(part.name);
  if (progress === undefined) return;
  progress.inFlight--;
  const { answersCharsMax } = limits.aggregate;
  const tooLong = run.answersChars > answersCharsMax && result.kind === "value";
  if (tooLong) recordCall(run, progress, at, failed(`all answers have more than ${answersCharsMax} characters`));
  else recordCall(run, progress, at, result.kind === "value" ? expected(run, part, result, decide) : result);
}

function expected(
  run: AggregateRun,
  { expect }: AggregatePart,
  result: PartValue,
  decide: Decide,
): PartValue | PartFailure {
  if (expect === undefined) return result;
  const { status = null, value: body } = result;
  const verdict = decide(expect, run, { status, body });
  if (verdict === true) return result;
  const answered = status === null ? {} : { answered: status };
  const why = verdict === false ? "is not as expected" : `cannot be judged: ${verdict}`;
  return { ...failed(`its answer ${why}`), ...answered };
}

/** A required part that failed: the aggregate has failed and nothing more is started. */
export function failedPart(run: AggregateRun): { readonly name: string; readonly failure: PartFailure } | undefined {
  for (const { name, optional } of run.parts) {
    const result = run.done.get(name);
    if (!optional && result?.kind === "failed") return { name, failure: result };
  }
  return undefined;
}

/** True when every part has its result; calls of which nobody waits for the answer may still be under way. */
export function isComplete(run: AggregateRun): boolean {
  return run.done.size === run.parts.length;
}

function beginParts(run: AggregateRun, decide: Decide): void {
  for (const part of run.parts) {
    if (!run.waiting.has(part.name)) continue;
    const verdict = readiness(run, part, decide);
    if (verdict === "wait") continue;
    run.waiting.delete(part.name);
    if (verdict === "go") beginPart(run, part);
    else endPart(run, part, verdict);
  }
}

function readiness(run: AggregateRun, part: AggregatePart, decide: Decide): PartResult | "wait" | "go" {
  let waits = false;
  for (const name of part.dependsOn) {
    const source = run.done.get(name);
    if (source?.kind === "failed") return { ...failed(`waits for ${name}, which failed`), status: source.status };
    if (source?.kind === "skipped") return { kind: "skipped", reason: `waits for ${name}, which was skipped` };
    waits ||= source === undefined;
  }
  if (waits || part.after?.some((name) => !run.done.has(name))) return "wait";
  if (part.when === undefined) return "go";
  const verdict = decide(part.when, run);
  if (typeof verdict === "string") return failed(`its condition has no value: ${verdict}`);
  return verdict ? "go" : { kind: "skipped", reason: "its condition is false" };
}

function beginPart(run: AggregateRun, part: AggregatePart): void {
  const { forEach } = part;
  if (forEach === undefined) {
    run.progress.set(part.name, newProgress(part, 1, undefined, undefined));
    return;
  }
  const list = valueAt(run.scope, forEach.in);
  if (!Array.isArray(list)) endPart(run, part, failed(`${forEach.in.join(".")} is no list`));
  else if (list.length > forEach.max && forEach.over === "fail")
    endPart(
      run,
      part,
      failed(`${forEach.in.join(".")} has ${list.length} elements, and at most ${forEach.max} are called for`),
    );
  else if (list.length === 0) endPart(run, part, { kind: "value", value: [] });
  else run.progress.set(part.name, newProgress(part, Math.min(list.length, forEach.max), list, cutOf(list, forEach)));
}

function cutOf(list: readonly unknown[], { in: path, max }: FanOut): PartFailure | undefined {
  return list.length > max
    ? failed(`${path.join(".")} has ${list.length} elements, ${max} were called for`)
    : undefined;
}

function newProgress(
  part: AggregatePart,
  calls: number,
  list: readonly unknown[] | undefined,
  lacks: PartFailure | undefined,
): Progress {
  const results = list === undefined ? [] : new Array<unknown>(calls).fill(null);
  return { part, results, calls, next: 0, inFlight: 0, ended: 0, lacks, ...(list !== undefined && { list }) };
}

function issueCalls(run: AggregateRun, progress: Progress, { secretOf }: RunHelp, calls: PartCall[]): void {
  const { part, list } = progress;
  const atOnce = part.forEach?.concurrency ?? 1;
  while (run.progress.has(part.name) && progress.next < progress.calls) {
    if (progress.inFlight >= atOnce || run.running >= limits.aggregate.concurrencyMax) return;
    const at = progress.next++;
    const scope = list === undefined ? run.scope : { ...run.scope, item: list[at], index: at };
    try {
      const request = fillPart(part, scope, secretOf);
      progress.inFlight++;
      run.running++;
      calls.push({ part, at, request });
    } catch (cause) {
      if (!(cause instanceof Unfilled)) throw cause;
      recordCall(run, progress, at, failed(cause.message));
    }
  }
}

function recordCall(run: AggregateRun, progress: Progress, at: number, given: PartValue | PartFailure): void {
  const { part } = progress;
  const result = given.kind === "value" ? picked(part, given) : given;
  if (part.forEach === undefined) {
    endPart(run, part, result);
    return;
  }
  progress.ended++;
  if (result.kind === "value") progress.results[at] = result.value;
  else if (part.forEach.optional === true) progress.lacks ??= { ...result, reason: `element ${at}: ${result.reason}` };
  else {
    endPart(run, part, { ...result, reason: `element ${at}: ${result.reason}` });
    return;
  }
  if (progress.ended < progress.calls) return;
  const { results: value, lacks } = progress;
  endPart(run, part, { kind: "value", value, ...(lacks !== undefined && { lacks }) });
}

function endPart(run: AggregateRun, part: AggregatePart, result: PartResult): void {
  const stands = result.kind === "failed" && part.fallback !== undefined;
  const end: PartResult = stands ? { kind: "value", value: part.fallback.value, lacks: result } : result;
  run.progress.delete(part.name);
  run.done.set(part.name, end);
  if (end.kind === "value") run.scope[part.name] = end.value;
}

function picked({ pick, omit }: AggregatePart, result: PartValue): PartValue | PartFailure {
  if (pick === undefined && omit === undefined) return result;
  const value = pick === undefined ? result.value : pickPaths(result.value, pick);
  if (value === undefined) return failed("pick needs an object");
  return { ...result, value: omit === undefined ? value : omitPaths(value, omit) };
}

const failed = (reason: string): PartFailure => ({ kind: "failed", status: 502, reason });
