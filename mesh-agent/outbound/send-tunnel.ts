/**
 * Upgrades and TCP towards the mesh. An endpoint is chosen as for requests; another one is tried only while certainly nothing has
 * reached an application. The deadline ends with the answer's head; from then on the tunnel's own time counts.
 */
import { SelvageError, type Sent } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { ATTEMPT, ERROR_CODE, SENT, TRACEPARENT } from "../../shared/http/header-names.ts";
import { formatTraceparent } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import { mayRetry, retryBackoffMs } from "../../shared/policy/retry.ts";
import { retryBudgetStep } from "../../shared/policy/retry-budget.ts";
import type { AttemptSpan } from "../../shared/telemetry/span-trace.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import type { Stage } from "../proxy/call.ts";
import { putDeadline } from "../proxy/call-deadline.ts";
import type { BodyReader, ClientExchange, RequestHead, ResponseHead } from "../proxy/engine.ts";
import { type Pump, pumpBody } from "../proxy/pump-body.ts";
import { openTunnel } from "../proxy/tunnel.ts";
import { attemptSpan, hearAnswer } from "./attempt-span.ts";
import { classifyAnswer, classifyFailure, type Ending } from "./classify.ts";
import type { OutboundCall } from "./outbound-call.ts";
import type { SendOptions } from "./send-with-retries.ts";

/** Takes the calls that are to become tunnels; the others go on. */
export function sendTunnel(options: SendOptions): Stage<OutboundCall> {
  return (call, next) => {
    if (call.upgrade === undefined && call.exchange.head.method !== "CONNECT") next();
    else if (call.cluster === undefined) throw new SelvageError("unknown_service", "no stage chose a service");
    else new Opening(call, call.cluster, options).start();
  };
}

class Opening {
  readonly #call: OutboundCall;
  readonly #cluster: Cluster;
  readonly #options: SendOptions;
  readonly #tried = new Set<ClusterEndpoint>();
  #attempts = 0;
  /** The attempt whose end was not seen. */
  #current:
    | { readonly endpoint: ClusterEndpoint; readonly exchange: ClientExchange; readonly span: AttemptSpan | undefined }
    | undefined;
  #sentAtMs = 0;
  #isRecorded = false;
  #isOpen = false;
  #pause: NodeJS.Timeout | undefined;
  #inBudget = false;
  #pump: Pump | undefined;

  constructor(call: OutboundCall, cluster: Cluster, options: SendOptions) {
    this.#call = call;
    this.#cluster = cluster;
    this.#options = options;
  }

  start(): void {
    this.#call.onFinish(() => {
      clearTimeout(this.#pause);
      this.#pump?.stop();
      this.#leaveBudget();
      const attempt = this.#leave();
      if (attempt === undefined || this.#isOpen) return;
      this.#record(attempt.endpoint, { breaker: "abandoned" });
      attempt.exchange.abort("the caller left");
    });
    this.#send();
  }

