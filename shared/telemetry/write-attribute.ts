/** Attributes of OTLP (`KeyValue` of opentelemetry/proto/common/v1/common.proto), as spans, log records, points and resources have them. */
import { telemetry } from "../limits/telemetry.ts";
import type { AttributeKey } from "./attribute-key.ts";
import type { ProtoWriter } from "./proto-writer.ts";

const VALUE = 0x12;
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const INT_VALUE = 0x18;
const DOUBLE_VALUE = 0x21;

const { textCharsMax } = telemetry;

/** @param tag of the attributes in the message that they belong to */
export function writeText(out: ProtoWriter, tag: number, key: AttributeKey, value: string): void {
  const attribute = out.open(tag);
  out.raw(key);
  writeTextValue(out, VALUE, value);
  out.close(attribute);
}

/** An `AnyValue` that is a text. */
export function writeTextValue(out: ProtoWriter, tag: number, value: string): void {
  const place = out.open(tag);
  out.text(STRING_VALUE, value, textCharsMax);
  out.close(place);
}

/** @param value a whole number from 0 on */
export function writeNumber(out: ProtoWriter, tag: number, key: AttributeKey, value: number): void {
  const attribute = out.open(tag);
  out.raw(key);
  const place = out.open(VALUE);
  out.byte(INT_VALUE);
  out.varint(value);
  out.close(place);
  out.close(attribute);
}

/** A number with a fraction. */
export function writeDouble(out: ProtoWriter, tag: number, key: AttributeKey, value: number): void {
  const attribute = out.open(tag);
  out.raw(key);
  const place = out.open(VALUE);
  out.byte(DOUBLE_VALUE);
  out.double(value);
  out.close(place);
  out.close(attribute);
}

/** Something that is so. */
export function writeFlag(out: ProtoWriter, tag: number, key: AttributeKey): void {
  const attribute = out.open(tag);
  out.raw(key);
  const place = out.open(VALUE);
  out.byte(BOOL_VALUE);
  out.byte(1);
  out.close(place);
  out.close(attribute);
}
