/** Formats that can be asserted (JSON Schema 2020-12, Validation, section 7.3; OpenAPI's registry of formats). */

import { exactNumber, rawNumber } from "../http/raw-number.ts";
import { isDate, isDateTime, isDuration, isTime } from "./date-formats.ts";
import { compareNumbers, isWhole } from "./decimal.ts";
import { isEmail, isHostname, isIpv4, isIpv6 } from "./host-formats.ts";
import { isIri, isIriReference, isUri, isUriReference, isUriTemplate } from "./uri-formats.ts";

/** What has to hold for texts, and for numbers; others are of every format. */
export interface Format {
  readonly text?: (text: string) => boolean;
  readonly number?: (value: unknown) => boolean;
}

/** @returns undefined for a format that is only told */
export function findFormat(name: string): Format | undefined {
  return formats.get(name);
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
/** RFC 6901, section 3, and draft-bhutton-relative-json-pointer-00, section 3. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/u;
const RELATIVE_POINTER = /^(?:0|[1-9]\d*)(?:[+-](?:0|[1-9]\d*))?(?:#|(?:\/(?:[^~/]|~[01])*)*)$/u;
/** RFC 4648, section 4, with its padding. */
const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/;
const REGEX_CHARS_MAX = 4_096;

const formats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ["date-time", { text: isDateTime }],
  ["date", { text: isDate }],
  ["time", { text: isTime }],
  ["duration", { text: isDuration }],
  ["email", { text: isEmail }],
  ["hostname", { text: isHostname }],
  ["ipv4", { text: isIpv4 }],
  ["ipv6", { text: isIpv6 }],
  ["uri", { text: isUri }],
  ["uri-reference", { text: isUriReference }],
  ["uri-template", { text: isUriTemplate }],
  ["iri", { text: isIri }],
  ["iri-reference", { text: isIriReference }],
  ["uuid", { text: (text) => UUID.test(text) }],
  ["json-pointer", { text: (text) => POINTER.test(text) }],
  ["relative-json-pointer", { text: (text) => RELATIVE_POINTER.test(text) }],
  ["regex", { text: isRegex }],
  ["byte", { text: (text) => BASE64.test(text) }],
  ["int32", { number: within(-(2 ** 31), 2 ** 31 - 1) }],
  ["int64", { number: within(rawNumber("-9223372036854775808"), rawNumber("9223372036854775807")) }],
]);

function within(least: unknown, most: unknown): (value: unknown) => boolean {
  return (value) => isInteger(value) && compareNumbers(value, least) >= 0 && compareNumbers(value, most) <= 0;
}

const isInteger = (value: unknown): boolean => Number.isInteger(value) || isWhole(exactNumber(value) ?? "0.5");

/** Of ECMA-262, with the flag `u`: it is read, never matched. */
function isRegex(text: string): boolean {
  if (text.length > REGEX_CHARS_MAX) return false;
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}