  #send(): void {
    const call = this.#call;
    const nowMs = performance.now();
    const leftMs = call.deadlineMs - nowMs;
    const endpoint = leftMs <= 0 ? undefined : this.#cluster.pick(call, this.#tried, nowMs, this.#options.random());
    if (endpoint === undefined) {
      call.fail(leftMs <= 0 ? new SelvageError("deadline_exceeded", "no time is left") : this.#noEndpoint());
      return;
    }
    this.#attempts++;
    this.#tried.add(endpoint);
    this.#sentAtMs = nowMs;
    this.#isRecorded = false;
    call.attempts(this.#attempts, this.#cluster, endpoint);
    const span = attemptSpan(call, this.#cluster, endpoint, nowMs, this.#attempts - 1, false);
    const exchange = this.#cluster.pool(endpoint).send(this.#head(nowMs, span), leftMs);
    this.#current = { endpoint, exchange, span };
    exchange.onInform((status, fields) => call.exchange.inform(status, fields));
    exchange.onFail((error) => {
      if (this.#isOpen) this.#brokenOff(endpoint, error.message);
      else if (call.status !== 0) call.abort(error.message);
      else this.#decide(classifyFailure(error), error.message);
    });
    exchange.onResponse((head, body) => this.#answered(endpoint, exchange, head, body));
  }

  #noEndpoint(): SelvageError {
    const { service } = this.#cluster;
    return this.#cluster.has(this.#call.subset)
      ? new SelvageError("breaker_open", `each endpoint of ${service} has as much as it may (maxRequests)`)
      : new SelvageError("no_healthy_endpoint", `${service} has no endpoints`);
  }

  #head(nowMs: number, span: AttemptSpan | undefined): RequestHead {
    const { upgrade, path, trace, deadlineMs } = this.#call;
    const { method, bodyLength, fields: asSent } = this.#call.exchange.head;
    const fields = asSent.clone();
    putDeadline(fields, false, deadlineMs - nowMs);
    fields.set(ATTEMPT, String(this.#attempts));
    const parent = span ?? trace;
    if (parent !== undefined) fields.set(TRACEPARENT, formatTraceparent(parent));
    return { method, target: path, fields, bodyLength, ...(upgrade !== undefined && { upgrade }) };
  }

  #answered(endpoint: ClusterEndpoint, exchange: ClientExchange, head: ResponseHead, body: BodyReader): void {
    const { status } = head;
    const isConnect = this.#call.upgrade === undefined;
    const ending = classifyAnswer(head, Date.now(), false);
    hearAnswer(this.#call, this.#current?.span, head, ending.error);
    if (isConnect ? status < 300 && ending.error === undefined : status === 101) {
      this.#record(endpoint, ending);
      this.#isOpen = true;
      const abort = (reason: string): void => exchange.abort(reason);
      const idleMs = this.#cluster.settings.streamIdleMs ?? limits.agent.tunnelIdleMs;
      const answer = { ...head, fields: this.#fieldsOf(head, ending) };
      openTunnel(this.#call, answer, { reader: body, writer: exchange.body, abort }, idleMs);
    } else if (isConnect || ending.sent === "none") {
      const who = `answered by the agent of ${endpoint.endpoint.instance}`;
      this.#decide(ending, isConnect ? `${who} with ${status}` : who, () => this.#passOn(endpoint, head, body, ending));
    } else this.#passOn(endpoint, head, body, ending);
  }

  /** @param answer gives the caller what there is of an answer */
  #decide(ending: Ending, why: string, answer?: () => void): void {
    const endpoint = this.#current?.endpoint;
    const { sent } = ending;
    // Whatever the method: an upgrade that was seen may have had an effect.
    const verdict = mayRetry(this.#cluster.settings.retries, {
      method: "CONNECT",
      path: this.#call.path,
      sent,
      outcome: ending.outcome ?? { kind: "reset" },
      attempt: this.#attempts,
      bodyReplayable: true,
      callerRetries: this.#call.callerRetries,
    });
    this.#leaveBudget();
    const nowMs = performance.now();
    const pauseMs = this.#cluster.hasUntried(this.#call.subset, this.#tried, nowMs) ? 0 : this.#backoffMs();
    const again = verdict.retry && ending.outcome !== undefined && nowMs + pauseMs < this.#call.deadlineMs;
    if (again && retryBudgetStep(this.#cluster.budget, "retry")) {
      this.#inBudget = true;
      if (endpoint !== undefined) this.#record(endpoint, ending);
      const attempt = this.#leave();
      attempt?.span?.ended(performance.now(), ending.error, why);
      if (answer !== undefined) attempt?.exchange.abort("another endpoint is tried");
      this.#options.metrics.retry(this.#cluster.service);
      this.#pause = setTimeout(() => this.#send(), pauseMs);
    } else if (answer !== undefined && this.#call.upgrade !== undefined) answer();
    else {
      if (endpoint !== undefined) this.#record(endpoint, ending);
      this.#current?.span?.ended(performance.now(), ending.error, why);
      this.#giveUp(ending, why, sent);
    }
  }

  #giveUp(ending: Ending, why: string, sent: Sent): void {
    const where = `${this.#cluster.service} at ${this.#call.facts.endpoint}`;
    this.#call.fail(new SelvageError(ending.error ?? "upstream_invalid", `${where}: ${why}`, { sent }));
  }

  #backoffMs(): number {
    return retryBackoffMs(this.#attempts, this.#options.random(), this.#cluster.settings.retries.backoff);
  }

  /** The application, or its agent, wants no tunnel. */
  #passOn(endpoint: ClusterEndpoint, head: ResponseHead, body: BodyReader, ending: Ending): void {
    this.#record(endpoint, ending);
    const { status, bodyLength } = head;
    if (ending.error !== undefined) {
      this.#call.facts.error = ending.error;
      this.#call.facts.reason = `answered by the agent of ${endpoint.endpoint.instance}`;
    }
    const writer = this.#call.respond({ status, fields: this.#fieldsOf(head, ending), bodyLength });
    this.#pump = pumpBody(body, writer, {
      idleMs: limits.agent.bodyIdleMs,
      onIdle: () => this.#call.abort("the answer stood still"),
      onEnd: () => void this.#leave(),
    });
  }

  #fieldsOf(head: ResponseHead, ending: Ending): FieldList {
    const fields = head.fields.clone();
    fields.removeWhere((name) => name.startsWith("selvage-"));
    if (ending.error !== undefined && this.#options.forAgents) {
      fields.append(ERROR_CODE, ending.error);
      fields.append(SENT, ending.sent);
    }
    return fields;
  }

  #brokenOff(endpoint: ClusterEndpoint, why: string): void {
    this.#cluster.record(endpoint, "failure", this.#sentAtMs, performance.now());
    this.#call.facts.error ??= "upstream_reset";
    this.#call.abort(`${this.#cluster.service} at ${endpoint.endpoint.instance}: ${why}`);
  }

  #record(endpoint: ClusterEndpoint, { breaker, pauseMs }: Pick<Ending, "breaker" | "pauseMs">): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const nowMs = performance.now();
    const failed = breaker === "failure" || pauseMs !== undefined;
    const time = { tookMs: nowMs - this.#sentAtMs, failed, pauseMs: pauseMs ?? 0 };
    this.#cluster.record(endpoint, breaker, this.#sentAtMs, nowMs, breaker === "abandoned" ? undefined : time);
  }

  /** The attempt is in flight no more. */
  #leave() {
    const attempt = this.#current;
    this.#current = undefined;
    if (attempt !== undefined) this.#cluster.done(attempt.endpoint);
    return attempt;
  }

  #leaveBudget(): void {
    if (!this.#inBudget) return;
    this.#inBudget = false;
    retryBudgetStep(this.#cluster.budget, "retried");
  }
}
