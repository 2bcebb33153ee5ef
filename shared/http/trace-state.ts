/** `tracestate` of W3C Trace Context, level 2, section 3.3. */
import { traceState } from "../limits/trace-state.ts";

const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;
const { charsMax, memberCharsMax, membersMax } = traceState;

/**
 * What is passed on of it: all of its members in their order, of too many characters those at the left, where the latest stand.
 * @param value its lines joined by commas
 * @returns undefined when it is malformed or empty, which is as if it were not there
 */
export function passedTracestate(value: string): string | undefined {
  const members = value.split(",").map((one) => one.replace(/^[ \t]+|[ \t]+$/g, ""));
  let kept = members.filter((one) => one !== "");
  const names = new Set(kept.map((one) => one.slice(0, one.indexOf("="))));
  if (kept.length === 0 || kept.length > membersMax || names.size < kept.length) return undefined;
  if (kept.some((one) => !MEMBER.test(one))) return undefined;
  const chars = (): number => kept.join().length;
  if (chars() > charsMax) kept = kept.filter((one) => one.length <= memberCharsMax);
  while (chars() > charsMax) kept.pop();
  return kept.length === 0 ? undefined : kept.join();
}
