/** `tracestate` of W3C Trace Context, level 2, section 3.3. */
import { traceState } from "../limits/trace-state.ts";

const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;
const { charsMax, memberCharsMax, membersMax } = traceState;

/**
 * What is passed on of it: all of its members in their order, of too many characters those at the left, where the latest stand.
 * @param value its lines joined by commas
 * @returns empty when it is malformed, which is as if it were not there
 */
export function passedTracestate(value: string): string {
  let kept = value
    .trim()
    .split(/[ \t]*,[ \t]*/)
    .filter((one) => one !== "");
  const names = new Set(kept.map((one) => one.split("=", 1)[0]));
  if (kept.length > membersMax || names.size < kept.length || !kept.every((one) => MEMBER.test(one))) return "";
  const chars = (): number => kept.join().length;
  if (chars() > charsMax) kept = kept.filter((one) => one.length <= memberCharsMax);
  while (chars() > charsMax) kept.pop();
  return kept.join();
}

/** What the gateway says of a request that an operator asks about, to the agents on its way. Nobody else is believed it. */
const EXPLAINED = "selvage=explain";

/** @param value empty: there is none */
export const withExplained = (value: string): string => (value === "" ? EXPLAINED : `${EXPLAINED},${value}`);

/** @param value as `passedTracestate` makes it */
export const isExplained = (value: string): boolean => value === EXPLAINED || value.startsWith(`${EXPLAINED},`);

/** A client's, without what the gateway alone may say. @param value as `passedTracestate` makes it */
export function withoutOwnState(value: string): string {
  if (!value.includes("selvage=")) return value;
  return value
    .split(",")
    .filter((one) => !one.startsWith("selvage="))
    .join();
}
