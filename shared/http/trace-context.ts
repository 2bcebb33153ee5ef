/** W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/): `traceparent` only; `tracestate` is passed on as it is. */
import { hex } from "./hex.ts";

export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** 16 hex digits, not all zero: the span that made the request. */
  readonly spanId: string;
  /** Trace flags, two hex digits; bit 0: sampled, bit 1: the trace id is random. */
  readonly flags: string;
}

/** Of a span of our own. */
export interface ChildContext extends TraceContext {
  /** Empty: it began the trace. */
  readonly parentId: string;
}

/** Version, trace, span and flags with the dashes between. */
const TRACEPARENT_LENGTH = 55;
const DASH = 0x2d;
/** Others are not passed on (Trace Context level 2, `trace-flags`). */
const KNOWN_FLAGS = 0b11;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

/** Reads a `traceparent` value; undefined for anything malformed, which is then treated as absent (section 3.3). */
export function parseTraceparent(value: string | undefined): TraceContext | undefined {
  if (value === undefined || value.length < TRACEPARENT_LENGTH || value.length > 512) return undefined;
  const isWhole = value.length === TRACEPARENT_LENGTH;
  for (let at = 0; at < TRACEPARENT_LENGTH; at++) {
    const isDash = at === 2 || at === 35 || at === 52;
    const code = value.charCodeAt(at);
    if (isDash ? code !== DASH : !isHexDigit(code)) return undefined;
  }
  if (value.startsWith("ff") || (!isWhole && (value.startsWith("00") || value.charCodeAt(55) !== DASH)))
    return undefined;
  const traceId = value.slice(3, 35);
  const spanId = value.slice(36, 52);
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, flags: `0${Number.parseInt(value.charAt(54), 16) & KNOWN_FLAGS}` };
}

const isHexDigit = (code: number): boolean => (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.flags}`;
}

/**
 * The context of a new span: continues the caller's trace or starts one.
 * @param random 24 random bytes: 16 for a trace id, 8 for the span id
 */
export function childContext(parent: TraceContext | undefined, random: Uint8Array): ChildContext {
  return childContextOf(parent, hex(random));
}

/** Of a trace that begins here: sampled, and its id is random (level 2, `random-trace-id`). */
const NEW_FLAGS = "03";

/** Of a trace id and a span id. */
export const SPAN_DIGITS = 48;

/** The same, for those who draw for many spans at once. @param random 48 random hex digits */
export function childContextOf(parent: TraceContext | undefined, random: string): ChildContext {
  const spanId = random.slice(32, SPAN_DIGITS);
  if (parent === undefined) return { traceId: random.slice(0, 32), spanId, flags: NEW_FLAGS, parentId: "" };
  const { traceId, flags, spanId: parentId } = parent;
  return { traceId, spanId, flags, parentId };
}
