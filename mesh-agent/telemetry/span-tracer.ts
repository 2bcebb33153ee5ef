/** Spans of an agent's calls: one of each hop, one of each attempt at an endpoint. What is not kept is never written. */
import { KEPT } from "../../shared/http/header-names.ts";
import { SPAN_DIGITS, type TraceContext } from "../../shared/http/trace-context.ts";
import { telemetry } from "../../shared/limits/telemetry.ts";
import { BoundedMap } from "../../shared/policy/bounded-map.ts";
import { type Environment, type ReceiverSettings, receiverOf, tracesOf } from "../../shared/telemetry/environment.ts";
import { keptBy } from "../../shared/telemetry/sampling.ts";
import type { TelemetrySettings, TracesSettings } from "../../shared/telemetry/settings.ts";
import { SpanBuffer } from "../../shared/telemetry/span-buffer.ts";
import { SpanTrace } from "../../shared/telemetry/span-trace.ts";
import type { Call } from "../proxy/call.ts";
import type { Log } from "./log.ts";
import type { Direction } from "./metrics.ts";
import { OtlpSender } from "./otlp-sender.ts";
import { randomDigits } from "./random-digits.ts";
import { SendSoon } from "./send-soon.ts";
import type { Tracer } from "./tracer.ts";
import { hasFailed, writeSpans } from "./write-spans.ts";

const { keptForMs, keptTracesMax } = telemetry;

/** @param own what this process is @returns undefined when it has nothing to tell, or nowhere to */
export function makeTracer(
  settings: TelemetrySettings,
  environment: Environment,
  own: Readonly<Record<string, string>>,
  log: Log,
): Tracer | undefined {
  const found = receiverOf("traces", settings, environment, own);
  if (typeof found === "string") log.event("telemetry_off", `no traces are sent: ${found}`);
  if (typeof found !== "object" || settings.traces === undefined) return undefined;
  return new SpanTracer(found, tracesOf(settings.traces, environment), log);
}

class SpanTracer implements Tracer {
  readonly #traces: TracesSettings;
  readonly #sender: OtlpSender;
  readonly #spans = new SpanBuffer();
  readonly #soon: SendSoon;
  /** Traces of which a hop of this agent keeps spans, until when: the application stands between its hops, and says nothing of it. */
  readonly #kept = new BoundedMap<number>(keptTracesMax);

  constructor(settings: ReceiverSettings, traces: TracesSettings, log: Log) {
    this.#traces = traces;
    this.#sender = new OtlpSender(settings, "spans", (sentence) => log.event("telemetry_trouble", sentence));
    this.#soon = new SendSoon(this.#spans, this.#sender);
  }

  begin(call: Call, hop: Direction, parent: TraceContext | undefined): void {
    const traces = this.#traces;
    // Those who call in the mesh have proven who they are.
    const isTrusted = hop !== "expose" || traces.trustClients === true;
    const trace = new SpanTrace(parent, isTrusted, traces, randomDigits(SPAN_DIGITS));
    call.trace = trace;
    call.spans = trace;
    if (trace.isHead) return;
    this.#hearOthers(trace);
    const tellsCaller = hop === "inbound" || hop === "ingress";
    call.onRespond((head) => {
      this.#judge(call, trace);
      if (tellsCaller && trace.isKept) head.fields.set(KEPT, "1");
    });
  }

  end(call: Call, hop: Direction, durationMs: number): void {
    const { spans: trace } = call;
    if (trace === undefined) return;
    if (!trace.isHead) this.#judge(call, trace, durationMs);
    if (!trace.isKept) return;
    const nowMs = performance.now();
    writeSpans(this.#spans, { call, trace, hop, endMs: call.arrivedAtMs + durationMs }, Date.now() - nowMs);
    this.#soon.added();
  }

  async close(): Promise<void> {
    this.#soon.flush();
    await this.#sender.close();
  }

  /** Whether it is kept by what is known of it now. */
  #judge(call: Call, trace: SpanTrace, durationMs = performance.now() - call.arrivedAtMs): void {
    trace.keptBy ??= keptBy(hasFailed(call), durationMs, this.#traces);
    if (trace.keptBy === undefined) this.#hearOthers(trace);
    else if (!this.#isKept(trace)) this.#kept.set(trace.traceId, performance.now() + keptForMs);
  }

  #hearOthers(trace: SpanTrace): void {
    if (this.#kept.size > 0 && this.#isKept(trace)) trace.keptBy = "callee";
  }

  #isKept({ traceId }: SpanTrace): boolean {
    return (this.#kept.get(traceId) ?? Number.NEGATIVE_INFINITY) > performance.now();
  }
}
