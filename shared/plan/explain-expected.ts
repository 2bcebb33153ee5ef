/** Whether a dry run ends as somebody expects. */
import type { Explanation, Result } from "./explain-step.ts";

/** `forward`: it reaches its target. A number: the status that a client hears. */
export type Expected = "forward" | number;

/** Of an upstream's own answer nothing is known: a request that reaches it may be expected to succeed. */
export function isAsExpected({ result }: Explanation, expected: Expected): boolean {
  if (result.outcome === "drawn") return result.among.every((one) => ends(one.result, expected));
  return ends(result, expected);
}

function ends(result: Result, expected: Expected): boolean {
  if (result.outcome === "forward") return expected === "forward" || (expected >= 200 && expected < 300);
  return result.status === expected;
}
