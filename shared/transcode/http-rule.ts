/** Rules of `google.api.http` as they stand in the options of a method. Descriptors need not carry `google/api/http.proto` for it. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** One way in which a method is called by HTTP (google/api/http.proto, `HttpRule`). */
export interface HttpRule {
  /** In capitals; `*` is any. */
  readonly method: string;
  readonly template: string;
  /** The field that the content is; `*`: every field that the path does not bind; "": there is none. */
  readonly body: string;
  /** The field of the answer that is its content; "": all of it. */
  readonly responseBody: string;
}

/** Number of the option `google.api.http`. */
const HTTP_OPTION = 72_295_728;

const METHOD_OF: Readonly<Record<number, string>> = { 2: "GET", 3: "PUT", 4: "POST", 5: "DELETE", 6: "PATCH" };
const [BODY, CUSTOM, ADDITIONAL, RESPONSE_BODY] = [7, 8, 11, 12];

interface UnknownField {
  readonly no: number;
  readonly wireType: WireType;
  readonly data: Uint8Array;
}

/**
 * The rule of a method with its `additional_bindings`, in their order.
 * @param unknown fields of the method's options that nobody has read
 * @throws Error when the option is no message
 */
export function httpRulesOf(unknown: readonly UnknownField[] | undefined): HttpRule[] {
  const option = unknown?.findLast(({ no, wireType }) => no === HTTP_OPTION && wireType === WireType.LengthDelimited);
  return option === undefined ? [] : readRules(new BinaryReader(option.data).bytes());
}

function readRules(bytes: Uint8Array): HttpRule[] {
  const rule = { method: "", template: "", body: "", responseBody: "" };
  const additional: HttpRule[] = [];
  eachField(bytes, (number, reader) => {
    const method = METHOD_OF[number];
    if (method !== undefined) Object.assign(rule, { method, template: reader.string() });
    else if (number === BODY) rule.body = reader.string();
    else if (number === CUSTOM) Object.assign(rule, readCustom(reader.bytes()));
    else if (number === ADDITIONAL) additional.push(...readRules(reader.bytes()));
    else if (number === RESPONSE_BODY) rule.responseBody = reader.string();
    else return false;
    return true;
  });
  return [rule, ...additional];
}

function readCustom(bytes: Uint8Array): Pick<HttpRule, "method" | "template"> {
  const rule = { method: "", template: "" };
  eachField(bytes, (number, reader) => {
    if (number === 1) rule.method = reader.string().toUpperCase();
    else if (number === 2) rule.template = reader.string();
    else return false;
    return true;
  });
  return rule;
}

/** @param take reads the field's value; false: it is skipped */
function eachField(bytes: Uint8Array, take: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !take(number, reader)) reader.skip(wireType, number);
  }
}
