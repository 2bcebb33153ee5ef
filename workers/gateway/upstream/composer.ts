import { isSafe } from "../../../shared/cache/invalidation.ts";
import { SelvageError, type Sent } from "../../../shared/errors.ts";
import { PARTIAL } from "../../../shared/http/header-names.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type AggregateRun,
  failedPart,
  finishCall,
  isComplete,
  newAggregate,
  nextCalls,
  type RunHelp,
} from "../../../shared/policy/aggregate.ts";
import { type ComposedAnswer, composeAnswer, failureStatus, titleOf } from "../../../shared/policy/aggregate-answer.ts";
import type { AggregateTarget } from "../../../shared/policy/aggregate-settings.ts";
import { conditionView } from "../../../shared/policy/condition-view.ts";
import { IDEMPOTENCY_KEY } from "../../../shared/policy/idempotency-key.ts";
import { Unfilled } from "../../../shared/policy/json-template.ts";
import type { EdgeCache } from "../cache/edge-cache.ts";
import type { Env } from "../env.ts";
import { type PartCaller, PartCalls } from "./call-part.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import { fieldsForCalls } from "./fields-for-calls.ts";
import type { Forwarder } from "./forward-request.ts";
import { readContent } from "./read-content.ts";
import { RequestFields } from "./request-fields.ts";
import { secretsOf } from "./secrets.ts";

/** Composes one JSON answer from several calls, as many at once as their dependencies and the platform allow. */
export class Composer {
  readonly #calls: PartCalls;

  constructor(forwarder: Forwarder, edgeOf: (env: Env) => EdgeCache) {
    this.#calls = new PartCalls(forwarder, edgeOf);
  }

  /** @throws SelvageError when a part that the answer needs has failed */
  compose(c: Context<GatewayEnv>, target: AggregateTarget): Promise<Response> {
    return compose(c, target, this.#calls);
  }
}

async function compose(c: Context<GatewayEnv>, target: AggregateTarget, calls: PartCalls): Promise<Response> {
  refuseMethod(c);
  const run = newAggregate(target.parts, await scopeOf(c, target));
  const stop = new AbortController();
  try {
    await perform(run, helpOf(c), callerOf(c, target, calls, stop.signal), calls, target);
  } finally {
    if (run.running > 0) stop.abort();
  }
  return answerOf(c, run, target);
}

/** GET and HEAD, and what the route's `match` names. */
function refuseMethod(c: Context<GatewayEnv>): void {
  const { method } = c.req.raw;
  const { methods } = c.get("route").match;
  if (method === "GET" || method === "HEAD" || methods.includes(method)) return;
  c.header("allow", "GET, HEAD");
  throw new SelvageError("method_not_allowed", `${method} on an aggregate`);
}

/** What templates and conditions see of the request. */
async function scopeOf(c: Context<GatewayEnv>, target: AggregateTarget): Promise<Record<string, unknown>> {
  const { query, host } = c.get("target");
  const scope: Record<string, unknown> = {
    identity: c.get("identity"),
    path: c.get("params"),
    query: query === "" ? {} : Object.fromEntries(new URLSearchParams(query)),
  };
  if (target.readsBody === true) scope.body = await bodyOf(c);
  if (target.parts.some(({ when }) => when !== undefined))
    scope.request = {
      method: c.req.raw.method,
      host,
      path: c.get("path"),
      headers: Object.fromEntries(c.get("fields")),
    };
  return scope;
}

/** @throws SelvageError bad_request when it is no JSON, and what `readContent` throws */
async function bodyOf(c: Context<GatewayEnv>): Promise<unknown> {
  const content = await readContent(c);
  if (content.byteLength === 0) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(content);
    return parseWholeNumbers(text, limits.aggregate.depthMax);
  } catch (cause) {
    throw new SelvageError("bad_request", `the body cannot be read as JSON: ${String(cause)}`, { cause });
  }
}

function helpOf(c: Context<GatewayEnv>): RunHelp {
  const { partConditions } = c.get("held");
  return {
    decide: (expression, run, answer) => {
      const condition = partConditions.get(expression);
      return condition?.evaluate(conditionView(run, condition.names, answer)) ?? "the plan has no such condition";
    },
    secretOf: secretsOf(c.env),
  };
}

function callerOf(
  c: Context<GatewayEnv>,
  { answer }: AggregateTarget,
  { minter }: PartCalls,
  signal: AbortSignal,
): PartCaller {
  const given = fieldsForCalls(c.get("fields"));
  given.set("accept", "application/json");
  const keyField = c.get("route").idempotency?.header ?? IDEMPOTENCY_KEY;
  const key = given.get(keyField);
  if (key !== null) given.delete(keyField);
  // Made the platform's once: each call only adds its own to it.
  const fields = new RequestFields(given.toHeaders(), new Map(given));
  const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
  const context = { env: c.env, held, identity, route: c.get("route").name, context: c.get("context"), trace, minter };
  const caller = { c, context, fields, taken: new Map(answer?.headers), signal };
  return key === null ? caller : { ...caller, idempotencyKey: { field: keyField, value: key } };
}

/** Starts what can start after each call that ends, until all parts have their results or a required one failed. */
async function perform(
  run: AggregateRun,
  help: RunHelp,
  caller: PartCaller,
  calls: PartCalls,
  { answer }: AggregateTarget,
): Promise<void> {
  const running = new Set<Promise<void>>();
  // What a part has done is done, whatever became of the others: nobody may repeat the request as if it had never been.
  let sent: Sent = "none";
  for (;;) {
    for (const call of nextCalls(run, help)) {
      if (!isSafe(call.part.method)) sent = "body";
      const made: Promise<void> = calls.call(caller, call).then(({ result, chars }) => {
        finishCall(run, call, result, help, chars);
        running.delete(made);
      });
      running.add(made);
    }
    const failed = failedPart(run);
    if (failed !== undefined) throw partError(failed, answer?.status, sent);
    if (isComplete(run)) return;
    if (running.size === 0) throw new SelvageError("internal", "parts of an aggregate wait for each other");
    await Promise.race(running);
  }
}

function partError(
  { name, failure }: NonNullable<ReturnType<typeof failedPart>>,
  policy: Parameters<typeof failureStatus>[2],
  sent: Sent,
): SelvageError {
  const status = failureStatus(name, failure, policy);
  const answered = failure.answered === undefined ? {} : { partStatus: failure.answered };
  return new SelvageError("aggregate_part_failed", `${name}: ${failure.reason}`, {
    members: { part: name, ...answered, status, title: titleOf(status) },
    sent,
  });
}

function answerOf(c: Context<GatewayEnv>, run: AggregateRun, { answer }: AggregateTarget): Response {
  let composed: ComposedAnswer;
  try {
    composed = composeAnswer(run, answer);
  } catch (cause) {
    if (!(cause instanceof Unfilled)) throw cause;
    throw new SelvageError("upstream_invalid", `the answer cannot be composed: ${cause.message}`, {
      cause,
      sent: "body",
    });
  }
  const { status, body, fields, missing } = composed;
  const headers = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
  for (const [name, value] of fields) headers.append(name, value);
  if (missing.length > 0) {
    headers.set(PARTIAL, missing.map(([name]) => name).join(", "));
    logMissing(c.get("trace").traceId, missing);
  }
  return new Response(JSON.stringify(body), { status, headers });
}

/** The access log's line is of the whole request; operators also want to know why a part was left out. */
function logMissing(traceId: string, missing: ComposedAnswer["missing"]): void {
  for (const [part, { reason }] of missing) console.warn(JSON.stringify({ kind: "part", traceId, part, reason }));
}
