/** What one request leaves for its spans: its own and those of its attempts. Nothing of it is written unless it is kept. */
import { SPAN_DIGITS, type TraceContext } from "../http/trace-context.ts";
import { telemetry } from "../limits/telemetry.ts";
import { isFailure, isSampled, type KeptBy } from "./sampling.ts";
import type { TracesSettings } from "./settings.ts";

const { eventsMax, spansOfRequestMax } = telemetry;

/** Of trace flags. */
const SAMPLED = 1;
const RANDOM = 2;
/** Of random hex digits. */
const TRACE_DIGITS = 32;
export const SPAN_ID_DIGITS = SPAN_DIGITS - TRACE_DIGITS;

export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly detail: string | undefined;
}

/** A part of a request that took time of its own. */
export interface InnerSpan {
  readonly name: string;
  readonly spanId: string;
  readonly startMs: number;
  endMs: number;
}

/** Nobody waits for it any more, which is nobody's failure. */
export const CANCELLED = "cancelled";

/** One request to somebody else: what it was, and how it ended. */
export class AttemptSpan implements TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
  readonly startMs: number;
  readonly to: AttemptTo;
  /** Undefined: it is not over. */
  endMs: number | undefined;
  /** 0: there was no answer. */
  status = 0;
  grpcStatus: number | undefined;
  /** Why there was none, or what the answer means; undefined: it is well. */
  error: string | undefined;
  reason: string | undefined;
  /** It took its endpoint out of use, for so long. */
  ejectedForMs: number | undefined;
  readonly #trace: SpanTrace;

  constructor(trace: SpanTrace, spanId: string, startMs: number, to: AttemptTo) {
    this.#trace = trace;
    this.traceId = trace.traceId;
    this.spanId = spanId;
    this.flags = trace.flags;
    this.startMs = startMs;
    this.to = to;
  }

  /** The head of its answer came. @param error what an answer of ours means; undefined: it is somebody else's */
  answered(status: number, grpcStatus?: number, error?: string): void {
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.error = error;
    if (this.failed) this.#trace.sawFailure();
  }

  /** It is over, once. @param error why there is no whole answer; undefined: there is one, or nobody waited for it */
  ended(nowMs: number, error?: string, reason?: string): void {
    if (this.endMs !== undefined) return;
    this.endMs = nowMs;
    this.error ??= error;
    this.reason = reason;
    if (error !== undefined && error !== CANCELLED) this.#trace.sawFailure();
  }

  get failed(): boolean {
    return (
      (this.error !== undefined && this.error !== CANCELLED) ||
      (this.status !== 0 && isFailure(this.status, this.grpcStatus))
    );
  }
}

/** What an attempt did to its target, which may be known after the attempt is over. */
export interface TargetFate {
  /** It took the target out of use, for so long. */
  ejectedForMs?: number;
}

export interface AttemptTo {
  /** Earlier attempts of the same call. */
  readonly resend: number;
  readonly isHedge: boolean;
  /** Service or upstream. */
  readonly peer: string;
  /** Instance or target. */
  readonly endpoint?: string | undefined;
  /** Host, and port, that it was sent to. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of these two, and of the peer where that is not known otherwise: the origin of a URL, which is taken apart when it is written. */
  readonly origin?: string | undefined;
  /** Where it is another than the request's own. */
  readonly method?: string | undefined;
  /** With its query, which no span tells. */
  readonly path?: string | undefined;
  /** Of an aggregate. */
  readonly part?: string | undefined;
  /** Where the target's is told apart from the attempt. */
  readonly fate?: TargetFate | undefined;
}

/** Times are those of its host's clock, which its host turns into the time of day. */
export class SpanTrace implements TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it is the root. */
  readonly parentId: string;
  /** Its trace was chosen where it began. */
  readonly isHead: boolean;
  readonly isRandom: boolean;
  /** Set when it is kept all the same. */
  keptBy: KeptBy | "callee" | undefined;
  readonly attempts: AttemptSpan[] = [];
  readonly settings: TracesSettings;
  events: SpanEvent[] | undefined;
  inner: InnerSpan[] | undefined;

  /**
   * @param parent undefined: a trace begins here
   * @param isTrusted what the parent says of sampling is believed
   * @param digits 48 random hex digits
   */
  constructor(parent: TraceContext | undefined, isTrusted: boolean, settings: TracesSettings, digits: string) {
    this.settings = settings;
    const own = digits.slice(0, TRACE_DIGITS);
    const flags = parent === undefined ? RANDOM : Number.parseInt(parent.flags, 16);
    this.traceId = parent?.traceId ?? own;
    this.spanId = digits.slice(TRACE_DIGITS, SPAN_DIGITS);
    this.parentId = parent?.spanId ?? "";
    this.isRandom = (flags & RANDOM) !== 0;
    // Who may not choose must not do so by the id that he gives his trace, either.
    this.isHead = parent !== undefined && isTrusted ? (flags & SAMPLED) !== 0 : isSampled(own, settings.ratio);
  }

  get isKept(): boolean {
    return this.isHead || this.keptBy !== undefined;
  }

  /** Trace flags of what is sent from here on. */
  get flags(): string {
    if (this.isRandom) return this.isKept ? "03" : "02";
    return this.isKept ? "01" : "00";
  }

  /** From here on it is kept, and so is what follows of it at others: they are told with the next request. */
  sawFailure(): void {
    if (this.settings.errors) this.keptBy ??= "error";
  }

  /** @param digits 16 random hex digits @returns undefined: there were too many */
  attempt(digits: string, nowMs: number, to: AttemptTo): AttemptSpan | undefined {
    if (this.attempts.length >= spansOfRequestMax) return undefined;
    const span = new AttemptSpan(this, digits, nowMs, to);
    this.attempts.push(span);
    return span;
  }

  event(name: string, atMs: number, detail?: string): void {
    this.events ??= [];
    if (this.events.length < eventsMax) this.events.push({ name, atMs, detail });
  }

  /** Begins a part; `endMs` is set when it is over. @param digits 16 random hex digits */
  begin(name: string, digits: string, nowMs: number): InnerSpan | undefined {
    this.inner ??= [];
    if (this.inner.length >= spansOfRequestMax) return undefined;
    const span = { name, spanId: digits, startMs: nowMs, endMs: nowMs };
    this.inner.push(span);
    return span;
  }
}
