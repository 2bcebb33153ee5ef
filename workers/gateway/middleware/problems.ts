import { SelvageError } from "../../../shared/errors.ts";
import { problemAnswer } from "../../../shared/http/problem-answer.ts";
import type { Problems } from "../upstream/stages.ts";

/**
 * Every error becomes a problem document (RFC 9457) here, and nowhere else. It runs at the stage that failed, so that the
 * stages around it (CORS, log) see an answer like any other.
 */
export const problems: Problems = (cause, c) => {
  const error =
    cause instanceof SelvageError
      ? cause
      : new SelvageError("internal", cause.stack ?? String(cause), { cause, sent: "body" });
  c.set("failure", error);
  // What its client may not have is kept for nobody: the next one may get a better answer.
  if (error.code === "answer_invalid") c.get("takeBack")?.();
  if (c.finalized) {
    // Nothing of an answer that turned out wrong may remain on this one.
    c.res.body?.cancel().catch(() => undefined);
    c.res = undefined;
  }
  const { status, fields, text } = problemAnswer(error, c.get("trace").traceId);
  return c.body(text, status, Object.fromEntries(fields));
};
