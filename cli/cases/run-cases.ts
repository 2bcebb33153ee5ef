/** Runs the cases of a file: on the pure engine, or against a gateway. */
import type { Path } from "../../shared/config/problem.ts";
import { CREDENTIAL_FIELDS } from "../../shared/http/credential-fields.ts";
import { compile } from "../../shared/plan/compile.ts";
import { explain } from "../../shared/plan/explain.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { requestOf } from "../explain-request.ts";
import { fileName } from "../read-document.ts";
import { optionsOf } from "./case-request.ts";
import type { RequestCase, TestCase } from "./case-schema.ts";
import { type Judged, judgeCall, judgeDryRun, judgeLive, type LiveAnswer, type Mismatch } from "./judge.ts";
import type { ReadCases } from "./read-cases.ts";
import { sendRequest } from "./send-request.ts";

export interface CaseResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped. */
  readonly why?: string;
  readonly mismatches: readonly (Mismatch & { readonly line: number; readonly column: number })[];
  /** Expectations that only the other way of running judges. */
  readonly unjudged: readonly string[];
  /** What refused it, with its place in the document. */
  readonly denial?: { readonly stage: string; readonly text: string; readonly place: string };
  /** Command that says more of it. */
  readonly more?: string;
  readonly durationMs: number;
}

/** In the dry run of `selvage explain`. */
export function runDry(read: ReadCases): CaseResult[] {
  const { document, artifacts } = read.document;
  const plan = compile(document, artifacts.table);
  const host = hostOf(plan);
  const judge = (one: TestCase): Judged => {
    if ("call" in one) return judgeCall(one, plan);
    const request = requestOf(one.request.method ?? "GET", one.request.url, optionsOf(one.request), host);
    return judgeDryRun(one, explain(plan, request, Date.now(), artifacts.bytes));
  };
  return read.cases.map((one, index) => {
    const startMs = performance.now();
    return resultOf(read, index, judge(one), performance.now() - startMs);
  });
}

function hostOf({ gateway: { hosts } }: Plan): string {
  return hosts.find((one) => !one.startsWith("*")) ?? (hosts[0] ?? "localhost").replace("*", "any");
}

/**
 * By real requests, one after the other.
 * @param url origin of the gateway
 * @throws CliError (exit 3) when it does not answer
 */
export async function runLive(read: ReadCases, url: string): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const [index, one] of read.cases.entries()) {
    const why = unsendable(one);
    if (why !== undefined || "call" in one) {
      results.push({
        ...resultOf(read, index, { mismatches: [], unjudged: [] }, 0),
        outcome: "skipped",
        ...(why && { why }),
      });
      continue;
    }
    const startMs = performance.now();
    const answer = await send(one.request, url);
    results.push(resultOf(read, index, judgeLive(one, answer), performance.now() - startMs));
  }
  return results;
}

function unsendable(one: TestCase): string | undefined {
  if ("call" in one) return "a call in the mesh is judged without --live";
  if (one.request.as !== undefined) return "`as` assumes somebody: with --live give credentials in `headers`";
  if (one.request.from !== undefined) return "`from` cannot be chosen with --live";
  return undefined;
}

async function send(request: RequestCase["request"], origin: string): Promise<LiveAnswer> {
  const { method = "GET", url, headers = {}, body } = request;
  const target = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?#]+/, "");
  const host = url.startsWith("/") ? {} : { host: new URL(url).host };
  try {
    const sent = { method, headers: { ...host, ...headers }, ...(body !== undefined && { body }) };
    return await sendRequest(origin + (target.startsWith("/") ? target : `/${target}`), sent);
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : String(fault);
    throw new CliError(exitCodes.unreachable, `${origin} does not answer ${method} ${url}: ${why}`);
  }
}

function resultOf(read: ReadCases, index: number, judged: Judged, durationMs: number): CaseResult {
  const { file, cases, document, find } = read;
  const one = cases[index] as TestCase;
  const { mismatches, unjudged, denial } = judged;
  const placed = mismatches.map((mismatch) => ({ ...mismatch, ...find(["cases", index, ...mismatch.path]) }));
  return {
    name: one.name,
    file,
    line: find(["cases", index, "name"]).line,
    outcome: mismatches.length > 0 ? "failed" : "passed",
    mismatches: placed.map(({ path, expected, seen, line, column }) => ({ path, expected, seen, line, column })),
    unjudged,
    ...(denial !== undefined && {
      denial: { stage: denial.stage, text: denial.text, place: placeOf(denial.path, document) },
    }),
    ...("request" in one && { more: explainCommand(one.request, document.file) }),
    durationMs,
  };
}

function placeOf(path: Path | undefined, { positions, file }: ReadCases["document"]): string {
  if (path === undefined) return "built in";
  const { line, file: included } = positions.find(path, "key");
  return `${fileName(file, included)}:${line}`;
}

/** What an operator types to see all of it; credentials in headers are not repeated. */
function explainCommand(
  { method = "GET", url, headers = {}, as, scopes, from }: RequestCase["request"],
  file: string,
): string {
  const shown = Object.entries(headers).map(([name, value]) =>
    CREDENTIAL_FIELDS.has(name.toLowerCase()) ? `-H '${name}: ...'` : `-H ${quoted(`${name}: ${value}`)}`,
  );
  const options = [
    ...shown,
    ...(as === undefined ? [] : ["--as", quoted(as)]),
    ...(scopes === undefined ? [] : ["--scope", quoted(scopes.join(","))]),
    ...(from === undefined ? [] : ["--from", quoted(from)]),
  ];
  return ["selvage explain", method, quoted(url), ...options, "--file", quoted(file)].join(" ");
}

const quoted = (text: string): string => (/^[\w./:,@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
