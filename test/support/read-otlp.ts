/** Requests of OTLP as tests compare them, held to the published messages. */
import { fromBinary, type Message } from "@bufbuild/protobuf";
import { otlpMessage } from "./otlp-messages.ts";

/** Messages as the registry reads them, whose types it does not know before. */
interface Attributed {
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
}
interface Value {
  readonly stringValue: string;
  readonly boolValue: boolean;
  readonly intValue: bigint;
  readonly doubleValue: number;
}
interface SpanMessage extends Attributed {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly flags: number;
  readonly events: readonly (Attributed & { readonly name: string })[];
  readonly status?: { readonly code: number; readonly message: string };
}
interface RequestMessage {
  readonly resourceSpans: readonly {
    readonly resource: Attributed;
    readonly scopeSpans: readonly { readonly spans: readonly SpanMessage[] }[];
  }[];
}
type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface ReadSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: none. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client";
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly flags: number;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly failed: boolean;
  readonly message: string;
  readonly resource: Attributes;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const KINDS = ["unspecified", "internal", "server", "client"] as const;

/** @throws when it is not of the published form, or has what is not in it */
function readAs<Of>(name: string, bytes: Uint8Array): Of {
  const request = fromBinary(otlpMessage(name), bytes) as unknown as Of;
  refuseUnknown(request);
  return request;
}

export function readSpans(bytes: Uint8Array): ReadSpan[] {
  const request = readAs<RequestMessage>("ExportTraceServiceRequest", bytes);
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(span, attributesOf(resource)))),
  );
}

function readSpan(span: SpanMessage, resource: Attributes): ReadSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId),
    name: span.name,
    kind: KINDS[span.kind] as ReadSpan["kind"],
    start: span.startTimeUnixNano,
    end: span.endTimeUnixNano,
    flags: span.flags,
    attributes: attributesOf(span),
    events: span.events.map((one) => ({ name: one.name, attributes: attributesOf(one) })),
    failed: span.status?.code === 2,
    message: span.status?.message ?? "",
    resource,
  };
}

function attributesOf({ attributes }: Attributed): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueIn(value)]));
}

function valueIn({ stringValue, boolValue, intValue, doubleValue }: Value): string | number | boolean {
  if (boolValue) return true;
  if (stringValue !== "") return stringValue;
  return intValue !== 0n ? Number(intValue) : doubleValue !== 0 ? doubleValue : "";
}

function refuseUnknown(message: Message | unknown): void {
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return;
  const { $unknown } = message as Message;
  if ($unknown !== undefined && $unknown.length > 0)
    throw new Error(`a message has unknown fields ${$unknown.map(({ no }) => no).join(", ")}`);
  for (const [name, value] of Object.entries(message)) if (name !== "$typeName") refuseUnknown(value);
}

interface NumberPointMessage extends Attributed {
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly asDouble: number;
  readonly asInt: bigint;
}
interface HistogramPointMessage extends Attributed {
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly count: bigint;
  readonly sum: number;
  readonly bucketCounts: readonly bigint[];
  readonly explicitBounds: readonly number[];
  readonly exemplars: readonly {
    readonly traceId: Uint8Array;
    readonly spanId: Uint8Array;
    readonly asDouble: number;
  }[];
}
interface PointsMessage<Point> {
  readonly dataPoints: readonly Point[];
  readonly aggregationTemporality: number;
  readonly isMonotonic: boolean;
}
interface MetricMessage {
  readonly name: string;
  readonly unit: string;
  readonly gauge?: PointsMessage<NumberPointMessage>;
  readonly sum?: PointsMessage<NumberPointMessage>;
  readonly histogram?: PointsMessage<HistogramPointMessage>;
}
interface MetricsMessage {
  readonly resourceMetrics: readonly {
    readonly resource: Attributed;
    readonly scopeMetrics: readonly { readonly metrics: readonly MetricMessage[] }[];
  }[];
}

