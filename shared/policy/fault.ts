/** Which fault a request gets, if any: that of the first rule that matches and is not over. */
import type { FaultRule } from "./settings.ts";
import { matches, type TrafficRequest } from "./traffic.ts";

export type Fault =
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "abort"; readonly status: number }
  | { readonly kind: "reset" }
  | { readonly kind: "slow-body"; readonly bytesPerSecond: number };

/**
 * @param header value of a field by its lower-case name
 * @param nowMs milliseconds since the epoch
 * @param random at least 0, below 1; decides about all kinds of a rule
 */
export function chooseFault(
  rules: readonly FaultRule[],
  request: TrafficRequest,
  header: (name: string) => string | undefined,
  nowMs: number,
  random: number,
): Fault | undefined {
  for (const rule of rules) if (nowMs < rule.untilMs && matches(rule, request, header)) return draw(rule, random * 100);
  return undefined;
}

function draw({ delay, abort, reset, slowBody }: FaultRule, drawn: number): Fault | undefined {
  let upTo = delay?.percent ?? 0;
  if (delay !== undefined && drawn < upTo) return { kind: "delay", delayMs: delay.delayMs };
  upTo += abort?.percent ?? 0;
  if (abort !== undefined && drawn < upTo) return { kind: "abort", status: abort.status };
  upTo += reset?.percent ?? 0;
  if (reset !== undefined && drawn < upTo) return { kind: "reset" };
  upTo += slowBody?.percent ?? 0;
  if (slowBody !== undefined && drawn < upTo) return { kind: "slow-body", bytesPerSecond: slowBody.bytesPerSecond };
  return undefined;
}
