/** Every limit of the route must admit the request, as this instance counts; those in shadow are counted and refuse nobody. */
import { createHash } from "node:crypto";
import { policyName, type WouldRefuse } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import { chooseRows, withRows } from "../../../shared/policy/limit-rows.ts";
import {
  endLocal,
  newLocalCounts,
  type TakenLocally,
  takeLocal,
  type WantedLocally,
} from "../../../shared/policy/local-limits.ts";
import {
  type LimitOutcome,
  legacyFields,
  limitRefusal,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../../shared/policy/rate-limit-fields.ts";
import { isLongKey, type LimitKeyFacts, limitKeyOf } from "../../../shared/policy/rate-limit-key.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Stage } from "../../proxy/call.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { ExposedCall } from "./exposed-call.ts";

type Taken = TakenLocally<RateLimitSettings>;

export function limitRate(metrics: Metrics): Stage<ExposedCall> {
  const counts = newLocalCounts(limits.expose.limitKeysMax);
  return (call, next) => {
    const all = limitsOf(call);
    if (all.length === 0) {
      next();
      return;
    }
    const lacking: WouldRefuse[] = [];
    const wanted = wantedBy(call, all, lacking);
    const taken = takeLocal(counts, wanted, Date.now());
    if (taken.refused.length > 0) refuse(call, taken, metrics);
    const beyond = taken.wouldRefuse.map(({ name }) => beyondLimit(name));
    for (const one of [...lacking, ...beyond]) {
      metrics.limited("expose", one.limit ?? "", "shadow");
      metrics.shadows.wouldRefuse(call.facts, one);
    }
    for (const { settings } of wanted)
      if (settings.shadow === true && !taken.wouldRefuse.includes(settings))
        metrics.shadows.passed(policyName({ policy: "limit", limit: settings.name }));
    if (taken.running.length > 0) call.onFinish(() => endLocal(taken));
    const told = toldBy(call, taken.outcomes);
    call.onAnswer(({ fields }) => {
      for (const [name, value] of told) fields.set(name, value);
    });
    next();
  };
}

const beyondLimit = (limit: string): WouldRefuse => ({ policy: "limit", error: "limit_exceeded", limit });

/** Those of the route, with the numbers that hold for who calls. */
function limitsOf({ held, identity, match }: ExposedCall): readonly RateLimitSettings[] {
  const { rateLimits } = match.route;
  const { limitRows } = held.plan;
  return limitRows === undefined ? rateLimits : withRows(rateLimits, chooseRows(limitRows, rateLimits, identity));
}

/** @throws SelvageError when a limit wants what the request lacks @param lacking gets what limits in shadow would say to that */
function wantedBy(
  call: ExposedCall,
  all: readonly RateLimitSettings[],
  lacking: WouldRefuse[],
): WantedLocally<RateLimitSettings>[] {
  const facts = factsOf(call);
  return all.flatMap((settings) => {
    const key = limitKeyOf(settings, facts);
    if (typeof key === "string")
      return { settings, key: `${call.match.route.name}\n${isLongKey(key) ? hashed(key) : key}` };
    if (settings.shadow !== true) throw key;
    lacking.push({ policy: "limit", error: key.code, limit: settings.name });
    return [];
  });
}

/** No key is a hash: they begin with a bracket. */
const hashed = (key: string): string => createHash("sha256").update(key).digest("hex");

function factsOf(call: ExposedCall): LimitKeyFacts {
  const { identity } = call;
  return {
    identity,
    clientIp: call.facts.clientIp,
    header: call.field,
    params: call.match.params,
    query: call.target.query,
    evaluate: (expression) => call.held.keyExpressions.get(expression)?.evaluate(identity, call.asked()),
  };
}

function refuse(call: ExposedCall, { outcomes, refused }: Taken, metrics: Metrics): never {
  for (const [{ name }] of refused) metrics.limited("expose", name, "enforce");
  call.addToErrors(["retry-after", String(retryAfterSeconds(refused))], ...toldBy(call, outcomes));
  throw limitRefusal(refused);
}

function toldBy(call: ExposedCall, outcomes: readonly LimitOutcome[]): [name: string, value: string][] {
  if (outcomes.length === 0) return [];
  const { legacyRateLimitHeaders } = call.match.route;
  return [
    ...(legacyRateLimitHeaders === undefined ? [] : legacyFields(outcomes, legacyRateLimitHeaders, Date.now())),
    ["ratelimit-policy", rateLimitPolicyField(outcomes.map(([settings]) => settings))],
    ["ratelimit", rateLimitField(outcomes)],
  ];
}
