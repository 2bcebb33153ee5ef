/**
 * Copies of requests for a subset whose answers nobody gets. A copy leaves once all of its request's body has come, so the
 * request itself never waits for it; it is sent once, and not at all when it is too large or too many are on their way.
 */
import type { FieldList } from "../../shared/http/field-list.ts";
import { GRPC_STATUS } from "../../shared/http/grpc-call.ts";
import { ATTEMPT, DEADLINE, TRACEPARENT } from "../../shared/http/header-names.ts";
import { formatTraceparent } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import { chooseMirror } from "../../shared/policy/traffic.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import type { Stage } from "../proxy/call.ts";
import type { BodyReader, RequestHead } from "../proxy/engine.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { classifyAnswer, classifyFailure, classifyGrpc, type Ending } from "./classify.ts";
import type { OutboundCall } from "./outbound-call.ts";

export interface MirrorOptions {
  readonly metrics: Metrics;
  /** At least 0, below 1. */
  readonly random: () => number;
}

const { mirrorsMax, replayBytesMax } = limits.agent;
const NONE: ReadonlySet<ClusterEndpoint> = new Set();

export function mirrorTraffic(options: MirrorOptions): Stage<OutboundCall> {
  return (call, next) => {
    const { cluster } = call;
    const rules = cluster?.settings.mirror;
    if (cluster === undefined || rules === undefined) return next();
    const { fields, bodyLength } = call.exchange.head;
    const subset = chooseMirror(rules, call.asked, (name) => fields.get(name), options.random());
    if (subset === undefined) return next();
    const send = (chunks: readonly Buffer[], trailers?: FieldList): void =>
      sendCopy(call, cluster, subset, chunks, trailers, options);
    if (bodyLength !== 0) call.body = new CopiedBody(call.body, send, () => skipped(cluster, options));
    next();
    if (bodyLength === 0) send([]);
  };
}

function skipped({ service }: Cluster, { metrics }: MirrorOptions): void {
  metrics.mirror(service, "skipped");
}

function sendCopy(
  call: OutboundCall,
  cluster: Cluster,
  subset: string,
  chunks: readonly Buffer[],
  trailers: FieldList | undefined,
  options: MirrorOptions,
): void {
  const nowMs = performance.now();
  const wanted = { subset, hashKey: call.hashKey };
  const endpoint =
    cluster.mirrors.underWay < mirrorsMax ? cluster.pick(wanted, NONE, nowMs, options.random()) : undefined;
  if (endpoint === undefined) {
    skipped(cluster, options);
    return;
  }
  options.metrics.mirror(cluster.service, "sent");
  cluster.mirrors.underWay++;
  const timeoutMs = cluster.settings.timeoutMs || limits.agent.requestTimeoutMs;
  const exchange = cluster.pool(endpoint).send(headOf(call, timeoutMs), timeoutMs);
  const over = onceOver(cluster, endpoint, nowMs);
  // The head's time is the pool's to watch, this is for a body that does not end.
  const timer = setTimeout(() => {
    exchange.abort("the copy took too long");
    over(undefined);
  }, 2 * timeoutMs);
  exchange.onFail((error) => {
    clearTimeout(timer);
    over(classifyFailure(error));
  });
  exchange.onResponse((head, body) => {
    const ending = classifyAnswer(head, Date.now(), call.isGrpc);
    body.onEnd((trailers) => {
      clearTimeout(timer);
      over(call.isGrpc && trailers.has(GRPC_STATUS) ? classifyGrpc(trailers) : ending);
    });
    body.onChunk(() => {});
  });
  for (const chunk of chunks) exchange.body.write(chunk);
  exchange.body.end(trailers);
}

/** Takes note of how the copy ended, the first time that it is called. */
function onceOver(cluster: Cluster, endpoint: ClusterEndpoint, sentAtMs: number): (ending: Ending | undefined) => void {
  let isOver = false;
  return (ending) => {
    if (isOver) return;
    isOver = true;
    cluster.mirrors.underWay--;
    cluster.done(endpoint);
    const nowMs = performance.now();
    const failed = ending === undefined || ending.breaker === "failure" || ending.pauseMs !== undefined;
    const time = { tookMs: nowMs - sentAtMs, failed, pauseMs: ending?.pauseMs ?? 0 };
    cluster.record(endpoint, ending?.breaker ?? "failure", sentAtMs, nowMs, time);
  };
}

function headOf(call: OutboundCall, timeoutMs: number): RequestHead {
  const { method, bodyLength, fields: asSent } = call.exchange.head;
  const fields = asSent.clone();
  fields.set(DEADLINE, String(Math.ceil(timeoutMs)));
  fields.set(ATTEMPT, "1");
  if (call.trace !== undefined) fields.set(TRACEPARENT, formatTraceparent(call.trace));
  return { method, target: call.path, fields, bodyLength };
}

/** Passes a body on and keeps what passes, up to what is kept for retries. */
class CopiedBody implements BodyReader {
  readonly #from: BodyReader;
  readonly #onWhole: (chunks: readonly Buffer[], trailers: FieldList) => void;
  readonly #onTooLarge: () => void;
  #chunks: Buffer[] | undefined = [];
  #bytes = 0;

  constructor(
    from: BodyReader,
    onWhole: (chunks: readonly Buffer[], trailers: FieldList) => void,
    onTooLarge: () => void,
  ) {
    this.#from = from;
    this.#onWhole = onWhole;
    this.#onTooLarge = onTooLarge;
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    this.#from.onChunk((chunk) => {
      this.#keep(chunk);
      callback(chunk);
    });
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#from.onEnd((trailers) => {
      callback(trailers);
      if (this.#chunks !== undefined) this.#onWhole(this.#chunks, trailers);
      this.#chunks = undefined;
    });
  }

  pause(): void {
    this.#from.pause();
  }

  resume(): void {
    this.#from.resume();
  }

  #keep(chunk: Buffer): void {
    if (this.#chunks === undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes <= replayBytesMax) {
      this.#chunks.push(chunk);
      return;
    }
    this.#chunks = undefined;
    this.#onTooLarge();
  }
}
