/** One request on its way to one endpoint. */
import type { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import type { BreakerEvent } from "../../shared/policy/breaker.ts";
import { type AttemptSpan, CANCELLED } from "../../shared/telemetry/span-trace.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import type { BodyReader, ClientExchange, ExchangeError, ResponseHead } from "../proxy/engine.ts";
import { PeekedBody } from "./peeked-body.ts";

export class Attempt {
  readonly endpoint: ClusterEndpoint;
  readonly exchange: ClientExchange;
  readonly timeoutMs: number;
  readonly sentAtMs: number;
  /** It was sent while another had no answer yet. */
  readonly isHedge: boolean;
  /** Undefined: nothing is told of it. */
  readonly span: AttemptSpan | undefined;
  /** Set when it cannot give an answer any more. */
  failure: ExchangeError | undefined;
  /** An answer that is not passed on yet, since another attempt may be better. */
  held: { readonly head: ResponseHead; readonly body: BodyReader } | undefined;
  /** What it holds is no answer yet: by gRPC its trailers may say that it failed. */
  peeks = false;
  /** By gRPC: when its head came, monotonic, after which its end says how it went. Undefined: its head says it. */
  answeredAtMs: number | undefined;
  /** Nothing more comes of it. */
  over = false;
  readonly #cluster: Cluster;
  /** It is the one request that probes its endpoint. */
  readonly #isProbe: boolean;
  /** The breaker knows how it ended. */
  #recorded = false;
  /** It is in flight no more. */
  #done = false;

  /** @param sentAtMs monotonic */
  constructor(
    cluster: Cluster,
    endpoint: ClusterEndpoint,
    exchange: ClientExchange,
    sentAtMs: number,
    timeoutMs: number,
    isHedge: boolean,
    span?: AttemptSpan,
  ) {
    this.#cluster = cluster;
    this.endpoint = endpoint;
    this.exchange = exchange;
    this.sentAtMs = sentAtMs;
    this.timeoutMs = timeoutMs;
    this.isHedge = isHedge;
    this.span = span;
    this.#isProbe = endpoint.breaker.probedAtMs === sentAtMs;
  }

  /** Takes note of how it ended, once. @param pauseMs what the endpoint asks for; absent: it is not too busy */
  record(event: BreakerEvent, pauseMs?: number): void {
    if (this.#recorded) return;
    this.#recorded = true;
    const nowMs = performance.now();
    const failed = event === "failure" || pauseMs !== undefined;
    const time = { tookMs: (this.answeredAtMs ?? nowMs) - this.sentAtMs, failed, pauseMs: pauseMs ?? 0 };
    const { breaker } = this.endpoint;
    const before = breaker.ejectedUntilMs;
    this.#cluster.record(this.endpoint, event, this.sentAtMs, nowMs, event === "abandoned" ? undefined : time);
    if (this.span !== undefined && breaker.ejectedUntilMs > before)
      this.span.ejectedForMs = Math.round(breaker.ejectedUntilMs - nowMs);
  }

  /** Its place at the endpoint is free. */
  done(): void {
    if (this.#done) return;
    this.#done = true;
    this.#cluster.done(this.endpoint);
  }

  /**
   * Waits with what it holds until it is known whether a message comes.
   * @param onKnown called with the trailers of an answer without one, with nothing when there is one
   */
  peek(onKnown: (trailers: FieldList | undefined) => void): void {
    if (this.held === undefined) return;
    const { head, body } = this.held;
    this.peeks = true;
    const peeked = new PeekedBody(body, (trailers) => {
      this.peeks = false;
      onKnown(trailers);
    });
    this.held = { head, body: peeked };
  }

  /** The caller left: says nothing of the endpoint, unless it is a stream that was answered, which was well. */
  abandon(): void {
    this.done();
    if (this.over) return;
    this.over = true;
    this.span?.ended(performance.now(), CANCELLED, "the caller left");
    this.record(this.answeredAtMs === undefined ? "abandoned" : "success");
    this.exchange.abort("the caller left");
  }

  /** Another one answered first. One that hangs must not look as if nothing were wrong with it. */
  lose(): void {
    this.done();
    if (this.over) return;
    this.over = true;
    const nowMs = performance.now();
    this.span?.ended(nowMs, CANCELLED, "another endpoint answered first");
    const tookMs = nowMs - this.sentAtMs;
    const hangs = this.#isProbe || tookMs >= limits.agent.timeoutBlamesMs;
    if (!this.#recorded)
      this.#cluster.record(this.endpoint, hangs ? "failure" : "abandoned", this.sentAtMs, nowMs, {
        tookMs,
        failed: false,
        pauseMs: 0,
      });
    this.#recorded = true;
    this.exchange.abort("another endpoint answered first");
  }

  /** Reads what is left of a short answer, so that its connection can be used again; a long one is broken off. */
  discard(): void {
    const { held, over } = this;
    this.done();
    this.over = true;
    this.span?.ended(performance.now());
    if (held === undefined || over) return;
    const { head, body } = held;
    if (head.bodyLength === "stream" || head.bodyLength > limits.agent.discardBytesMax) {
      this.exchange.abort("the answer is not used");
      return;
    }
    body.onEnd(() => {});
    body.onChunk(() => {});
  }
}
