/**
 * One call to an upstream: attempts at its targets, one after the other as `shared/policy/retry.ts` allows, or beside each other as
 * `shared/policy/hedge.ts` does. This is the one layer that retries: a call into the mesh is never made from here.
 */

import { SelvageError, type Sent } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { hashKeyOf } from "../../../shared/policy/hash-key.ts";
import { hedgeDelayMs, mayHedge, takeHedge } from "../../../shared/policy/hedge.ts";
import { hashText } from "../../../shared/policy/rendezvous.ts";
import { type RetryVerdict, retryBackoffMs, retryPauseMs } from "../../../shared/policy/retry.ts";
import { isWorthRepeating, retryBudgetStep } from "../../../shared/policy/retry-budget.ts";
import { mayRetryTarget } from "../../../shared/policy/target-outcome.ts";
import type { UpstreamSettings } from "../../../shared/policy/upstream-settings.ts";
import {
  enterTarget,
  hasUntried,
  isPanic,
  type TargetQuestion,
  type TargetState,
} from "../../../shared/policy/upstream-targets.ts";
import type { TargetFate } from "../../../shared/telemetry/span-trace.ts";
import type { CallAttempt } from "../telemetry/request-trace.ts";
import { bindingOf } from "./binding.ts";
import { type CallContext, callUpstream, type UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { KnownUpstream } from "./known-upstream.ts";
import { mayHoldBody, readContent } from "./read-content.ts";
import { TargetAttempt } from "./target-attempt.ts";
import { sleep } from "./wait.ts";

export class TargetCall {
  readonly #upstream: KnownUpstream;
  readonly #settings: UpstreamSettings;
  readonly #c: Context<GatewayEnv>;
  readonly #call: UpstreamCall;
  readonly #context: CallContext;
  readonly #deadlineAtMs: number;
  readonly #key: number | undefined;
  readonly #tried = new Set<TargetState>();
  #body: UpstreamCall["body"];
  /** Without hedges. */
  #attempts = 0;
  #hedges = 0;
  /** Most that any attempt may have let out. */
  #sent: Sent = "none";

  constructor(upstream: KnownUpstream, c: Context<GatewayEnv>, call: UpstreamCall, context: CallContext) {
    const { settings } = upstream.state;
    this.#upstream = upstream;
    this.#settings = settings;
    this.#c = c;
    this.#call = call;
    this.#context = context;
    this.#body = call.body;
    this.#deadlineAtMs = Math.min(call.deadlineAtMs, Date.now() + (settings.timeoutMs ?? Number.POSITIVE_INFINITY));
    this.#key = keyOf(settings, c, call);
  }

  /** @throws SelvageError when there is no answer */
  async run(): Promise<Response> {
    const { budget } = this.#upstream.state;
    await this.#keepBody();
    retryBudgetStep(budget, "started");
    let inBudget = false;
    try {
      let attempt = this.#send(false);
      if (attempt === undefined) throw this.#refusal();
      for (;;) {
        const repeated = inBudget;
        const ended = await this.#endOf(attempt);
        if (repeated) retryBudgetStep(budget, "retried");
        inBudget = false;
        inBudget = await this.#mayGoOn(ended, repeated);
        attempt = inBudget ? this.#send(false) : undefined;
        if (attempt === undefined) return this.#finish(ended);
        ended.discard();
        this.#upstream.counts.retries++;
      }
    } finally {
      if (inBudget) retryBudgetStep(budget, "retried");
      retryBudgetStep(budget, "ended");
    }
  }

  /** A small body is held whole: it can be sent again, and a client that does not send it is not taken for a target that fails. */
  async #keepBody(): Promise<void> {
    if (mayHoldBody(this.#c, this.#call)) this.#body = await readContent(this.#c);
  }

  /** Copies, and changes of protocol: two attempts could both become a connection that says things. */
  get #isSingle(): boolean {
    return this.#call.isCopy === true || this.#c.get("upgrade") !== undefined;
  }

  get #isCalledOff(): boolean {
    return this.#call.signal?.aborted === true;
  }

  get #isReplayable(): boolean {
    return !(this.#body instanceof ReadableStream);
  }

  #question(nowMs: number): TargetQuestion {
    return { tried: this.#tried, key: this.#key, nowMs, random: Math.random() };
  }

  /** Of one attempt and such as are sent beside it, the first that no other one could mend. */
  async #endOf(first: TargetAttempt): Promise<TargetAttempt> {
    const { hedge } = this.#settings;
    const { method, priority } = this.#call;
    const hedges =
      hedge !== undefined &&
      this.#hedges < hedge.max &&
      !this.#isSingle &&
      this.#isReplayable &&
      mayHedge(hedge, { method, priority, callerRetries: false });
    const delayMs = hedges ? hedgeDelayMs(this.#upstream.state.hedge, hedge) : undefined;
    if (hedge === undefined || delayMs === undefined) return first.over;
    return this.#race(first, delayMs, hedge.max);
  }

  async #race(first: TargetAttempt, delayMs: number, hedgesMax: number): Promise<TargetAttempt> {
    const racing = new Set([first]);
    for (let waits = true; ; ) {
      const timer = waits ? alarmAfter(delayMs) : undefined;
      const running = [...racing].map(({ over }) => over);
      const ended = await Promise.race(timer === undefined ? running : [...running, timer.over]);
      timer?.clear();
      if (ended === undefined) {
        const more = this.#hedge();
        if (more !== undefined) racing.add(more);
        waits = more !== undefined && this.#hedges < hedgesMax;
        continue;
      }
      racing.delete(ended);
      if (racing.size > 0 && this.#verdict(ended, 0).retry) {
        ended.discard();
        continue;
      }
      for (const other of racing) other.lose();
      if (ended.isHedge && ended.ending?.event === "success") this.#upstream.counts.hedgesWon++;
      return ended;
    }
  }

  #hedge(): TargetAttempt | undefined {
    const { state, counts } = this.#upstream;
    const nowMs = Date.now();
    if (nowMs >= this.#deadlineAtMs - 1 || !hasUntried(state, this.#question(nowMs)) || !takeHedge(state.hedge))
      return undefined;
    counts.hedges++;
    this.#hedges++;
    return this.#send(true);
  }

  /** @returns undefined when the time is up, or no target may get one more request */
  #send(isHedge: boolean): TargetAttempt | undefined {
    const nowMs = Date.now();
    const leftMs = this.#deadlineAtMs - nowMs;
    if (leftMs <= 0) return undefined;
    const { state, counts } = this.#upstream;
    if (this.#attempts === 0 && isPanic(state, nowMs)) counts.panics++;
    const target = enterTarget(state, this.#question(nowMs));
    if (target === undefined) return undefined;
    this.#tried.add(target);
    if (!isHedge) this.#attempts++;
    const timeoutMs = Math.min(leftMs, this.#settings.retries.perTryMs ?? leftMs);
    const fate: TargetFate = {};
    const settings = { target, isHedge, sentAtMs: nowMs, timeoutMs, isStreaming: !this.#isReplayable, fate };
    return new TargetAttempt(this.#upstream, settings, (to, signal) => this.#sendTo(to, signal, { isHedge, fate }));
  }

  async #sendTo(
    { settings }: TargetState,
    stop: AbortSignal,
    how: Pick<CallAttempt, "isHedge" | "fate">,
  ): Promise<Response> {
    const { env } = this.#context;
    const { deadlineHeader } = this.#settings;
    const fields = this.#call.fields.copy();
    if (deadlineHeader !== undefined) fields.set(deadlineHeader, String(Math.max(1, this.#deadlineAtMs - Date.now())));
    const { signal: calledOff } = this.#call;
    if (this.#isCalledOff) throw new SelvageError("deadline_exceeded", "the call was called off");
    const signal = calledOff === undefined ? stop : AbortSignal.any([stop, calledOff]);
    const fetcher = settings.binding === undefined ? undefined : bindingOf(env, settings.binding);
    const resend = this.#attempts + this.#hedges - 1;
    const attempt = { upstream: this.#upstream.name, target: settings.name, resend, ...how };
    const call = { ...this.#call, target: { origin: settings.url }, fields, signal, body: this.#body, attempt };
    const deadlineAtMs = this.#deadlineAtMs;
    this.#sent = "body";
    try {
      const made = { ...call, deadlineAtMs, ...(fetcher !== undefined && { fetcher }) };
      return await callUpstream(made, this.#context, Date.now());
    } catch (cause) {
      // Nobody waits for it any more, which is no failure of the target.
      if (!this.#isCalledOff) throw cause;
      throw new SelvageError("deadline_exceeded", "the call was called off", { sent: "body", cause });
    }
  }

  #verdict({ ending }: TargetAttempt, attempt: number): RetryVerdict {
    if (ending?.outcome === undefined) return { retry: false, why: "nothing that another attempt could mend" };
    return mayRetryTarget(this.#settings.retries, {
      method: this.#call.method,
      path: this.#call.path,
      sent: ending.sent,
      outcome: ending.outcome,
      attempt,
      // What was not sent was not read either.
      bodyReplayable: this.#isReplayable || ending.sent === "none",
      callerRetries: false,
    });
  }

  /** Waits until another attempt may leave, of which the budget knows then. @param repeated whether this one was one */
  async #mayGoOn(ended: TargetAttempt, repeated: boolean): Promise<boolean> {
    const { budget } = this.#upstream.state;
    const verdict = this.#verdict(ended, this.#attempts);
    if (ended.ending?.event === "success") retryBudgetStep(budget, "succeeded");
    else if (repeated) retryBudgetStep(budget, "in-vain");
    if (!verdict.retry || this.#isSingle || this.#isCalledOff) return false;
    const nowMs = Date.now();
    const untried = hasUntried(this.#upstream.state, this.#question(nowMs));
    const backoffMs = verdict.anew && untried ? 0 : this.#backoffMs(0);
    const leftMs = this.#deadlineAtMs - nowMs;
    const pauseMs = retryPauseMs(backoffMs, ended.ending ?? {}, untried, leftMs, Math.random());
    return pauseMs !== undefined && this.#takesRetry(pauseMs, verdict.anew);
  }

  /** A spent budget is asked for a while before the failure stands. */
  async #takesRetry(firstPauseMs: number, anew: boolean): Promise<boolean> {
    const { budget } = this.#upstream.state;
    let pauseMs = firstPauseMs;
    for (let denials = 0; denials <= limits.agent.retryBudgetWaitsMax; denials++) {
      if (Date.now() + pauseMs >= this.#deadlineAtMs) return false;
      if (pauseMs > 0) await sleep(pauseMs);
      if (!anew && !isWorthRepeating(budget)) return false;
      if (retryBudgetStep(budget, "retry")) return true;
      pauseMs = Math.max(1, this.#backoffMs(denials));
    }
    return false;
  }

  #backoffMs(denials: number): number {
    return retryBackoffMs(this.#attempts + denials, Math.random(), this.#settings.retries.backoff);
  }

  #finish({ response, failure, target }: TargetAttempt): Response {
    const attempts = this.#attempts + this.#hedges;
    if (this.#call.isCopy !== true)
      this.#c.set("called", { upstream: this.#upstream.name, target: target.settings.name, attempts });
    if (response !== undefined) return response;
    if (!(failure instanceof SelvageError)) throw failure;
    const { code, reason, members } = failure;
    const sent = this.#sent === "none" ? failure.sent : this.#sent;
    const where = `${this.#upstream.name} at ${target.settings.name}`;
    throw new SelvageError(code, `${where}: ${reason}`, { sent, members: { ...members }, cause: failure });
  }

  /** Why not even a first attempt was made. */
  #refusal(): SelvageError {
    if (Date.now() >= this.#deadlineAtMs)
      return new SelvageError("deadline_exceeded", "no time left to call the upstream");
    const { maxRequests } = this.#settings.breaker;
    const reason = `each target of ${this.#upstream.name} has ${maxRequests} requests in flight (maxRequests)`;
    return new SelvageError("breaker_open", reason);
  }
}

function keyOf({ balance }: UpstreamSettings, c: Context<GatewayEnv>, { fields }: UpstreamCall): number | undefined {
  const { hash } = balance;
  if (hash === undefined) return undefined;
  if ("ip" in hash) return hashText(c.get("clientIp") ?? "");
  const { claims, sub, method } = c.get("identity");
  const known = method === "anonymous" ? undefined : { ...claims, sub };
  return hashKeyOf(hash, (name) => fields.get(name) ?? undefined, known);
}

function alarmAfter(ms: number): { readonly over: Promise<undefined>; readonly clear: () => void } {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  return { over, clear: () => clearTimeout(timer) };
}
