/** Spans of OTLP (opentelemetry/proto/trace/v1/trace.proto), each written once, as the bytes that are sent. */
import type { TraceContext } from "../http/trace-context.ts";
import { telemetry } from "../limits/telemetry.ts";
import type { AttributeKey } from "./attribute-key.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { writeFlag, writeNumber, writeText } from "./write-attribute.ts";

/** `SpanKind`. */
export const spanKind = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = (typeof spanKind)[keyof typeof spanKind];

/** Tags: field number and wire type. */
const SPAN = 0x12;
const TRACE_ID = 0x0a;
const SPAN_ID = 0x12;
const PARENT_ID = 0x22;
const NAME = 0x2a;
const KIND = 0x30;
const START = 0x39;
const END = 0x41;
const ATTRIBUTE = 0x4a;
const EVENT = 0x5a;
const STATUS = 0x7a;
const FLAGS = [0x85, 0x01] as const;
const EVENT_TIME = 0x09;
const EVENT_NAME = 0x12;
const EVENT_ATTRIBUTE = 0x1a;
const STATUS_MESSAGE = 0x12;
const STATUS_CODE = 0x18;
const STATUS_ERROR = 2;

const { textCharsMax } = telemetry;

export interface SpanHead {
  readonly name: string;
  readonly kind: SpanKind;
  /** Empty: it is a root. */
  readonly parentId: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly startMs: number;
  readonly endMs: number;
}

/** Between `begin` and `end` everything that is said is said of one span. */
export class SpanBuffer {
  readonly #out = new ProtoWriter();
  #span = 0;
  #count = 0;

  get bytes(): number {
    return this.#out.length;
  }

  get count(): number {
    return this.#count;
  }

  begin({ traceId, spanId, flags }: TraceContext, { name, kind, parentId, startMs, endMs }: SpanHead): void {
    const out = this.#out;
    this.#span = out.open(SPAN);
    out.hex(TRACE_ID, traceId);
    out.hex(SPAN_ID, spanId);
    if (parentId !== "") out.hex(PARENT_ID, parentId);
    out.text(NAME, name, textCharsMax);
    out.byte(KIND);
    out.byte(kind);
    out.byte(START);
    out.nanoseconds(startMs);
    out.byte(END);
    out.nanoseconds(Math.max(startMs, endMs));
    out.byte(FLAGS[0]);
    out.byte(FLAGS[1]);
    out.fixed32(Number.parseInt(flags, 16));
  }

  /** @param value undefined: nothing is written */
  text(key: AttributeKey, value: string | undefined): void {
    if (value !== undefined) writeText(this.#out, ATTRIBUTE, key, value);
  }

  /** @param value a whole number from 0 on; undefined: nothing is written */
  number(key: AttributeKey, value: number | undefined): void {
    if (value !== undefined) writeNumber(this.#out, ATTRIBUTE, key, value);
  }

  /** Something that is so. */
  flag(key: AttributeKey): void {
    writeFlag(this.#out, ATTRIBUTE, key);
  }

  /** @param atMs milliseconds since 1970 @param key with a value, the one attribute of the event */
  event(name: string, atMs: number, key?: AttributeKey, value?: string): void {
    const out = this.#out;
    const place = out.open(EVENT);
    out.byte(EVENT_TIME);
    out.nanoseconds(atMs);
    out.text(EVENT_NAME, name, textCharsMax);
    if (key !== undefined && value !== undefined) writeText(out, EVENT_ATTRIBUTE, key, value);
    out.close(place);
  }

  /** The span is of something that failed. */
  fail(message: string | undefined): void {
    const out = this.#out;
    const place = out.open(STATUS);
    if (message !== undefined) out.text(STATUS_MESSAGE, message, textCharsMax);
    out.byte(STATUS_CODE);
    out.byte(STATUS_ERROR);
    out.close(place);
  }

  end(): void {
    this.#out.close(this.#span);
    this.#count++;
  }

  /** What is there; the next span begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#out.copy();
    this.#out.clear();
    this.#count = 0;
    return bytes;
  }
}
