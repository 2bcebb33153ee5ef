/** What a composed answer would do: which call runs when, what it waits for, and what all of it costs at most. */

import type { RouteCache } from "../cache/route-cache.ts";
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { fetchesOf, latestTimes } from "../policy/aggregate-budget.ts";
import type { AggregatePart, AggregateTarget, StatusPolicy } from "../policy/aggregate-settings.ts";
import { parsePartCondition } from "../policy/part-condition.ts";
import { fillTemplate, type TemplateScope } from "../policy/template.ts";
import { describeTarget } from "./describe-target.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** What is known of the request before any call. */
export interface ComposedRequest {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly identity: Identity;
}

export interface ExplainedPart {
  readonly part: AggregatePart;
  readonly at: Path;
  /** With what is known already; answers of other parts stay `{user.lastOrderId}`. */
  readonly path: string;
  readonly step: ExplainStep;
}

/** The aggregate as a whole; a denial ends the request. */
export function explainAggregate(route: RoutePlan, target: AggregateTarget, at: Path, method: string): ExplainStep[] {
  const place: Path = [...at, "aggregate"];
  const { methods } = route.match;
  if (method !== "GET" && method !== "HEAD" && !methods.includes(method))
    return [step("aggregate", "deny", `${method} on a composed answer`, place, "method_not_allowed")];
  const { parts, answer, readsBody } = target;
  const calls = parts.reduce((sum, part) => sum + fetchesOf(part), 0);
  const latest = Math.max(...[...latestTimes(parts).values()].map(({ endsMs }) => endsMs));
  const within = latest > route.timeoutMs ? `, cut off by the route's ${formatDuration(route.timeoutMs)}` : "";
  const { concurrencyMax } = limits.aggregate;
  const cost = `${parts.length} parts, ${calls} calls at most, ${concurrencyMax} at once; ${formatDuration(latest)} at worst${within}`;
  const steps = [step("aggregate", "note", cost, place)];
  const words = [
    ...(answer?.output === undefined ? [] : ["made by `output`"]),
    ...describeStatus(answer?.status),
    ...(answer?.headers ?? []).map(([part, names]) => `${names.join(", ")} of ${part}`),
    ...(answer?.problems === true ? ["`problems` names what is missing"] : []),
    ...(readsBody === true ? ["the request's body is read as JSON, which is not known here"] : []),
  ];
  if (words.length > 0) steps.push(step("aggregate", "note", `the answer: ${words.join("; ")}`, [...at, "answer"]));
  return steps;
}

function describeStatus(policy: StatusPolicy | undefined): string[] {
  const map = Object.entries(policy?.map ?? {}).map(([met, told]) => `${met} becomes ${told}`);
  return [...(policy?.from === undefined ? [] : [`status of ${policy.from}`]), ...map];
}

/** One part, its own call only. */
export function explainPart(
  target: AggregateTarget,
  part: AggregatePart,
  at: Path,
  request: ComposedRequest,
): ExplainedPart {
  const place: Path = [...at, "aggregate", part.name];
  const { path, missing } = previewPath(target, part, request);
  const via = describeTarget(part.target);
  const begins = latestTimes(target.parts).get(part.name)?.beginsMs ?? 0;
  const condition = explainCondition(target.parts, part, request);
  const notes = [...describeOrder(part, begins), ...describeCalls(part), ...describeResult(part), ...condition.words];
  const text = `${part.method} ${path} to ${via} (${notes.join(", ")})`;
  const callAt = [...place, part.method.toLowerCase()];
  const why = condition.fault ?? (missing && !condition.isFalse ? `{${missing}} is missing or unusable` : undefined);
  if (why !== undefined && !condition.isFalse)
    return { part, at: place, path, step: step("call", "deny", `${text}: ${why}`, callAt, "aggregate_part_failed") };
  return { part, at: place, path, step: step("call", condition.isFalse ? "skip" : "pass", text, callAt) };
}

