/** What policies in shadow say of a request: counted, and noted for the access log, taps and traces. */
import { policyName, type WouldRefuse } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import { type CounterState, seriesOf } from "../../../shared/policy/counters.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** A policy in shadow has judged the request. @param policy as `policyName` says it */
export function notePassed(c: Context<GatewayEnv>, counters: CounterState, policy: string): void {
  seriesOf(counters, "shadow", c.get("route").name, policy, "").counts.requests++;
}

/** A policy in shadow has judged the request, and would have refused it. */
export function noteWouldRefuse(c: Context<GatewayEnv>, counters: CounterState, one: WouldRefuse): void {
  const name = policyName(one);
  seriesOf(counters, "shadow", c.get("route").name, name, one.error).counts.requests++;
  const known = c.get("wouldRefuse") ?? [];
  if (known.some((other) => other.error === one.error && policyName(other) === name)) return;
  known.push(one.reason === undefined ? one : { ...one, reason: one.reason.slice(0, limits.gateway.logTextCharsMax) });
  c.set("wouldRefuse", known);
}

/** Work of a policy in shadow, which nothing but the line of the access log waits for. */
export function workBeside(c: Context<GatewayEnv>, works: readonly Promise<unknown>[]): void {
  const before = c.get("shadows");
  const all = Promise.allSettled([...(before === undefined ? [] : [before]), ...works]).then(() => undefined);
  c.executionCtx.waitUntil(all);
  c.set("shadows", all);
}
