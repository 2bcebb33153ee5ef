/**
 * Requests of OTLP/HTTP in binary, and what their answers say (https://opentelemetry.io/docs/specs/otlp/). Requests of all signals
 * have the same form: one resource, one scope, and items that were encoded before.
 */
import { parseRetryAfterMs } from "../http/retry-after.ts";
import { utf8Text } from "../http/utf8-text.ts";
import { attributeKey } from "./attribute-key.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { writeText } from "./write-attribute.ts";

export type Signal = "traces" | "metrics" | "logs";
/** Where a signal goes, below the endpoint. */
export const signalPath: Readonly<Record<Signal, string>> = {
  traces: "/v1/traces",
  metrics: "/v1/metrics",
  logs: "/v1/logs",
};
export const otlpContentType = "application/x-protobuf";

const SCOPE_NAME = "selvage";
const RESOURCE_X = 0x0a;
const RESOURCE = 0x0a;
const SCOPE_X = 0x12;
const SCOPE = 0x0a;
const ATTRIBUTE = 0x0a;
const NAME = 0x0a;

/** A resource, encoded once for all requests. */
export function otlpResource(attributes: Readonly<Record<string, string>>): Uint8Array {
  const out = new ProtoWriter();
  const resource = out.open(RESOURCE);
  for (const [name, value] of Object.entries(attributes)) writeText(out, ATTRIBUTE, attributeKey(name), value);
  out.close(resource);
  return out.copy();
}

/**
 * The body of one request.
 * @param resource of `otlpResource`
 * @param items each with its tag and length, as `SpanBuffer` writes them
 */
export function otlpRequest(resource: Uint8Array, items: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new ProtoWriter();
  const resourceItems = out.open(RESOURCE_X);
  out.raw(resource);
  const scopeItems = out.open(SCOPE_X);
  const scope = out.open(SCOPE);
  out.text(NAME, SCOPE_NAME);
  out.close(scope);
  out.raw(items);
  out.close(scopeItems);
  out.close(resourceItems);
  return out.copy();
}

/** What became of one request. */
export type ExportOutcome =
  /** `rejected`: items that the receiver did not take. */
  | { readonly kind: "accepted"; readonly rejected: number; readonly message?: string }
  /** `afterMs`: what the receiver asks for. */
  | { readonly kind: "retry"; readonly afterMs?: number; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

const RETRYABLE: readonly number[] = [429, 502, 503, 504];

/**
 * @param body of the answer, as much as was read
 * @param nowMs milliseconds since 1970
 */
export function judgeExport(status: number, retryAfter: string | null, body: Uint8Array, nowMs: number): ExportOutcome {
  if (status >= 200 && status < 300) return readPartialSuccess(body);
  const reason = `the receiver answered ${status}`;
  if (!RETRYABLE.includes(status)) return { kind: "refused", reason };
  const afterMs = retryAfter === null ? undefined : parseRetryAfterMs(retryAfter, nowMs);
  return { kind: "retry", reason, ...(afterMs !== undefined && { afterMs }) };
}

/** `partial_success` of an answer: field 1, of it field 1 is a count and field 2 a text. What cannot be read says nothing. */
function readPartialSuccess(body: Uint8Array): ExportOutcome {
  const fields = readFields(body);
  const partial = fields.get(1);
  if (!(partial instanceof Uint8Array)) return { kind: "accepted", rejected: 0 };
  const members = readFields(partial);
  const [rejected, text] = [members.get(1), members.get(2)];
  const message = text instanceof Uint8Array ? utf8Text(text) : undefined;
  return {
    kind: "accepted",
    rejected: typeof rejected === "number" ? rejected : 0,
    ...(message !== undefined && message !== "" && { message }),
  };
}

/** Fields of varints and of lengths; reading ends at the first of another kind. */
function readFields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 53; scale *= 0x80) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    if (Number.isNaN(value)) break;
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) fields.set(number, value);
    else if (wire === 2 && at + value <= bytes.length) {
      fields.set(number, bytes.subarray(at, at + value));
      at += value;
    } else break;
  }
  return fields;
}
