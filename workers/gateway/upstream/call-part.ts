/** One call of an aggregate's part: its attempts and redirects within its time, and what its answer is. */

import { isSafe } from "../../../shared/cache/invalidation.ts";
import type { RouteCache } from "../../../shared/cache/route-cache.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { parseWholeNumbers } from "../../../shared/http/whole-numbers.ts";
import { limits } from "../../../shared/limits.ts";
import type { PartCall, PartFailure, PartValue } from "../../../shared/policy/aggregate.ts";
import type { AggregatePart } from "../../../shared/policy/aggregate-settings.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { redirectPath } from "../../../shared/policy/part-redirect.ts";
import { type AttemptOutcome, mayRetry, retryBackoffMs } from "../../../shared/policy/retry.ts";
import {
  isWorthRepeating,
  newRetryBudget,
  type RetryBudgetState,
  retryBudgetStep,
} from "../../../shared/policy/retry-budget.ts";
import { nameOfTarget, type UpstreamTarget } from "../../../shared/policy/settings.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import { CachedExchange } from "../cache/cached-exchange.ts";
import type { EdgeCache } from "../cache/edge-cache.ts";
import type { Env } from "../env.ts";
import { callTarget } from "./call-target.ts";
import type { CallContext, ForwardCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { Forwarder } from "./forward-request.ts";
import { withShed } from "./load-shedder.ts";
import { type PartSend, partExchange } from "./part-exchange.ts";
import { readEncoded } from "./read-encoded.ts";
import { readText } from "./read-text.ts";
import type { RequestFields } from "./request-fields.ts";
import { sha256Hex } from "./sha256.ts";
import { sleep } from "./wait.ts";

export interface PartOutcome {
  readonly result: PartValue | PartFailure;
  /** Of the answer's content. */
  readonly chars: number;
}

/** What the calls of one request have in common. */
export interface PartCaller {
  readonly c: Context<GatewayEnv>;
  readonly context: CallContext;
  /** What of the client's fields every call has. */
  readonly fields: RequestFields;
  /** Fields that the composed answer takes, by part. */
  readonly taken: ReadonlyMap<string, readonly string[]>;
  /** The client's idempotency key. Absent: it has none. */
  readonly idempotencyKey?: { readonly field: string; readonly value: string };
  readonly signal: AbortSignal;
}

/** Requests of one call of a part, for whatever reason there are several. */
interface SentBefore {
  count: number;
}
type SendingCaller = PartCaller & { readonly sent?: SentBefore };

export class PartCalls {
  readonly #forwarder: Forwarder;
  readonly #edgeOf: (env: Env) => EdgeCache;
  readonly #budgets = new BoundedMap<RetryBudgetState>(limits.loadShedding.upstreamsMax);

  constructor(forwarder: Forwarder, edgeOf: (env: Env) => EdgeCache) {
    this.#forwarder = forwarder;
    this.#edgeOf = edgeOf;
  }

  get minter(): TxnTokenMinter {
    return this.#forwarder.minter;
  }

  /** Never fails: what went wrong is the outcome. */
  async call(caller: PartCaller, call: PartCall): Promise<PartOutcome> {
    const deadlineAtMs = Math.min(Date.now() + call.part.timeoutMs, caller.c.get("deadlineAtMs"));
    try {
      const answer = await this.#cached(caller, call, deadlineAtMs);
      return await readPart(answer, call.part, caller.taken.get(call.part.name));
    } catch (error) {
      return { result: failureOf(error, Date.now() >= deadlineAtMs), chars: 0 };
    }
  }

  /** The answer that is stored, where the part has a cache and one will do. */
  #cached(caller: PartCaller, call: PartCall, deadlineAtMs: number): Promise<Response> {
    const { cache } = call.part;
    return cache === undefined
      ? this.#answer(caller, call, deadlineAtMs)
      : this.#ofCache(caller, call, cache, deadlineAtMs);
  }

  async #ofCache(caller: PartCaller, call: PartCall, cache: RouteCache, deadlineAtMs: number): Promise<Response> {
    const send: PartSend = (fields, untilMs) => this.#answer({ ...caller, fields }, call, untilMs);
    const edge = this.#edgeOf(caller.c.env);
    return new CachedExchange(await partExchange(edge, { ...caller, cache, deadlineAtMs, send }, call)).answer();
  }

  #answer(caller: PartCaller, call: PartCall, deadlineAtMs: number): Promise<Response> {
    const { part, request } = call;
    if (part.redirects === undefined && part.retries === undefined)
      return this.#send(caller, call, request.path, deadlineAtMs);
    const sending = { ...caller, sent: { count: 0 } };
    return part.redirects === undefined
      ? this.#attempt(sending, call, request.path, deadlineAtMs)
      : this.#follow(sending, call, part.redirects, deadlineAtMs);
  }

  async #follow(caller: SendingCaller, call: PartCall, redirects: number, deadlineAtMs: number): Promise<Response> {
    const { part, request } = call;
    let path = request.path;
    for (let left = redirects; ; left--) {
      const answer = await this.#attempt(caller, call, path, deadlineAtMs);
      if (left === 0 || answer.status < 300 || answer.status > 399) return answer;
      const next = redirectPath(answer.status, answer.headers.get("location"), part.target, path);
      if (next === undefined) return answer;
      await answer.body?.cancel();
      path = next;
    }
  }

  #attempt(caller: SendingCaller, call: PartCall, path: string, deadlineAtMs: number): Promise<Response> {
    if (call.part.retries === undefined) return this.#send(caller, call, path, deadlineAtMs);
    return this.#repeat(caller, call, path, deadlineAtMs, call.part.retries);
  }

  /** Law 7: within the deadline, and within what the origin's calls may be repeated. */
  async #repeat(
    caller: SendingCaller,
    call: PartCall,
    path: string,
    deadlineAtMs: number,
    retries: NonNullable<AggregatePart["retries"]>,
  ): Promise<Response> {
    const budget = this.#budgetOf(call.part.target);
    retryBudgetStep(budget, "started");
    try {
      for (let attempt = 1; ; attempt++) {
        const untilMs =
          retries.perTryMs === undefined ? deadlineAtMs : Math.min(deadlineAtMs, Date.now() + retries.perTryMs);
        const sent = await this.#send(caller, call, path, untilMs).catch((cause: unknown) => cause);
        const outcome = outcomeOf(sent);
        if (outcome === undefined) retryBudgetStep(budget, "succeeded");
        else if (attempt > 1) retryBudgetStep(budget, "in-vain");
        const pauseMs = retryBackoffMs(attempt, Math.random(), retries.backoff);
        const asked = { method: call.part.method, path, sent: "body" as const, attempt };
        const mayRepeat =
          outcome !== undefined &&
          mayRetry(retries, { ...asked, outcome, bodyReplayable: true, callerRetries: false }).retry &&
          !caller.signal.aborted &&
          Date.now() + pauseMs < deadlineAtMs &&
          isWorthRepeating(budget) &&
          retryBudgetStep(budget, "retry");
        if (!mayRepeat) {
          if (sent instanceof Response) return sent;
          throw sent;
        }
        if (sent instanceof Response) await sent.body?.cancel();
        await sleep(pauseMs);
        retryBudgetStep(budget, "retried");
      }
    } finally {
      retryBudgetStep(budget, "ended");
    }
  }

  #budgetOf(target: UpstreamTarget): RetryBudgetState {
    const name = nameOfTarget(target);
    const known = this.#budgets.get(name);
    if (known !== undefined) return known;
    const budget = newRetryBudget();
    this.#budgets.set(name, budget);
    return budget;
  }

  #send(caller: SendingCaller, call: PartCall, path: string, deadlineAtMs: number): Promise<Response> {
    const fields = caller.fields.copy();
    const keying = setOwnKey(fields, caller, call);
    if (keying === undefined) return this.#sendWith(fields, caller, call, path, deadlineAtMs);
    return keying.then(() => this.#sendWith(fields, caller, call, path, deadlineAtMs));
  }

  #sendWith(
    fields: RequestFields,
    caller: SendingCaller,
    call: PartCall,
    path: string,
    deadlineAtMs: number,
  ): Promise<Response> {
    const { c, context, signal, sent } = caller;
    const { part, request } = call;
    for (const [name, value] of request.headers) fields.set(name, value);
    const { target, method } = part;
    const body = request.body === undefined ? null : new TextEncoder().encode(request.body);
    if (body !== null) fields.set("content-type", "application/json");
    const resend = sent === undefined ? 0 : sent.count++;
    const sending = { target, method, path, fields, body, deadlineAtMs, signal, part: part.name, resend };
    const { shedder, upstreams, held } = this.#forwarder;
    const pass = (made: ForwardCall): Promise<Response> =>
      shedder.call(c, made, (shed) => callTarget(c, withShed(made, shed), context, upstreams));
    if (part.transcode === undefined) return pass(sending);
    const { transcode } = part;
    return import("./transcode-call.ts").then((one) => one.transcodePart(c, transcode, sending, held, pass));
  }
}

