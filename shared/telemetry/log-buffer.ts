/** Log records of OTLP (opentelemetry/proto/logs/v1/logs.proto), each written once, as the bytes that are sent. */
import { telemetry } from "../limits/telemetry.ts";
import type { AttributeKey } from "./attribute-key.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { writeDouble, writeNumber, writeText, writeTextValue } from "./write-attribute.ts";

/** `SeverityNumber`. */
export const severity = { info: 9, warn: 13, error: 17 } as const;
export type Severity = keyof typeof severity;

/** Tags: field number and wire type. */
const RECORD = 0x12;
const TIME = 0x09;
const SEVERITY = 0x10;
const SEVERITY_TEXT = 0x1a;
const BODY = 0x2a;
const ATTRIBUTE = 0x32;
const TRACE_ID = 0x4a;
const SPAN_ID = 0x52;
const OBSERVED = 0x59;
const EVENT_NAME = 0x62;

export interface LogHead {
  /** Milliseconds since 1970, with a fraction. */
  readonly atMs: number;
  readonly observedMs: number;
  readonly severity: Severity;
  /** Which event it is; of few values. */
  readonly event: string;
  /** A sentence for people. */
  readonly body: string;
  readonly trace?: { readonly traceId: string; readonly spanId: string };
}

/** Between `begin` and `end` everything that is said is said of one record. */
export class LogBuffer {
  readonly #out = new ProtoWriter();
  #record = 0;
  #count = 0;

  get bytes(): number {
    return this.#out.length;
  }

  get count(): number {
    return this.#count;
  }

  begin({ atMs, observedMs, severity: told, event, body, trace }: LogHead): void {
    const out = this.#out;
    this.#record = out.open(RECORD);
    out.byte(TIME);
    out.nanoseconds(atMs);
    out.byte(SEVERITY);
    out.byte(severity[told]);
    out.text(SEVERITY_TEXT, told.toUpperCase());
    writeTextValue(out, BODY, body);
    out.byte(OBSERVED);
    out.nanoseconds(observedMs);
    out.text(EVENT_NAME, event, telemetry.textCharsMax);
    if (trace === undefined) return;
    out.hex(TRACE_ID, trace.traceId);
    out.hex(SPAN_ID, trace.spanId);
  }

  /** @param value undefined: nothing is written */
  text(key: AttributeKey, value: string | undefined): void {
    if (value !== undefined) writeText(this.#out, ATTRIBUTE, key, value);
  }

  /** @param value a whole number from 0 on; undefined: nothing is written */
  number(key: AttributeKey, value: number | undefined): void {
    if (value !== undefined) writeNumber(this.#out, ATTRIBUTE, key, value);
  }

  double(key: AttributeKey, value: number): void {
    writeDouble(this.#out, ATTRIBUTE, key, value);
  }

  end(): void {
    this.#out.close(this.#record);
    this.#count++;
  }

  /** What is there; the next record begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#out.copy();
    this.#out.clear();
    this.#count = 0;
    return bytes;
  }
}