function describeOrder({ dependsOn, after = [] }: AggregatePart, beginsMs: number): string[] {
  const sources = [...dependsOn, ...after];
  if (sources.length === 0) return ["at once"];
  return [`after ${sources.join(", ")}, ${formatDuration(beginsMs)} at the latest`];
}

function describeCalls({ forEach, timeoutMs, retries, redirects, cache }: AggregatePart): string[] {
  const words = [`within ${formatDuration(timeoutMs)}`];
  if (forEach !== undefined) {
    const more = forEach.over === "cut" ? "more are left out" : "more fail it";
    const lost = forEach.optional === true ? ", failed ones are null" : "";
    words.unshift(
      `for each of ${forEach.in.join(".")}: up to ${forEach.max}, ${forEach.concurrency} at once, ${more}${lost}`,
    );
  }
  if (retries !== undefined && retries.attempts > 0) words.push(`up to ${retries.attempts} retries`);
  if (redirects !== undefined) words.push(`up to ${redirects} redirects`);
  if (cache !== undefined) words.push(`not called where ${describeKept(cache)} is stored`);
  return words;
}

function describeKept({ ttlMs, reach }: RouteCache): string {
  const age =
    ttlMs === undefined ? "a fresh answer" : `an answer, fresh for ${formatDuration(ttlMs)} unless it says so itself,`;
  return reach === "everywhere" ? `${age} anywhere` : age;
}

function describeResult({ optional, fallback, encoding, pick, omit, expect }: AggregatePart): string[] {
  const absent = fallback === undefined ? "optional" : "a fallback stands for it";
  return [
    ...(optional ? [absent] : []),
    ...(encoding === undefined ? [] : [`read as ${encoding === "text" ? "text" : encoding.from}`]),
    ...(expect === undefined ? [] : [`expects ${expect}`]),
    ...(pick === undefined ? [] : [`keeps ${pick.join(", ")}`]),
    ...(omit === undefined ? [] : [`leaves out ${omit.join(", ")}`]),
  ];
}

/** A condition over the request alone has a verdict before any call. */
function explainCondition(
  parts: readonly AggregatePart[],
  { when }: AggregatePart,
  request: ComposedRequest,
): { readonly words: readonly string[]; readonly isFalse: boolean; readonly fault?: string } {
  if (when === undefined) return { words: [], isFalse: false };
  const parsed = parsePartCondition(when);
  if (typeof parsed === "string") return { words: [`condition: ${parsed}`], isFalse: false };
  const unknown = parsed.names.filter(
    (name) => name === "body" || name === "status" || parts.some((part) => part.name === name),
  );
  const { method, path, params, query, identity } = request;
  if (unknown.length > 0 || parsed.names.includes("request"))
    return { words: [`when ${when}, which depends on ${unknown.join(", ") || "the request"}`], isFalse: false };
  const verdict = parsed.evaluate({ identity, path: params, query, request: { method, path } });
  if (typeof verdict === "string")
    return { words: [`when ${when}`], isFalse: false, fault: `its condition has no value: ${verdict}` };
  return { words: [`when ${when}, which is ${verdict}`], isFalse: !verdict };
}

/** @returns `missing`: what the path needs of the request, and it does not have */
function previewPath(
  { parts }: AggregateTarget,
  part: AggregatePart,
  { identity, params, query }: ComposedRequest,
): { readonly path: string; readonly missing?: string } {
  const scope: TemplateScope = { identity, path: params, query };
  const isKnown = ([root = ""]: readonly string[]): boolean =>
    Object.hasOwn(scope, root) && !parts.some(({ name }) => name === root);
  let missing: string | undefined;
  const path = part.path.map((piece) => {
    if (typeof piece === "string") return piece;
    const filled = fillTemplate([piece], scope);
    if ("text" in filled) return filled.text;
    if (isKnown(piece)) missing ??= filled.missing;
    return `{${piece.join(".")}}`;
  });
  return { path: path.join(""), ...(missing !== undefined && { missing }) };
}
