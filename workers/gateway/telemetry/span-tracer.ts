/** Spans of the gateway: one of each request, one of each call upstream, one of each stage that had to wait. */

import { telemetry } from "../../../shared/limits/telemetry.ts";
import { limits } from "../../../shared/limits.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import { noteExemplar } from "../../../shared/policy/route-exemplars.ts";
import { isFailure, keptBy } from "../../../shared/telemetry/sampling.ts";
import type { OtlpSettings, TelemetrySettings, TracesSettings } from "../../../shared/telemetry/settings.ts";
import { SpanBuffer } from "../../../shared/telemetry/span-buffer.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { randomDigits } from "../upstream/random-digits.ts";
import { BySettings } from "./by-settings.ts";
import { OtlpOutbox } from "./otlp-outbox.ts";
import { RequestSpans } from "./request-spans.ts";
import { TimedTrace } from "./timed-trace.ts";
import { tellPlatform, writeRequest } from "./write-request.ts";

const { itemsMax, requestBytesMax } = telemetry;
const TRACE_DIGITS = 32;

const tracers = new BySettings(
  "traces",
  ({ traces, otlp, resource }) => traces && new SpanTracer(traces, otlp, resource),
);

/** Sets the request's trace, as its plan has it. */
export function recordRequest(c: Context<GatewayEnv>, settings: TelemetrySettings, counters: CounterState): undefined {
  const tracer = settings.traces === undefined ? undefined : tracers.of(settings);
  if (tracer !== undefined) tracer.begin(c, counters);
  else if (settings.serverTiming === true) c.set("trace", new TimedTrace(c.get("trace")));
}

class SpanTracer {
  readonly #traces: TracesSettings;
  readonly #otlp: OtlpSettings;
  readonly #attributes: Readonly<Record<string, string>>;
  readonly #spans = new SpanBuffer();
  #outbox: OtlpOutbox | undefined;

  constructor(traces: TracesSettings, otlp: OtlpSettings, resource: Readonly<Record<string, string>>) {
    this.#traces = traces;
    this.#otlp = otlp;
    this.#attributes = resource;
  }

  begin(c: Context<GatewayEnv>, counters: CounterState): void {
    const { traceId, spanId, flags, parentId } = c.get("trace");
    const parent = parentId === "" ? undefined : { traceId, flags, spanId: parentId };
    const own = parent === undefined ? traceId : randomDigits(TRACE_DIGITS);
    const isTrusted = this.#traces.trustClients === true;
    const trace = new RequestSpans(parent, isTrusted, this.#traces, own + spanId, (instance, nowMs) =>
      this.#end(c, trace, instance, nowMs, counters),
    );
    c.set("trace", trace);
  }

  #end(c: Context<GatewayEnv>, trace: RequestSpans, instance: string, nowMs: number, counters: CounterState): void {
    const ms = Math.max(0, nowMs - c.get("arrivedAtMs"));
    if (!trace.isHead) trace.keptBy ??= keptBy(isFailure(c.res.status, c.get("grpcStatus")), ms, this.#traces);
    if (!trace.isKept) return;
    counters.exemplars ??= new Map();
    const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
    const { traceId, spanId } = trace;
    const { labelCharsMax, reportExemplarsMax } = limits.counters;
    const name = route?.name.slice(0, labelCharsMax) ?? "";
    noteExemplar(counters.exemplars, { route: name, traceId, spanId, ms, atMs: nowMs }, reportExemplarsMax);
    tellPlatform(c, trace);
    writeRequest(this.#spans, c, trace, nowMs, this.#traces);
    const { bytes, count } = this.#spans;
    this.#outboxOf(instance).added(c.env, c.executionCtx, nowMs, bytes >= requestBytesMax || count >= itemsMax);
  }

  #outboxOf(instance: string): OtlpOutbox {
    const own = { "service.name": "gateway", "service.instance.id": instance };
    this.#outbox ??= new OtlpOutbox(this.#otlp, "traces", { ...this.#attributes, ...own }, this.#spans);
    return this.#outbox;
  }
}
