import { SelvageError } from "../../../shared/errors.ts";
import { PARTIAL } from "../../../shared/http/header-names.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type AggregateState,
  composeAnswer,
  failedPart,
  finishPart,
  isComplete,
  newAggregate,
  type PartResult,
  startParts,
} from "../../../shared/policy/aggregate.ts";
import type { AggregatePart } from "../../../shared/policy/settings.ts";
import { fillTemplate } from "../../../shared/policy/template.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import { callUpstream } from "../upstream/call-upstream.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { LoadShedder } from "../upstream/load-shedder.ts";
import { readText } from "../upstream/read-text.ts";
import type { Stage } from "../upstream/stages.ts";

/** Composes one JSON answer from several calls, as many at once as their dependencies and the platform allow. */
export function aggregate(minter: TxnTokenMinter, shedder: LoadShedder): Stage {
  return { enter: (c) => (c.get("route").target.kind === "aggregate" ? compose(c, { minter, shedder }) : undefined) };
}

async function compose(c: Context<GatewayEnv>, callers: Callers): Promise<Response> {
  const { target } = c.get("route");
  const parts = target.kind === "aggregate" ? target.parts : [];
  const { method } = c.req.raw;
  if (method !== "GET" && method !== "HEAD") {
    c.header("allow", "GET, HEAD");
    throw new SelvageError("method_not_allowed", `${method} on an aggregate`);
  }
  const state = newAggregate(parts);
  const stop = new AbortController();
  try {
    await perform(c, parts, state, callers, stop.signal);
  } finally {
    if (!isComplete(state)) stop.abort();
  }
  const { body, missing } = composeAnswer(state, parts);
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
  if (missing.length > 0) {
    headers[PARTIAL] = missing.join(", ");
    logMissing(c.get("trace").traceId, state);
  }
  return new Response(JSON.stringify(body), { headers });
}

interface Callers {
  readonly minter: TxnTokenMinter;
  readonly shedder: LoadShedder;
}

/** Starts what can start after each part that ends, until all have or a required one failed. */
async function perform(
  c: Context<GatewayEnv>,
  parts: readonly AggregatePart[],
  state: AggregateState,
  callers: Callers,
  signal: AbortSignal,
): Promise<void> {
  const running = new Map<string, Promise<void>>();
  for (;;) {
    for (const part of startParts(state, parts)) {
      const call = callPart(c, part, state, callers, signal).then((result) => {
        finishPart(state, part, result);
        running.delete(part.name);
      });
      running.set(part.name, call);
    }
    const failed = failedPart(state, parts);
    if (failed !== undefined) throw partError(failed.name, failed.result);
    if (running.size === 0) return;
    await Promise.race(running.values());
  }
}

/** Never fails: what went wrong is the part's result. */
async function callPart(
  c: Context<GatewayEnv>,
  part: AggregatePart,
  state: AggregateState,
  callers: Callers,
  signal: AbortSignal,
): Promise<PartResult> {
  const filled = fillTemplate(part.path, scopeOf(c, state));
  if ("missing" in filled) return { ok: false, status: 502, reason: `${filled.missing} is missing or unusable` };
  const fields = c.get("fields").copy();
  for (const name of OWN_TO_REQUEST) fields.delete(name);
  fields.set("accept", "application/json");
  const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
  const { minter, shedder } = callers;
  const calling = { env: c.env, held, identity, route: c.get("route").name, context: c.get("context"), trace, minter };
  const deadlineAtMs = Math.min(Date.now() + part.timeoutMs, c.get("deadlineAtMs"));
  const { target, method } = part;
  try {
    const call = { target, method, path: filled.text, fields, body: null, deadlineAtMs, signal };
    const answer = await shedder.call(c, target, deadlineAtMs, (shed) => callUpstream({ ...call, ...shed }, calling));
    return await readPart(answer);
  } catch (error) {
    return failureOf(error, Date.now() >= deadlineAtMs);
  }
}

function scopeOf(c: Context<GatewayEnv>, state: AggregateState): Record<string, unknown> {
  const identity = c.get("identity");
  const scope: Record<string, unknown> = {
    identity,
    path: c.get("params"),
    query: Object.fromEntries(new URLSearchParams(c.get("target").query)),
  };
  for (const [name, result] of state.done) if (result.ok) scope[name] = result.value;
  return scope;
}

async function readPart(answer: Response): Promise<PartResult> {
  if (answer.status !== 200) {
    await answer.body?.cancel();
    const status = answer.status === 503 || answer.status === 504 ? answer.status : 502;
    return { ok: false, status, reason: `answered ${answer.status}` };
  }
  return { ok: true, value: JSON.parse(await readText(answer, limits.gateway.partBodyBytesMax)) };
}

function failureOf(error: unknown, timeUp: boolean): PartResult {
  if (error instanceof SelvageError) {
    const { status } = error.facts;
    return { ok: false, status: status === 503 || status === 504 ? status : 502, reason: error.message };
  }
  return { ok: false, status: timeUp ? 504 : 502, reason: error instanceof Error ? error.message : String(error) };
}

function partError(name: string, { status, reason }: Extract<PartResult, { ok: false }>): SelvageError {
  return new SelvageError("aggregate_part_failed", `${name}: ${reason}`, {
    members: { part: name, status, title: TITLES[status] },
  });
}

/** The access log's line is of the whole request; operators also want to know why a part was left out. */
function logMissing(traceId: string, state: AggregateState): void {
  for (const [part, result] of state.done)
    if (!result.ok) console.warn(JSON.stringify({ kind: "part", traceId, part, reason: result.reason }));
}

const TITLES = { 502: "Bad gateway", 503: "Service unavailable", 504: "Gateway timeout" } as const;

/** Fields that speak of the client's own request and would be untrue of a part's. */
const OWN_TO_REQUEST = [
  "content-type",
  "content-length",
  "content-encoding",
  "content-digest",
  "range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "accept-encoding",
];
