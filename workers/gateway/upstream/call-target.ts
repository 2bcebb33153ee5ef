import { type CallContext, callUpstream, type DirectCall, type UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { Upstreams } from "./upstreams.ts";

/**
 * The answer of whatever a route or part leads to, its body not yet read.
 * @throws SelvageError when there is none
 */
export function callTarget(
  c: Context<GatewayEnv>,
  call: UpstreamCall,
  context: CallContext,
  upstreams: Upstreams,
): Promise<Response> {
  const nowMs = Date.now();
  const answer = isDirect(call) ? callUpstream(call, context, nowMs) : upstreams.call(c, call, context);
  return call.isCopy === true ? answer : upstreams.counts.watch(call.target, answer, nowMs);
}

const isDirect = (call: UpstreamCall): call is DirectCall => !("upstream" in call.target);