/**
 * Each call that does something has a key of its own, the same whenever the client repeats its request: with the client's key the
 * second call of a fan-out would be taken for a repetition of the first.
 * @returns undefined: it needs none
 */
function setOwnKey(
  fields: RequestFields,
  { idempotencyKey }: PartCaller,
  { part, at }: PartCall,
): Promise<void> | undefined {
  if (idempotencyKey === undefined || isSafe(part.method)) return undefined;
  const { field, value } = idempotencyKey;
  return sha256Hex(`${value}\n${part.name}\n${at}`).then((key) => fields.set(field, `"${key}"`));
}

/** Undefined: it succeeded, or another attempt would meet the same. */
function outcomeOf(sent: unknown): AttemptOutcome | undefined {
  if (sent instanceof Response) return sent.status >= 400 ? { kind: "status", status: sent.status } : undefined;
  if (!(sent instanceof SelvageError)) return undefined;
  if (sent.code === "upstream_timeout") return { kind: "timeout" };
  return sent.code === "upstream_unreachable" ? { kind: "reset" } : undefined;
}

async function readPart(answer: Response, part: AggregatePart, taken: readonly string[] = []): Promise<PartOutcome> {
  const { status } = answer;
  if (status < 200 || status > 299 || status === 206) {
    await answer.body?.cancel();
    const told = status === 503 || status === 504 ? status : 502;
    return { result: { kind: "failed", status: told, answered: status, reason: `answered ${status}` }, chars: 0 };
  }
  const fields = taken.flatMap((name): [string, string][] => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const had = fields.length > 0 ? { status, fields } : { status };
  if (part.method === "HEAD" || status === 204 || status === 205) {
    await answer.body?.cancel();
    return { result: { kind: "value", value: null, ...had }, chars: 0 };
  }
  const { value, chars } = await (part.encoding === undefined ? readJson(answer) : readEncoded(answer, part.encoding));
  return { result: { kind: "value", value, ...had }, chars };
}

async function readJson(answer: Response): Promise<{ readonly value: unknown; readonly chars: number }> {
  const text = await readText(answer, limits.gateway.partBodyBytesMax);
  return { value: parseWholeNumbers(text, limits.aggregate.depthMax), chars: text.length };
}

function failureOf(error: unknown, timeUp: boolean): PartFailure {
  if (error instanceof SelvageError) {
    const { status } = error.facts;
    return { kind: "failed", status: status === 503 || status === 504 ? status : 502, reason: error.message };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: "failed", status: timeUp ? 504 : 502, reason };
}
