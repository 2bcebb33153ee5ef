/**
 * The innermost stage towards the mesh. An attempt picks an endpoint (balancing over what the breakers let through) and
 * sends over its mTLS pool; what fails is tried again as `shared/policy/retry.ts` allows, within budget and deadline.
 * The first answer whose head was passed on is final.
 */
import { SelvageError, type Sent } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { GRPC_ATTEMPTS, GRPC_STATUS, grpcCode } from "../../shared/http/grpc-call.ts";
import { ATTEMPT, ERROR_CODE, LOAD, PRIORITY, SENT, TRACEPARENT } from "../../shared/http/header-names.ts";
import { formatLoad, parseLoad } from "../../shared/http/load-report.ts";
import { formatTraceparent } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import type { BreakerEvent } from "../../shared/policy/breaker.ts";
import { mayRepeat, mayRetry, type RetryVerdict, retryBackoffMs, retryPauseMs } from "../../shared/policy/retry.ts";
import { isWorthRepeating, retryBudgetStep } from "../../shared/policy/retry-budget.ts";
import type { AttemptSpan } from "../../shared/telemetry/span-trace.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import type { Stage } from "../proxy/call.ts";
import { endInTime, endOf, putDeadline } from "../proxy/call-deadline.ts";
import type { DeadlineWatch } from "../proxy/deadline-watch.ts";
import type { BodyReader, BodyWriter, ExchangeError, RequestHead, ResponseHead } from "../proxy/engine.ts";
import { type Pump, pumpBody } from "../proxy/pump-body.ts";
import { RequestBody } from "../proxy/request-body.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { Attempt } from "./attempt.ts";
import { attemptSpan, hearAnswer } from "./attempt-span.ts";
import { classifyAnswer, classifyFailure, classifyGrpc, type Ending } from "./classify.ts";
import { Hedging } from "./hedging.ts";
import type { OutboundCall } from "./outbound-call.ts";
import { PacedWriter } from "./paced-writer.ts";

export interface SendOptions {
  /** The caller is the gateway: it is told what Selvage's own answers mean. */
  readonly forAgents: boolean;
  readonly metrics: Metrics;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Absent: those of the agent. */
  readonly waits?: DeadlineWatch;
}

export function sendWithRetries(options: SendOptions): Stage<OutboundCall> {
  return (call) => {
    if (call.cluster === undefined) throw new SelvageError("unknown_service", "no stage chose a service");
    new Sending(call, call.cluster, options).start();
  };
}

class Sending {
  readonly #call: OutboundCall;
  readonly #cluster: Cluster;
  readonly #options: SendOptions;
  readonly #body: RequestBody;
  readonly #tried = new Set<ClusterEndpoint>();
  readonly #hedging: Hedging | undefined;
  /** Without hedges. */
  #attempts = 0;
  /** Those that can still give the answer. */
  #racing: Attempt[] = [];
  /** Whether the attempt under way holds a place of the retry budget. */
  #inBudget = false;
  /** The attempt under way repeats one that may have had an effect. */
  #repeats = false;
  /** Runs while the next attempt is waited for. */
  #pause: NodeJS.Timeout | undefined;
  #pump: Pump | undefined;
  /** Most that any attempt has let out. */
  #sent: Sent = "none";

