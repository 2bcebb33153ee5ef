import { SelvageError } from "../../../shared/errors.ts";
import { policyName } from "../../../shared/http/access-log.ts";
import { TEMPORARY_REDUCED_CAPACITY } from "../../../shared/http/problem-types.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import {
  type LimitOutcome,
  legacyFields,
  limitRefusal,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../../shared/policy/rate-limit-fields.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import { dropRange } from "../upstream/ask-for-readable.ts";
import { limitsFor } from "../upstream/caller-limits.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { keyLimits } from "../upstream/limit-keys.ts";
import { settleAfter } from "../upstream/settle-cost.ts";
import { type ShadowLimits, takeShadows } from "../upstream/shadow-limits.ts";
import type { AroundStage, Stage } from "../upstream/stages.ts";
import type { LimitTaker, TakenLimits, WantedLimit } from "../upstream/take-limits.ts";
import { notePassed, noteWouldRefuse, workBeside } from "../upstream/would-refuse.ts";

/**
 * Every limit of the route must admit the request; what one of them took is given back when another refuses. Those in shadow
 * are asked when the others have admitted it, beside the request: whatever they say, it goes on meanwhile.
 * @param held what the isolate holds of bodies
 * @param lease what could not be counted is told the control plane with it
 */
export function limitRate(taker: LimitTaker, held: HeldBytes, lease: PlanLease): Stage {
  return {
    span: "limit rate",
    needs: (c) => c.get("route").rateLimits.length > 0,
    around: limitBy(taker, held, lease),
  };
}

function limitBy(taker: LimitTaker, held: HeldBytes, lease: PlanLease): AroundStage["around"] {
  return async (c, next) => {
    const { name: route, rateLimits: all } = c.get("route");
    const rateLimits = limitsFor(c.get("held").plan, all, c.get("identity"));
    if (rateLimits.length === 0) return next();
    const { enforced, shadows } = byForce(rateLimits);
    const caller = { env: c.env, background: (work: Promise<unknown>): void => c.executionCtx.waitUntil(work) };
    const { wanted, lacking } = await keyLimits(c, enforced);
    const [lacks] = lacking;
    if (lacks !== undefined) {
      for (const { settings } of lacking) taker.counts.of(route, settings).refused++;
      throw lacks.error;
    }
    const taken = await taker.take(caller, wanted);
    const { outcomes, failed } = taken;
    const refused = outcomes.filter(([, { admitted }]) => !admitted);
    const closed = failed.filter(({ onFailure }) => onFailure === "closed");
    if (refused.length > 0 || closed.length > 0) taken.undo();
    if (refused.length > 0) {
      for (const [settings] of refused) taker.counts.of(route, settings).refused++;
      refuse(c, enforced, outcomes, refused);
    }
    if (failed.length > 0) noteUncounted(c, taker, lease, closed.length > 0 ? closed : failed);
    if (closed.length > 0) failClosed(c, closed, taken.restMs);
    for (const [settings] of outcomes) taker.counts.of(route, settings).passed++;
    const shadow = shadows.length > 0 ? takeShadows(taker, caller, await wantedShadows(c, taker, shadows)) : undefined;
    if (shadow !== undefined) workBeside(c, [tellShadows(c, taker, shadow)]);
    const reserving = rateLimits.filter(({ counts }) => counts !== undefined);
    // A part of an answer does not say what all of it cost.
    if (reserving.some(({ cost }) => cost?.body !== undefined)) dropRange(c);
    await next();
    const finishing = shadow === undefined ? taken : both(taken, shadow);
    // What it tells was used by the request that it was the answer to.
    if (c.get("replayed") === true) finishing.finish(() => 0);
    else if (reserving.length > 0) c.res = settleAfter(c.res, finishing, reserving, held);
    if (outcomes.length > 0) tell(c, enforced, outcomes);
  };
}

interface ByForce {
  readonly enforced: readonly RateLimitSettings[];
  readonly shadows: readonly RateLimitSettings[];
}

/** Of the limits of a route with the numbers of a caller, which are the same list as long as their plan lives. */
const knownForces = new WeakMap<readonly RateLimitSettings[], ByForce>();

function byForce(all: readonly RateLimitSettings[]): ByForce {
  const known = knownForces.get(all);
  if (known !== undefined) return known;
  const forces = { enforced: all.filter(({ shadow }) => !shadow), shadows: all.filter(({ shadow }) => shadow) };
  knownForces.set(all, forces);
  return forces;
}

