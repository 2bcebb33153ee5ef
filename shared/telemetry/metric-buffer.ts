/** Metrics of OTLP (opentelemetry/proto/metrics/v1/metrics.proto), cumulative, as the bytes that are sent. */
import type { Exemplar, MetricFamily, Sample } from "../http/metrics-text.ts";
import { telemetry } from "../limits/telemetry.ts";
import { type AttributeKey, attributeKey } from "./attribute-key.ts";
import { otlpMetrics } from "./otlp-metric-names.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { writeText } from "./write-attribute.ts";

/** Tags: field number and wire type. */
const METRIC = 0x12;
const NAME = 0x0a;
const DESCRIPTION = 0x12;
const UNIT = 0x1a;
const DATA = { gauge: 0x2a, counter: 0x3a, histogram: 0x4a } as const;
const POINT = 0x0a;
const TEMPORALITY = 0x10;
const CUMULATIVE = 2;
const IS_MONOTONIC = 0x18;
const START = 0x11;
const TIME = 0x19;
/** Of a number. */
const AS_DOUBLE = 0x21;
const AS_INT = 0x31;
const NUMBER_ATTRIBUTE = 0x3a;
/** Of a histogram. */
const COUNT = 0x21;
const SUM = 0x29;
const BUCKET_COUNTS = 0x32;
const BOUNDS = 0x3a;
const EXEMPLAR = 0x42;
const HISTOGRAM_ATTRIBUTE = 0x4a;
const EXEMPLAR_TIME = 0x11;
const EXEMPLAR_VALUE = 0x19;
const EXEMPLAR_SPAN = 0x22;
const EXEMPLAR_TRACE = 0x2a;

/** What points are of; milliseconds since 1970. */
export interface MetricTimes {
  /** Sums are 0 there. */
  readonly startMs: number;
  readonly nowMs: number;
  /** Exemplars from before were sent. */
  readonly exemplarsSinceMs: number;
}

/** Names of labels that were met: there are few. */
const keys = new Map<string, AttributeKey>();

function keyOf(label: string): AttributeKey {
  const known = keys.get(label) ?? attributeKey(label);
  keys.set(label, known);
  return known;
}

export class MetricBuffer {
  readonly #out = new ProtoWriter();
  #count = 0;

  get bytes(): number {
    return this.#out.length;
  }

  /** Points. */
  get count(): number {
    return this.#count;
  }

  add(family: MetricFamily, times: MetricTimes): void {
    const out = this.#out;
    for (const { name, type, help, unit, samples } of otlpMetrics(family)) {
      const metric = out.open(METRIC);
      out.text(NAME, name);
      out.text(DESCRIPTION, help, telemetry.textCharsMax);
      if (unit !== "") out.text(UNIT, unit);
      const data = out.open(DATA[type]);
      if (type === "histogram") this.#histograms(samples, times);
      else for (const sample of samples) this.#number(sample, type === "counter", times);
      if (type !== "gauge") {
        out.byte(TEMPORALITY);
        out.byte(CUMULATIVE);
      }
      if (type === "counter") {
        out.byte(IS_MONOTONIC);
        out.byte(1);
      }
      out.close(data);
      out.close(metric);
    }
  }

  /** What is there; the next metric begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#out.copy();
    this.#out.clear();
    this.#count = 0;
    return bytes;
  }

  #number({ labels, value }: Sample, isCounter: boolean, { startMs, nowMs }: MetricTimes): void {
    const out = this.#out;
    const point = out.open(POINT);
    if (isCounter) this.#time(START, startMs);
    this.#time(TIME, nowMs);
    // Of one metric all points are of one kind.
    out.byte(isCounter ? AS_INT : AS_DOUBLE);
    if (isCounter) out.fixed64(Math.round(value));
    else out.double(value);
    this.#attributes(NUMBER_ATTRIBUTE, labels);
    out.close(point);
    this.#count++;
  }

  #histograms(samples: readonly Sample[], times: MetricTimes): void {
    let buckets: Sample[] = [];
    let sum = 0;
    for (const sample of samples) {
      if (sample.suffix === "_bucket") buckets.push(sample);
      else if (sample.suffix === "_sum") sum = sample.value;
      else {
        this.#histogram(sample, sum, buckets, times);
        [buckets, sum] = [[], 0];
      }
    }
  }

  /** @param buckets each with those below it, the last without a bound */
  #histogram({ labels, value: count }: Sample, sum: number, buckets: readonly Sample[], times: MetricTimes): void {
    const out = this.#out;
    const point = out.open(POINT);
    this.#time(START, times.startMs);
    this.#time(TIME, times.nowMs);
    out.byte(COUNT);
    out.fixed64(count);
    out.byte(SUM);
    out.double(sum);
    const counts = out.open(BUCKET_COUNTS);
    let below = 0;
    for (const { value } of buckets) {
      out.fixed64(value - below);
      below = value;
    }
    out.close(counts);
    const bounds = out.open(BOUNDS);
    for (const bucket of buckets.slice(0, -1)) out.double(Number(bucket.labels.le));
    out.close(bounds);
    for (const { exemplar } of buckets)
      if (exemplar !== undefined && exemplar.atMs >= times.exemplarsSinceMs) this.#exemplar(exemplar);
    this.#attributes(HISTOGRAM_ATTRIBUTE, labels);
    out.close(point);
    this.#count++;
  }

  #exemplar({ traceId, spanId, value, atMs }: Exemplar): void {
    const out = this.#out;
    const place = out.open(EXEMPLAR);
    this.#time(EXEMPLAR_TIME, atMs);
    out.byte(EXEMPLAR_VALUE);
    out.double(value);
    out.hex(EXEMPLAR_SPAN, spanId);
    out.hex(EXEMPLAR_TRACE, traceId);
    out.close(place);
  }

  #time(tag: number, ms: number): void {
    this.#out.byte(tag);
    this.#out.nanoseconds(ms);
  }

  #attributes(tag: number, labels: Sample["labels"]): void {
    for (const [label, value] of Object.entries(labels)) writeText(this.#out, tag, keyOf(label), value);
  }
}