  constructor(call: OutboundCall, cluster: Cluster, options: SendOptions) {
    this.#call = call;
    this.#cluster = cluster;
    this.#options = options;
    this.#body = new RequestBody(call.body, call.exchange.head.bodyLength);
    if (cluster.settings.hedge === undefined) return;
    this.#hedging = Hedging.of(call, cluster, {
      metrics: options.metrics,
      canSend: () => this.#canHedge(),
      send: () => this.#send(true),
      waits: options.waits,
    });
  }

  start(): void {
    const { budget } = this.#cluster;
    retryBudgetStep(budget, "started");
    this.#call.onFinish(() => {
      retryBudgetStep(budget, "ended");
      this.#stop();
    });
    this.#send();
  }

  /** The call is over: whatever still runs for it ends. */
  #stop(): void {
    clearTimeout(this.#pause);
    this.#pump?.stop();
    this.#hedging?.stop();
    this.#leaveBudget();
    for (const attempt of this.#racing) attempt.abandon();
  }

  /** One answer is not there yet, and another endpoint could give it to the same request. */
  #canHedge(): boolean {
    const nowMs = performance.now();
    if (this.#call.status !== 0 || this.#racing.length === 0 || nowMs >= this.#call.deadlineMs) return false;
    if (!this.#body.ended || !this.#body.replayable) return false;
    return this.#cluster.hasUntried(this.#call.subset, this.#tried, nowMs);
  }

  #send(isHedge = false): void {
    const nowMs = performance.now();
    const leftMs = this.#call.deadlineMs - nowMs;
    if (leftMs <= 0) {
      this.#call.fail(new SelvageError("deadline_exceeded", "no time is left", { sent: this.#sent }));
      return;
    }
    const endpoint = this.#cluster.pick(this.#call, this.#tried, nowMs, this.#options.random());
    if (endpoint !== undefined) this.#sendTo(endpoint, nowMs, leftMs, isHedge);
    else if (!isHedge) this.#call.fail(this.#noEndpoint());
  }

  #sendTo(endpoint: ClusterEndpoint, nowMs: number, leftMs: number, isHedge: boolean): void {
    if (!isHedge) this.#attempts++;
    this.#tried.add(endpoint);
    this.#call.attempts(this.#sentInAll, this.#cluster, endpoint);
    const timeoutMs = Math.min(leftMs, this.#cluster.settings.retries.perTryMs ?? leftMs);
    // By gRPC time is for the whole call, an attempt's own only until its head.
    const tellsMs = this.#call.isGrpc ? endOf(this.#call) - nowMs : timeoutMs;
    const span = attemptSpan(this.#call, this.#cluster, endpoint, nowMs, this.#sentInAll - 1, isHedge);
    const exchange = this.#cluster.pool(endpoint).send(this.#head(tellsMs, span), timeoutMs);
    if (this.#call.idleMs !== undefined) exchange.idleAfter(this.#call.idleMs);
    const attempt = new Attempt(this.#cluster, endpoint, exchange, nowMs, timeoutMs, isHedge, span);
    this.#racing = isHedge ? [...this.#racing, attempt] : [attempt];
    exchange.onInform((status, fields) => this.#call.exchange.inform(status, fields));
    exchange.onFail((error) => this.#failed(attempt, error));
    exchange.onResponse((head, body) => this.#answered(attempt, head, body));
    this.#body.attach(exchange.body);
    this.#hedging?.wait();
  }

  get #sentInAll(): number {
    return this.#attempts + (this.#hedging?.sent ?? 0);
  }

  /** @param leftMs after it nobody waits for this attempt's answer */
  #head(leftMs: number, span: AttemptSpan | undefined): RequestHead {
    const { method, bodyLength, fields: asSent } = this.#call.exchange.head;
    const fields = asSent.clone();
    putDeadline(fields, this.#call.isGrpc, leftMs);
    fields.set(ATTEMPT, String(this.#sentInAll));
    if (this.#call.isGrpc && this.#sentInAll > 1) fields.set(GRPC_ATTEMPTS, String(this.#sentInAll - 1));
    if (this.#call.priority !== "normal") fields.set(PRIORITY, this.#call.priority);
    const parent = span ?? this.#call.trace;
    if (parent !== undefined) fields.set(TRACEPARENT, formatTraceparent(parent));
    return { method, target: this.#call.path, fields, bodyLength };
  }

  #noEndpoint(): SelvageError {
    const { subset } = this.#call;
    const which = subset === undefined ? "" : ` in subset ${subset}`;
    if (this.#cluster.has(subset)) {
      const { maxRequests } = this.#cluster.settings.breaker;
      const full = `each endpoint of ${this.#cluster.service}${which} has ${maxRequests} requests in flight (maxRequests)`;
      return new SelvageError("breaker_open", full, { sent: this.#sent });
    }
    const reason = `${this.#cluster.service} has no endpoints${which}`;
    return new SelvageError("no_healthy_endpoint", reason, { sent: this.#sent });
  }

  #answered(attempt: Attempt, head: ResponseHead, body: BodyReader): void {
    if (attempt.over || !this.#racing.includes(attempt)) return;
    const load = parseLoad(head.fields.get(LOAD));
    if (load !== undefined) attempt.endpoint.hearLoad(load, performance.now());
    const { isGrpc } = this.#call;
    const ending = classifyAnswer(head, Date.now(), isGrpc);
    attempt.held = { head, body };
    hearAnswer(this.#call, attempt.span, head, ending.error);
    if (isGrpc && ending.outcome === undefined && ending.error === undefined)
      this.#answeredByGrpc(attempt, head, ending);
    else if (ending.outcome === undefined) this.#passOn(attempt, ending);
    else this.#decide(attempt, ending);
  }

  /** Trailers without a message before them are an answer that another attempt could mend, unless its head is out. */
  #answeredByGrpc(attempt: Attempt, head: ResponseHead, ending: Ending): void {
    const saysAll = head.fields.has(GRPC_STATUS);
    if (!saysAll) attempt.answeredAtMs = performance.now();
    endInTime(this.#call);
    if (saysAll || !this.#mayMend()) {
      this.#passOn(attempt, ending);
      return;
    }
    attempt.peek((trailers) => {
      if (!this.#racing.includes(attempt) || this.#call.finished) return;
      const known = trailers === undefined ? ending : classifyGrpc(trailers);
      if (trailers !== undefined) hearAnswer(this.#call, attempt.span, { ...head, fields: trailers });
      if (known.outcome === undefined) this.#passOn(attempt, known);
      else this.#decide(attempt, known);
    });
  }

  /** Whether another attempt may follow an answer; who may still send something is not kept waiting for its head. */
  #mayMend(): boolean {
    const { exchange, path, callerRetries } = this.#call;
    const { retries } = this.#cluster.settings;
    const repeats = mayRepeat(retries, exchange.head.method, path) && !callerRetries;
    return repeats && this.#attempts <= retries.attempts && this.#body.ended && this.#body.replayable;
  }

  #failed(attempt: Attempt, error: ExchangeError): void {
    const { over, held } = attempt;
    attempt.failure = error;
    attempt.over = true;
    attempt.done();
    attempt.span?.ended(performance.now(), classifyFailure(error).error ?? "upstream_reset", error.message);
    if (over || !this.#racing.includes(attempt)) return;
    if (this.#call.status !== 0) this.#brokenOff(attempt, error);
    else if (held === undefined || attempt.peeks) {
      attempt.held = undefined;
      this.#decide(attempt, classifyFailure(error));
    }
  }

  /** After an attempt that another could mend: one that is under way, or the retry policy says whether there is one. */
  #decide(attempt: Attempt, ending: Ending): void {
    if (ending.sent !== "none") this.#sent = ending.sent;
    attempt.record(this.#blame(attempt, ending), ending.pauseMs);
    if (this.#racing.length > 1 && (attempt.held === undefined || this.#verdict(ending, 0).retry)) {
      this.#racing = this.#racing.filter((one) => one !== attempt);
      attempt.discard();
      return;
    }
    this.#hedging?.stop();
    this.#leaveBudget();
    if (this.#repeats && ending.breaker !== "success") retryBudgetStep(this.#cluster.budget, "in-vain");
    const verdict = this.#verdict(ending, this.#attempts);
    const nowMs = performance.now();
    const untried = this.#cluster.hasUntried(this.#call.subset, this.#tried, nowMs);
    const isUnwanted = ending.pushbackMs !== undefined && ending.pushbackMs < 0;
    if (!verdict.retry || isUnwanted || (ending.error === "overloaded" && !this.#triesAnother(untried))) {
      this.#giveUp(attempt, ending);
      return;
    }
    this.#repeats = !verdict.anew;
    // An answer that may still be passed on goes with a request that is still being sent.
    if (attempt.held === undefined) this.#body.detach();
    const backoffMs = verdict.anew && untried ? 0 : this.#backoffMs(0);
    const leftMs = this.#call.deadlineMs - nowMs;
    const pauseMs = ending.pushbackMs ?? retryPauseMs(backoffMs, ending, untried, leftMs, this.#options.random());
    if (pauseMs === undefined) this.#giveUp(attempt, ending);
    else this.#retryAfter(pauseMs, attempt, ending, 0);
  }

  #verdict(ending: Ending, attempt: number): RetryVerdict {
    return mayRetry(this.#cluster.settings.retries, {
      method: this.#call.exchange.head.method,
      path: this.#call.path,
      sent: ending.sent,
      outcome: ending.outcome ?? { kind: "reset" },
      attempt,
      bodyReplayable: this.#body.replayable,
      callerRetries: this.#call.callerRetries,
    });
  }

  /** A full instance is full a moment later, too. Low priority is there to make room, not to look for it. */
  #triesAnother(untried: boolean): boolean {
    return untried && this.#call.priority !== "low";
  }

  /** A time-out that the caller's short deadline made says nothing of the endpoint. */
  #blame(attempt: Attempt, ending: Ending): BreakerEvent {
    const { retries, timeoutMs } = this.#cluster.settings;
    const fair = Math.min(retries.perTryMs ?? (timeoutMs || Number.POSITIVE_INFINITY), limits.agent.timeoutBlamesMs);
    const { error, outcome } = ending;
    const saysLate = outcome?.kind === "status" && outcome.grpc === grpcCode.deadlineExceeded;
    const isLate = saysLate || error === "upstream_timeout" || error === "deadline_exceeded";
    return isLate && attempt.timeoutMs < fair ? "abandoned" : ending.breaker;
  }

  #backoffMs(denials: number): number {
    return retryBackoffMs(this.#attempts + denials, this.#options.random(), this.#cluster.settings.retries.backoff);
  }

  /** Waits, asks the budget, and sends again; a spent budget is asked for a while before the failure stands. */
  #retryAfter(waitMs: number, attempt: Attempt, ending: Ending, denials: number): void {
    const late = performance.now() + waitMs >= this.#call.deadlineMs;
    if (late || denials > limits.agent.retryBudgetWaitsMax) this.#giveUp(attempt, ending);
    else if (waitMs === 0) this.#retry(attempt, ending, denials);
    else this.#pause = setTimeout(() => this.#retry(attempt, ending, denials), waitMs);
  }

  #retry(attempt: Attempt, ending: Ending, denials: number): void {
    const { budget } = this.#cluster;
    if (!this.#body.replayable || (this.#repeats && !isWorthRepeating(budget))) this.#giveUp(attempt, ending);
    else if (!retryBudgetStep(budget, "retry")) {
      this.#call.spans?.event("selvage.retry_budget_spent", performance.now());
      // Under overload budgets are spent by others like this one.
      if (ending.error === "overloaded") this.#giveUp(attempt, ending);
      else this.#retryAfter(Math.max(1, this.#backoffMs(denials)), attempt, ending, denials + 1);
    } else {
      this.#inBudget = true;
      this.#options.metrics.retry(this.#cluster.service);
      this.#body.detach();
      this.#racing = [];
      attempt.discard();
      this.#send();
    }
  }

  /** No attempt follows: the caller gets the answer as it is, or the error. */
  #giveUp(attempt: Attempt, ending: Ending): void {
    if (attempt.held !== undefined && attempt.failure === undefined) {
      this.#passOn(attempt, ending);
      return;
    }
    const code = ending.error ?? "upstream_reset";
    const late = code === "upstream_timeout" && performance.now() >= this.#call.deadlineMs - 1;
    const where = `${this.#cluster.service} at ${attempt.endpoint.endpoint.instance}`;
    const reason = `${where}: ${attempt.failure?.message ?? "the answer broke off"}`;
    this.#call.fail(new SelvageError(late ? "deadline_exceeded" : code, reason, { sent: this.#sent }));
  }

  #passOn(attempt: Attempt, ending: Ending): void {
    if (attempt.held === undefined) return;
    const { head, body } = attempt.held;
    this.#leaveBudget();
    if (ending.breaker === "success" && ending.error === undefined) retryBudgetStep(this.#cluster.budget, "succeeded");
    if (attempt.answeredAtMs === undefined) attempt.record(ending.breaker, ending.pauseMs);
    this.#wins(attempt);
    const writer = this.#paced(this.#call.respond({ ...head, fields: this.#answerFields(attempt, head, ending) }));
    this.#body.keepNoMore();
    const watch = {
      idleMs: this.#call.idleMs ?? limits.agent.bodyIdleMs,
      onIdle: () => this.#call.fail(new SelvageError("upstream_reset", "the answer stood still", { sent: "body" })),
      onEnd: (trailers: FieldList) => {
        attempt.over = this.#body.ended;
        this.#ended(attempt, trailers);
      },
    };
    this.#pump = pumpBody(body, writer, watch, this.#options.waits);
  }

  #ended(attempt: Attempt, trailers: FieldList): void {
    if (attempt.answeredAtMs === undefined) return;
    this.#call.heardGrpcStatus(trailers);
    const ending = classifyGrpc(trailers);
    attempt.record(this.#blame(attempt, ending), ending.pauseMs);
  }

  #wins(attempt: Attempt): void {
    this.#hedging?.stop();
    if (this.#racing.length !== 1 || this.#racing[0] !== attempt) {
      for (const other of this.#racing) if (other !== attempt) other.lose();
      this.#racing = [attempt];
    }
    this.#call.facts.endpoint = attempt.endpoint.endpoint.instance;
    if (attempt.isHedge) this.#options.metrics.hedge(this.#cluster.service, "won");
  }

  #paced(writer: BodyWriter): BodyWriter {
    const { answerBytesPerSecond } = this.#call;
    if (answerBytesPerSecond === undefined) return writer;
    const paced = new PacedWriter(writer, answerBytesPerSecond);
    this.#call.onFinish(() => paced.stop());
    return paced;
  }

  #answerFields(attempt: Attempt, head: ResponseHead, ending: Ending): FieldList {
    const { fields } = head;
    fields.removePrefixed("selvage-");
    const load = this.#options.forAgents ? this.#cluster.load(performance.now()) : undefined;
    if (load !== undefined) fields.append(LOAD, formatLoad(load));
    if (ending.error === undefined) return fields;
    this.#call.facts.error = ending.error;
    this.#call.facts.reason = `answered by the agent of ${attempt.endpoint.endpoint.instance}`;
    if (this.#options.forAgents) {
      fields.append(ERROR_CODE, ending.error);
      fields.append(SENT, this.#sent === "none" ? ending.sent : this.#sent);
    }
    return fields;
  }

  /** The answer's head is with the caller; only breaking off can tell it. */
  #brokenOff(attempt: Attempt, error: ExchangeError): void {
    if (attempt.answeredAtMs !== undefined) attempt.record("failure");
    else this.#cluster.record(attempt.endpoint, "failure", attempt.sentAtMs, performance.now());
    const reason = `${this.#cluster.service} at ${attempt.endpoint.endpoint.instance}: ${error.message}`;
    this.#call.fail(new SelvageError("upstream_reset", reason, { sent: "body" }));
  }

  #leaveBudget(): void {
    if (!this.#inBudget) return;
    this.#inBudget = false;
    retryBudgetStep(this.#cluster.budget, "retried");
  }
}
