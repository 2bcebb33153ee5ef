/** One request's trace, with what happens to it. */

import { SelvageError } from "../../../shared/errors.ts";
import { KEPT } from "../../../shared/http/header-names.ts";
import type { TraceContext } from "../../../shared/http/trace-context.ts";
import { type AttemptTo, SPAN_ID_DIGITS, SpanTrace } from "../../../shared/telemetry/span-trace.ts";
import { randomDigits } from "../upstream/random-digits.ts";
import type { CalledTarget, RequestTrace } from "./request-trace.ts";

export class RequestSpans extends SpanTrace implements RequestTrace {
  readonly end: (instance: string, nowMs: number) => void;

  /** @param end what is done when the answer is there */
  constructor(
    ...[parent, isTrusted, settings, digits, end]: [...ConstructorParameters<typeof SpanTrace>, RequestSpans["end"]]
  ) {
    super(parent, isTrusted, settings, digits);
    this.end = end;
  }

  wait(name: string): () => void {
    const span = this.begin(name, randomDigits(SPAN_ID_DIGITS), Date.now());
    let isOver = false;
    return () => {
      if (span !== undefined && !isOver) span.endMs = Date.now();
      isOver = true;
    };
  }

  async call(to: CalledTarget, send: (trace: TraceContext) => Promise<Response>): Promise<Response> {
    const span = this.attempt(randomDigits(SPAN_ID_DIGITS), Date.now(), calledAs(to));
    if (span === undefined) return send(this);
    try {
      const answer = await send(span);
      // A word of the mesh; an origin's would be anybody's.
      if ("service" in to.target && answer.headers.has(KEPT)) this.keptBy ??= "callee";
      span.answered(answer.status);
      span.ended(Date.now());
      return answer;
    } catch (cause) {
      const [code, reason] = cause instanceof SelvageError ? [cause.code, cause.reason] : ["internal", String(cause)];
      span.ended(Date.now(), code, reason);
      throw cause;
    }
  }
}

function calledAs({ target, method, path, attempt, part, resend = 0 }: CalledTarget): AttemptTo {
  const origin = "service" in target ? undefined : target.origin;
  const peer = "service" in target ? target.service : (attempt?.upstream ?? target.origin);
  const { isHedge = false, target: endpoint, fate } = attempt ?? {};
  return { resend: resend + (attempt?.resend ?? 0), isHedge, peer, endpoint, method, path, part, origin, fate };
}
