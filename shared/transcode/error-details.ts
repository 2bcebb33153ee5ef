/** What the details of a status say (google/rpc/status.proto, google/rpc/error_details.proto). */

import {
  createRegistry,
  type DescMessage,
  fromBinary,
  type JsonValue,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { BinaryReader, base64Encode, WireType } from "@bufbuild/protobuf/wire";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { pointerOf } from "../http/json-pointer.ts";
import { transcode as transcoding } from "../limits/transcode.ts";
import { writeOptions } from "./answer-message.ts";
import type { Binding } from "./bindings.ts";
import { errorDetailTypes } from "./error-detail-types.ts";
import { fieldNamed } from "./field-path.ts";
import { checkPrinted, type Printed } from "./printed-size.ts";
import type { PrintSettings } from "./settings.ts";

export interface ErrorDetails {
  /** Each in JSON with its `@type`; of an unknown type with its bytes as base64. */
  readonly details: readonly JsonValue[];
  /** What `google.rpc.BadRequest` says of fields. */
  readonly errors: readonly FieldError[];
  /** What `google.rpc.RetryInfo` says. */
  readonly retryAfterSeconds?: number;
}

export interface FieldError {
  /** JSON pointer into the request's content; absent where the field came from elsewhere. */
  readonly pointer?: string;
  /** As the service names it. */
  readonly field: string;
  readonly detail: string;
}

/** Stack traces, which are for nobody outside. */
const DEBUG = "google.rpc.DebugInfo";

/** @param status `google.rpc.Status` in its binary form @returns undefined where it is none */
export function readErrorDetails(
  status: Uint8Array,
  binding: Binding,
  print: PrintSettings | undefined,
  registry: Registry,
): ErrorDetails | undefined {
  try {
    const known = createRegistry(errorDetailTypes(), registry);
    const options = writeOptions(print, known);
    const details = detailsIn(status).filter((any) => typeName(any) !== DEBUG);
    const plain = { registry: known };
    const ofType = (name: string): JsonValue[] =>
      details.filter((any) => typeName(any) === name).map((any) => toJson(AnySchema, any, plain) as JsonValue);
    const retry = seconds(ofType("google.rpc.RetryInfo")[0]);
    return {
      details: details.map((any) =>
        shown(any, options, { charsMax, defaults: print?.defaults === true, registry: known }),
      ),
      errors: ofType("google.rpc.BadRequest").flatMap((one) => violations(one, binding)),
      ...(retry !== undefined && { retryAfterSeconds: retry }),
    };
  } catch {
    return undefined;
  }
}

const typeName = ({ typeUrl }: Any): string => typeUrl.slice(typeUrl.lastIndexOf("/") + 1);

const DETAILS = 3;

function detailsIn(status: Uint8Array): Any[] {
  const reader = new BinaryReader(status);
  const details: Any[] = [];
  while (reader.pos < reader.len && details.length < transcoding.detailsMax) {
    const [number, wireType] = reader.tag();
    if (number === DETAILS && wireType === WireType.LengthDelimited)
      details.push(fromBinary(AnySchema, reader.bytes()));
    else reader.skip(wireType, number);
  }
  return details;
}

const charsMax = transcoding.detailCharsMax;

function shown(any: Any, options: ReturnType<typeof writeOptions>, printed: Printed): JsonValue {
  try {
    const desc = printed.registry.getMessage(typeName(any));
    if (desc !== undefined) checkPrinted(desc, any.value, printed);
    return toJson(AnySchema, any, options) as JsonValue;
  } catch {
    return { "@type": any.typeUrl, value: base64Encode(any.value) };
  }
}

function seconds(retryInfo: JsonValue | undefined): number | undefined {
  const { retryDelay } = (retryInfo ?? {}) as { readonly retryDelay?: unknown };
  const found = typeof retryDelay === "string" ? Number(retryDelay.replace(/s$/, "")) : Number.NaN;
  return found >= 0 ? Math.ceil(found) : undefined;
}

interface Violations {
  readonly fieldViolations?: readonly { readonly field?: string; readonly description?: string }[];
}

function violations(badRequest: JsonValue, binding: Binding): FieldError[] {
  return ((badRequest as Violations).fieldViolations ?? []).map(({ field = "", description = "" }) => {
    const pointer = placeOf(field, binding);
    return { ...(pointer !== undefined && { pointer }), field, detail: description };
  });
}

/** `items[0].unit_price` as clients write it: `/items/0/unitPrice`. */
function placeOf(field: string, { body, method }: Binding): string | undefined {
  const names = field.split(/[.[\]]+/).filter((name) => name !== "");
  let message: DescMessage | undefined = method.input;
  const places = names.map((name) => {
    const found = message && fieldNamed(message, name);
    if (found !== undefined) message = found.message;
    return found;
  });
  if (body === "none" || names.length === 0 || (body !== "all" && places[0] !== body)) return undefined;
  const steps = names.map((name, at) => places[at]?.jsonName ?? name).slice(body === "all" ? 0 : 1);
  return pointerOf(steps);
}
