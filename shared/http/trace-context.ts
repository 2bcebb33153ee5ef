/** W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/): `traceparent` only; `tracestate` is passed on as it is. */
import { hex } from "./hex.ts";

export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** 16 hex digits, not all zero: the span that made the request. */
  readonly spanId: string;
  /** Trace flags, two hex digits; bit 0: sampled. */
  readonly flags: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

/** Reads a `traceparent` value; undefined for anything malformed, which is then treated as absent (section 3.3). */
export function parseTraceparent(value: string | undefined): TraceContext | undefined {
  if (value === undefined || value.length > 512) return undefined;
  const match = TRACEPARENT.exec(value);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string | undefined,
  ];
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, flags };
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.flags}`;
}

/**
 * The context of a new span: continues the caller's trace or starts one.
 * @param random 24 random bytes: 16 for a trace id, 8 for the span id
 */
export function childContext(parent: TraceContext | undefined, random: Uint8Array): TraceContext {
  const spanId = hex(random, 16, 24);
  if (parent !== undefined) return { traceId: parent.traceId, spanId, flags: parent.flags };
  return { traceId: hex(random, 0, 16), spanId, flags: "01" };
}
