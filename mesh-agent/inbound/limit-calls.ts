/** Holds callers to the service's own limits, which this instance counts for itself. */
import { SelvageError } from "../../shared/errors.ts";
import type { WouldRefuse } from "../../shared/http/access-log.ts";
import { limits } from "../../shared/limits.ts";
import { type CallLimit, callLimitKey, userOfClaims } from "../../shared/policy/call-limits.ts";
import {
  endLocal,
  newLocalCounts,
  type TakenLocally,
  takeLocal,
  type WantedLocally,
} from "../../shared/policy/local-limits.ts";
import {
  limitRefusal,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../shared/policy/rate-limit-fields.ts";
import type { Stage } from "../proxy/call.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { InboundCall } from "./inbound-call.ts";

export function limitCalls(metrics: Metrics): Stage<InboundCall> {
  const counts = newLocalCounts(limits.expose.limitKeysMax);
  return (call, next) => {
    const all = call.plan.plan.inbound?.rateLimits;
    if (all === undefined) {
      next();
      return;
    }
    const wouldRefuse: WouldRefuse[] = [];
    const taken = takeLocal(counts, wantedBy(call, all, wouldRefuse), Date.now());
    if (taken.refused.length > 0) refuse(call, taken, metrics);
    for (const { name } of taken.wouldRefuse) wouldRefuse.push({ error: "limit_exceeded", limit: name });
    for (const { limit = "" } of wouldRefuse) metrics.limited("inbound", limit, "shadow");
    if (wouldRefuse.length > 0) call.facts.wouldRefuse = [...(call.facts.wouldRefuse ?? []), ...wouldRefuse];
    if (taken.running.length > 0) call.onFinish(() => endLocal(taken));
    next();
  };
}

/** @param wouldRefuse gets what limits in shadow would refuse for want of a key @throws SelvageError not_permitted */
function wantedBy(
  call: InboundCall,
  all: readonly CallLimit[],
  wouldRefuse: WouldRefuse[],
): WantedLocally<CallLimit>[] {
  const caller = { service: call.from ?? "", user: userOfClaims(call.claims) };
  return all.flatMap((settings) => {
    const key = callLimitKey(settings, caller);
    if (key !== undefined) return { settings, key };
    if (settings.shadow !== true)
      throw new SelvageError("not_permitted", `limit ${settings.name}: the call is on behalf of no end user`);
    wouldRefuse.push({ error: "not_permitted", limit: settings.name });
    return [];
  });
}

function refuse(call: InboundCall, { outcomes, refused }: TakenLocally<CallLimit>, metrics: Metrics): never {
  for (const [{ name }] of refused) metrics.limited("inbound", name, "enforce");
  call.addToErrors(
    ["retry-after", String(retryAfterSeconds(refused))],
    ["ratelimit-policy", rateLimitPolicyField(outcomes.map(([settings]) => settings))],
    ["ratelimit", rateLimitField(outcomes)],
  );
  throw limitRefusal(refused);
}
