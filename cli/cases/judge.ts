/** Compares what is expected of a case with what the pure engine, or a gateway, does. */
import { decideAccess } from "../../shared/auth/access.ts";
import type { Path } from "../../shared/config/problem.ts";
import { errorTable } from "../../shared/errors.ts";
import type { ExplainStep, Explanation } from "../../shared/plan/explain-step.ts";
import type { Plan } from "../../shared/plan/plan.ts";
import type { CallCase, RequestCase } from "./case-schema.ts";
import { sentOn } from "./sent-on.ts";

/** One expectation that did not come true. */
export interface Mismatch {
  /** Of the expectation, from the case on. */
  readonly path: Path;
  readonly expected: string;
  readonly seen: string;
}

export interface Judged {
  readonly mismatches: readonly Mismatch[];
  /** Expectations that could not be looked at this way. */
  readonly unjudged: readonly string[];
  /** What refused it, if something did. */
  readonly denial?: ExplainStep;
}

/** What a gateway answered. */
export interface LiveAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

class Verdicts {
  readonly mismatches: Mismatch[] = [];
  readonly unjudged: string[] = [];

  /** @param expected undefined: nothing is expected @param seen undefined: there is none */
  same(path: Path, expected: string | number | null | undefined, seen: string | number | undefined): void {
    if (expected === undefined || (expected === null ? seen === undefined : expected === seen)) return;
    this.mismatches.push({ path: ["expect", ...path], expected: said(expected), seen: said(seen) });
  }

  contains(path: Path, expected: string | undefined, seen: string): void {
    if (expected === undefined || seen.includes(expected)) return;
    const shown = seen.length > 200 ? `${seen.slice(0, 200)}...` : seen;
    this.mismatches.push({ path: ["expect", ...path], expected: `... ${expected} ...`, seen: said(shown) });
  }

  cannot(what: string, expected: unknown): void {
    if (expected !== undefined) this.unjudged.push(what);
  }
}

const said = (value: string | number | null | undefined): string =>
  value === undefined || value === null || value === "" ? "nothing" : String(value);

/** A request in the dry run. */
export function judgeDryRun({ expect }: RequestCase, explanation: Explanation): Judged {
  const verdicts = new Verdicts();
  const { route, steps, result } = explanation;
  const upstream = sentOn(result);
  const denial = steps.find(({ verdict, optional }) => verdict === "deny" && optional !== true);
  verdicts.same(["outcome"], expect.outcome, outcomeOf(result));
  judgeStatus(expect.status, result, verdicts);
  verdicts.same(["route"], expect.route, route?.name);
  const { by, code, reason } = expect.denied ?? {};
  verdicts.same(["denied", "by"], by, denial?.stage);
  verdicts.same(["denied", "code"], code, result.outcome === "refuse" ? result.code : undefined);
  verdicts.contains(["denied", "reason"], reason, denial?.text ?? "");
  const isDrawn = result.outcome === "drawn";
  if (isDrawn) verdicts.cannot("upstream", expect.upstream);
  const { headers = {}, ...rest } = (isDrawn ? undefined : expect.upstream) ?? {};
  for (const name of ["to", "method", "path"] as const) verdicts.same(["upstream", name], rest[name], upstream?.[name]);
  for (const [name, value] of Object.entries(headers))
    verdicts.same(["upstream", "headers", name], value, upstream?.headers[name.toLowerCase()]);
  for (const [service, verdict] of Object.entries(expect.access ?? {}))
    verdicts.same(["access", service], verdict, accessOf(service, steps));
  for (const [stage, verdict] of Object.entries(expect.steps ?? {}))
    verdicts.same(["steps", stage], verdict, steps.find((one) => one.stage === stage)?.verdict);
  verdicts.cannot("headers", expect.headers);
  verdicts.cannot("body", expect.body);
  return { ...verdicts, ...(denial !== undefined && { denial }) };
}

/** What goes on is answered by the upstream, which may answer anything that Selvage does not. */
function judgeStatus(expected: number | undefined, result: Explanation["result"], verdicts: Verdicts): void {
  if (expected === undefined) return;
  if (result.outcome === "refuse" || (result.outcome === "answer" && result.status !== undefined))
    verdicts.same(["status"], expected, result.status);
  else if (isOwnRefusal(expected)) verdicts.same(["status"], String(expected), result.text);
  else verdicts.cannot("status", expected);
}

/** Of requests of which one way is drawn: what all of them come to, else that it is drawn. */
function outcomeOf(result: Explanation["result"]): string {
  if (result.outcome !== "drawn") return result.outcome;
  const outcomes = new Set(result.among.map((one) => one.result.outcome));
  const [only = "drawn"] = outcomes;
  return outcomes.size === 1 ? only : "drawn";
}

function isOwnRefusal(status: number): boolean {
  return status >= 400 && Object.values(errorTable).some((row) => row.status === status);
}

function accessOf(service: string, steps: readonly ExplainStep[]): string | undefined {
  const found = steps.filter(({ stage, path }) => stage === "access" && path?.[2] === service);
  if (found.some(({ verdict }) => verdict === "deny")) return "deny";
  return found.some(({ verdict }) => verdict === "pass" || verdict === "would-deny") ? "allow" : undefined;
}

/** A call in the mesh. */
export function judgeCall({ call, expect }: CallCase, { mesh }: Plan): Judged {
  const { from, to, method = "GET", path, scopes = [], claims = {} } = call;
  const service = Object.hasOwn(mesh.services, to) ? mesh.services[to] : undefined;
  const verdict = decideAccess(service?.access, { from, scopes, claims, method, path });
  const verdicts = new Verdicts();
  verdicts.same(["access"], expect.access, verdict.allowed ? "allow" : "deny");
  verdicts.contains(["reason"], expect.reason, verdict.allowed ? "" : verdict.reason);
  return { ...verdicts };
}

/** A request that a gateway answered. */
export function judgeLive({ expect }: RequestCase, { status, headers, body }: LiveAnswer): Judged {
  const verdicts = new Verdicts();
  const code = problemCode(headers["content-type"], body);
  verdicts.same(["status"], expect.status, status);
  for (const [name, value] of Object.entries(expect.headers ?? {}))
    verdicts.same(["headers", name], value, headers[name.toLowerCase()]);
  verdicts.contains(["body"], expect.body, body);
  verdicts.same(["denied", "code"], expect.denied?.code, code);
  if (expect.outcome === "refuse" && code === undefined) verdicts.same(["outcome"], "refuse", `${status}`);
  if (expect.outcome !== undefined && expect.outcome !== "refuse" && code !== undefined)
    verdicts.same(["outcome"], expect.outcome, `refuse (${code})`);
  verdicts.cannot("denied", expect.denied?.by ?? expect.denied?.reason);
  for (const name of ["route", "upstream", "access", "steps"] as const) verdicts.cannot(name, expect[name]);
  return { ...verdicts };
}

function problemCode(type: string | undefined, body: string): string | undefined {
  if (type?.startsWith("application/problem+json") !== true) return undefined;
  try {
    const { code } = JSON.parse(body) as { code?: unknown };
    return typeof code === "string" && Object.hasOwn(errorTable, code) ? code : undefined;
  } catch {
    return undefined;
  }
}
