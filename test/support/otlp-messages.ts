/** What of OTLP's published messages traces need (opentelemetry/proto/collector/trace/v1, trace/v1, resource/v1, common/v1). */
import { create, createFileRegistry, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
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

/** Messages as the registry reads them, whose types it does not know before. */
interface Attributed {
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
}
interface Value {
  readonly stringValue: string;
  readonly boolValue: boolean;
  readonly intValue: bigint;
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

const KINDS = ["unspecified", "internal", "server", "client"] as const;

/** @throws when it is not of the published form, or has what is not in it */
export function readSpans(bytes: Uint8Array): ReadSpan[] {
  const request = fromBinary(otlpMessage("ExportTraceServiceRequest"), bytes) as unknown as RequestMessage;
  refuseUnknown(request);
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(span, attributesOf(resource)))),
  );
}

function readSpan(span: SpanMessage, resource: Attributes): ReadSpan {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
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

function valueIn({ stringValue, boolValue, intValue }: Value): string | number | boolean {
  if (boolValue) return true;
  return stringValue === "" && intValue !== 0n ? Number(intValue) : stringValue;
}

function refuseUnknown(message: Message | unknown): void {
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return;
  const { $unknown } = message as Message;
  if ($unknown !== undefined && $unknown.length > 0)
    throw new Error(`a message has unknown fields ${$unknown.map(({ no }) => no).join(", ")}`);
  for (const [name, value] of Object.entries(message)) if (name !== "$typeName") refuseUnknown(value);
}
