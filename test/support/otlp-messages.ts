/** What of the messages that OTLP publishes is needed (opentelemetry/proto: collector, trace, metrics, logs, resource, common; v1). */
import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** `name: type` as a .proto file has them, by number; a type that is none of the language is a message. */
const MESSAGES: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  ExportTraceServiceRequest: { 1: "resource_spans: repeated ResourceSpans" },
  ExportTraceServiceResponse: { 1: "partial_success: ExportTracePartialSuccess" },
  ExportTracePartialSuccess: { 1: "rejected_spans: int64", 2: "error_message: string" },
  ResourceSpans: { 1: "resource: Resource", 2: "scope_spans: repeated ScopeSpans", 3: "schema_url: string" },
  Resource: { 1: "attributes: repeated KeyValue", 2: "dropped_attributes_count: uint32" },
  ScopeSpans: { 1: "scope: InstrumentationScope", 2: "spans: repeated Span", 3: "schema_url: string" },
  InstrumentationScope: {
    1: "name: string",
    2: "version: string",
    3: "attributes: repeated KeyValue",
    4: "dropped_attributes_count: uint32",
  },
  Span: {
    1: "trace_id: bytes",
    2: "span_id: bytes",
    3: "trace_state: string",
    4: "parent_span_id: bytes",
    5: "name: string",
    6: "kind: int32",
    7: "start_time_unix_nano: fixed64",
    8: "end_time_unix_nano: fixed64",
    9: "attributes: repeated KeyValue",
    10: "dropped_attributes_count: uint32",
    11: "events: repeated Event",
    12: "dropped_events_count: uint32",
    13: "links: repeated Link",
    14: "dropped_links_count: uint32",
    15: "status: Status",
    16: "flags: fixed32",
  },
  Event: {
    1: "time_unix_nano: fixed64",
    2: "name: string",
    3: "attributes: repeated KeyValue",
    4: "dropped_attributes_count: uint32",
  },
  Link: {
    1: "trace_id: bytes",
    2: "span_id: bytes",
    3: "trace_state: string",
    4: "attributes: repeated KeyValue",
    5: "dropped_attributes_count: uint32",
    6: "flags: fixed32",
  },
  Status: { 2: "message: string", 3: "code: int32" },
  ExportMetricsServiceRequest: { 1: "resource_metrics: repeated ResourceMetrics" },
  ResourceMetrics: { 1: "resource: Resource", 2: "scope_metrics: repeated ScopeMetrics", 3: "schema_url: string" },
  ScopeMetrics: { 1: "scope: InstrumentationScope", 2: "metrics: repeated Metric", 3: "schema_url: string" },
  Metric: {
    1: "name: string",
    2: "description: string",
    3: "unit: string",
    5: "gauge: Gauge",
    7: "sum: Sum",
    9: "histogram: Histogram",
    12: "metadata: repeated KeyValue",
  },
  Gauge: { 1: "data_points: repeated NumberDataPoint" },
  Sum: { 1: "data_points: repeated NumberDataPoint", 2: "aggregation_temporality: int32", 3: "is_monotonic: bool" },
  Histogram: { 1: "data_points: repeated HistogramDataPoint", 2: "aggregation_temporality: int32" },
  NumberDataPoint: {
    2: "start_time_unix_nano: fixed64",
    3: "time_unix_nano: fixed64",
    4: "as_double: double",
    5: "exemplars: repeated Exemplar",
    6: "as_int: sfixed64",
    7: "attributes: repeated KeyValue",
    8: "flags: uint32",
  },
  HistogramDataPoint: {
    2: "start_time_unix_nano: fixed64",
    3: "time_unix_nano: fixed64",
    4: "count: fixed64",
    5: "sum: double",
    6: "bucket_counts: repeated fixed64",
    7: "explicit_bounds: repeated double",
    8: "exemplars: repeated Exemplar",
    9: "attributes: repeated KeyValue",
    10: "flags: uint32",
    11: "min: double",
    12: "max: double",
  },
  Exemplar: {
    2: "time_unix_nano: fixed64",
    3: "as_double: double",
    4: "span_id: bytes",
    5: "trace_id: bytes",
    6: "as_int: sfixed64",
    7: "filtered_attributes: repeated KeyValue",
  },
  ExportLogsServiceRequest: { 1: "resource_logs: repeated ResourceLogs" },
  ResourceLogs: { 1: "resource: Resource", 2: "scope_logs: repeated ScopeLogs", 3: "schema_url: string" },
  ScopeLogs: { 1: "scope: InstrumentationScope", 2: "log_records: repeated LogRecord", 3: "schema_url: string" },
  LogRecord: {
    1: "time_unix_nano: fixed64",
    2: "severity_number: int32",
    3: "severity_text: string",
    5: "body: AnyValue",
    6: "attributes: repeated KeyValue",
    7: "dropped_attributes_count: uint32",
    8: "flags: fixed32",
    9: "trace_id: bytes",
    10: "span_id: bytes",
    11: "observed_time_unix_nano: fixed64",
    12: "event_name: string",
  },
  KeyValue: { 1: "key: string", 2: "value: AnyValue" },
  AnyValue: {
    1: "string_value: string",
    2: "bool_value: bool",
    3: "int_value: int64",
    4: "double_value: double",
    5: "array_value: ArrayValue",
    7: "bytes_value: bytes",
  },
  ArrayValue: { 1: "values: repeated AnyValue" },
};

const SCALARS: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  int64: FieldDescriptorProto_Type.INT64,
  int32: FieldDescriptorProto_Type.INT32,
  uint32: FieldDescriptorProto_Type.UINT32,
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
  bool: FieldDescriptorProto_Type.BOOL,
  double: FieldDescriptorProto_Type.DOUBLE,
  fixed64: FieldDescriptorProto_Type.FIXED64,
  fixed32: FieldDescriptorProto_Type.FIXED32,
  sfixed64: FieldDescriptorProto_Type.SFIXED64,
};

function field(number: number, text: string): FieldDescriptorProto {
  const [, name = "", repeated, type = ""] = /^(\w+): (repeated )?(\w+)$/.exec(text) ?? [];
  const label = repeated === undefined ? FieldDescriptorProto_Label.OPTIONAL : FieldDescriptorProto_Label.REPEATED;
  const kind = SCALARS[type];
  const of =
    kind === undefined ? { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.otlp.${type}` } : { type: kind };
  return create(FieldDescriptorProtoSchema, { name, number, label, ...of });
}

const file = create(FileDescriptorProtoSchema, {
  name: "otlp.proto",
  package: "otlp",
  syntax: "proto3",
  messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
    name,
    field: Object.entries(fields).map(([number, text]) => field(Number(number), text)),
  })),
});
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

export function otlpMessage(name: string): DescMessage {
  const found = registry.getMessage(`otlp.${name}`);
  if (found === undefined) throw new Error(`there is no message ${name}`);
  return found;
}