/** Those whose key the request has; of the others it is told here that they would refuse it. */
async function wantedShadows(
  c: Context<GatewayEnv>,
  { counts }: LimitTaker,
  shadows: readonly RateLimitSettings[],
): Promise<readonly WantedLimit[]> {
  const { wanted, lacking } = await keyLimits(c, shadows);
  for (const { settings, error } of lacking) {
    counts.of(c.get("route").name, settings).wouldRefuse++;
    noteWouldRefuse(c, counts.counters, { policy: "limit", error: error.code, limit: settings.name });
  }
  return wanted;
}

const both = (taken: TakenLimits, shadow: ShadowLimits): Pick<TakenLimits, "finish"> => ({
  finish: (used) => {
    taken.finish(used);
    shadow.finish(used);
  },
});

async function tellShadows(c: Context<GatewayEnv>, { counts }: LimitTaker, { verdicts }: ShadowLimits): Promise<void> {
  const { name: route } = c.get("route");
  for (const { settings, verdict } of await verdicts) {
    const { name: limit, onFailure } = settings;
    const isUncounted = verdict === "uncounted";
    if (verdict === "admitted") counts.of(route, settings).passed++;
    else if (isUncounted && onFailure === "open") counts.uncounted(route, settings);
    else {
      counts.of(route, settings).wouldRefuse++;
      const error = isUncounted ? "limiter_unavailable" : "limit_exceeded";
      noteWouldRefuse(c, counts.counters, { policy: "limit", error, limit });
      continue;
    }
    notePassed(c, counts.counters, policyName({ policy: "limit", limit }));
  }
}

/** Of the limits of a route with the numbers of a caller, which are the same list as long as their plan lives. */
const policyFields = new WeakMap<readonly RateLimitSettings[], string>();

function policyField(all: readonly RateLimitSettings[]): string {
  const known = policyFields.get(all);
  if (known !== undefined) return known;
  const field = rateLimitPolicyField(all);
  policyFields.set(all, field);
  return field;
}

function refuse(
  c: Context<GatewayEnv>,
  enforced: readonly RateLimitSettings[],
  outcomes: readonly LimitOutcome[],
  refused: readonly LimitOutcome[],
): never {
  c.header("retry-after", String(retryAfterSeconds(refused)));
  c.header("ratelimit-policy", policyField(enforced));
  c.header("ratelimit", rateLimitField(outcomes));
  for (const [name, value] of legacyOf(c, outcomes)) c.header(name, value);
  throw limitRefusal(refused);
}

/** A limit that is open and cannot be asked protects nothing meanwhile, and one that is closed serves nobody. */
function noteUncounted(
  c: Context<GatewayEnv>,
  taker: LimitTaker,
  lease: PlanLease,
  failed: readonly RateLimitSettings[],
): void {
  const { name: route } = c.get("route");
  for (const settings of failed) taker.counts.uncounted(route, settings);
  c.set(
    "uncounted",
    failed.map(({ name }) => name),
  );
  lease.reportSoon(c.env, c.executionCtx);
}

function failClosed(c: Context<GatewayEnv>, closed: readonly RateLimitSettings[], restMs: number): never {
  const names = closed.map(({ name }) => name).join(", ");
  c.header("retry-after", String(Math.max(1, Math.ceil(restMs / 1000))));
  throw new SelvageError("limiter_unavailable", `limit ${names} did not answer`, {
    members: { type: TEMPORARY_REDUCED_CAPACITY },
  });
}

function tell(c: Context<GatewayEnv>, enforced: readonly RateLimitSettings[], outcomes: readonly LimitOutcome[]): void {
  const headers = answerHeaders(c);
  for (const [name, value] of legacyOf(c, outcomes)) headers.set(name, value);
  headers.set("ratelimit-policy", policyField(enforced));
  headers.set("ratelimit", rateLimitField(outcomes));
}

function legacyOf(c: Context<GatewayEnv>, outcomes: readonly LimitOutcome[]): [name: string, value: string][] {
  const { legacyRateLimitHeaders } = c.get("route");
  return legacyRateLimitHeaders === undefined ? [] : legacyFields(outcomes, legacyRateLimitHeaders, Date.now());
}