/** One point. */
export interface ReadPoint {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly attributes: Attributes;
  readonly resource: Attributes;
  /** Nanoseconds since 1970; 0: not said. */
  readonly start: bigint;
  readonly time: bigint;
  /** Of a histogram its count. */
  readonly value: number;
  readonly sum?: number;
  readonly buckets?: readonly number[];
  readonly bounds?: readonly number[];
  readonly exemplars?: readonly { readonly traceId: string; readonly spanId: string; readonly value: number }[];
}

/** Also throws for sums that are not cumulative and monotonic, and for histograms whose counts do not fit. */
export function readMetrics(bytes: Uint8Array): ReadPoint[] {
  const { resourceMetrics } = readAs<MetricsMessage>("ExportMetricsServiceRequest", bytes);
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.flatMap((metric) => readPoints(metric, attributesOf(resource)))),
  );
}

const CUMULATIVE = 2;

function readPoints({ name, unit, gauge, sum, histogram }: MetricMessage, resource: Attributes): ReadPoint[] {
  const summed = sum ?? histogram;
  if (summed !== undefined && summed.aggregationTemporality !== CUMULATIVE) throw new Error(`${name} is no sum so far`);
  if (sum?.isMonotonic === false) throw new Error(`${name} may fall`);
  const number = (kind: "gauge" | "sum", point: NumberPointMessage): ReadPoint => ({
    ...{ name, unit, kind, resource, attributes: attributesOf(point) },
    ...{ start: point.startTimeUnixNano, time: point.timeUnixNano },
    value: kind === "sum" ? Number(point.asInt) : point.asDouble,
  });
  return [
    ...(gauge?.dataPoints ?? []).map((point) => number("gauge", point)),
    ...(sum?.dataPoints ?? []).map((point) => number("sum", point)),
    ...(histogram?.dataPoints ?? []).map((point) => readHistogram(point, { name, unit, resource })),
  ];
}

function readHistogram(point: HistogramPointMessage, of: Pick<ReadPoint, "name" | "unit" | "resource">): ReadPoint {
  const [value, buckets, bounds] = [Number(point.count), point.bucketCounts.map(Number), [...point.explicitBounds]];
  const total = buckets.reduce((sum, one) => sum + one, 0);
  if (buckets.length !== bounds.length + 1 || total !== value) throw new Error(`the buckets of ${of.name} do not fit`);
  return {
    ...{ ...of, kind: "histogram", attributes: attributesOf(point) },
    ...{ start: point.startTimeUnixNano, time: point.timeUnixNano, value, sum: point.sum, buckets, bounds },
    exemplars: point.exemplars.map(({ traceId, spanId, asDouble }) => ({
      ...{ traceId: hex(traceId), spanId: hex(spanId), value: asDouble },
    })),
  };
}

interface LogMessage extends Attributed {
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: Value;
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly eventName: string;
}
interface LogsMessage {
  readonly resourceLogs: readonly {
    readonly resource: Attributed;
    readonly scopeLogs: readonly { readonly logRecords: readonly LogMessage[] }[];
  }[];
}

export interface ReadLog {
  readonly time: bigint;
  readonly severity: string;
  readonly event: string;
  readonly body: string;
  /** Empty: none. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

const SEVERITIES: Readonly<Record<number, string>> = { 9: "INFO", 13: "WARN", 17: "ERROR" };

export function readLogs(bytes: Uint8Array): ReadLog[] {
  const { resourceLogs } = readAs<LogsMessage>("ExportLogsServiceRequest", bytes);
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map((one) => readLog(one, attributesOf(resource)))),
  );
}

function readLog(one: LogMessage, resource: Attributes): ReadLog {
  if (SEVERITIES[one.severityNumber] !== one.severityText) throw new Error(`the severity ${one.severityText}`);
  if (one.observedTimeUnixNano < one.timeUnixNano) throw new Error("a record that was observed before it happened");
  return {
    ...{ time: one.timeUnixNano, severity: one.severityText, event: one.eventName, body: one.body.stringValue },
    ...{ traceId: hex(one.traceId), spanId: hex(one.spanId), attributes: attributesOf(one), resource },
  };
}
