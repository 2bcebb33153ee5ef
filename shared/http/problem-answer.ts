import { type SelvageError, toProblem } from "../errors.ts";
import { limits } from "../limits.ts";

/** An error as an answer to a client. */
export interface ProblemAnswer {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The problem document (RFC 9457). */
  readonly text: string;
}

/** @param traceId as for `toProblem` */
export function problemAnswer(error: SelvageError, traceId?: string): ProblemAnswer {
  const problem = toProblem(error, traceId);
  const fields: [name: string, value: string][] = [
    ["content-type", "application/problem+json"],
    ["cache-control", "no-store"],
  ];
  if (error.code === "overloaded") fields.push(["retry-after", String(limits.loadShedding.retryAfterSeconds)]);
  return { status: problem.status, fields, text: JSON.stringify(problem) };
}
