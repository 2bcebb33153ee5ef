/** What an answer's `Server-Timing` tells of a request whose spans nobody records. */
import type { ChildContext, TraceContext } from "../../../shared/http/trace-context.ts";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import type { CalledTarget, RequestTrace, TimedCall, TimedWait } from "./request-trace.ts";

const { spansOfRequestMax } = telemetry;

/** The trace stays as it was: nothing of it is decided here. */
export class TimedTrace implements RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
  readonly parentId: string;
  readonly inner: TimedWait[] = [];
  readonly attempts: TimedCall[] = [];

  constructor({ traceId, spanId, flags, parentId }: ChildContext) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.flags = flags;
    this.parentId = parentId;
  }

  wait(name: string): () => void {
    const nowMs = Date.now();
    const wait = { name, startMs: nowMs, endMs: nowMs };
    if (this.inner.length < spansOfRequestMax) this.inner.push(wait);
    let isOver = false;
    return () => {
      if (!isOver) wait.endMs = Date.now();
      isOver = true;
    };
  }

  async call(_to: CalledTarget, send: (trace: TraceContext) => Promise<Response>): Promise<Response> {
    const call: TimedCall = { startMs: Date.now(), endMs: undefined };
    if (this.attempts.length < spansOfRequestMax) this.attempts.push(call);
    try {
      return await send(this);
    } finally {
      call.endMs = Date.now();
    }
  }
}
