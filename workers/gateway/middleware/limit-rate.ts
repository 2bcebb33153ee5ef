import type { Context, MiddlewareHandler } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import {
  type LimitOutcome,
  QUOTA_EXCEEDED,
  rateLimitField,
  rateLimitPolicyField,
  retryAfterSeconds,
} from "../../../shared/policy/rate-limit-fields.ts";
import { rateLimitKey } from "../../../shared/policy/rate-limit-key.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import { limitsFor } from "../upstream/caller-limits.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { settleAfter } from "../upstream/settle-cost.ts";
import type { LimitTaker } from "../upstream/take-limits.ts";

/**
 * Every limit of the route must admit the request; what one of them took is given back when another refuses.
 * @param held what the isolate holds of bodies
 */
export function limitRate(taker: LimitTaker, held: HeldBytes): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const { name: route, rateLimits: all } = c.get("route");
    const rateLimits = limitsFor(c.get("held").plan, all, c.get("identity"));
    if (rateLimits.length === 0) return next();
    const wanted = rateLimits.map((settings) => ({
      settings,
      route,
      key: rateLimitKey(settings.by, c.get("identity"), c.get("clientIp")),
    }));
    const background = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
    const taken = await taker.take({ env: c.env, background }, wanted);
    const { outcomes, failed } = taken;
    const refused = outcomes.filter(([, { admitted }]) => !admitted);
    const closed = failed.find(({ onFailure }) => onFailure === "closed");
    if (refused.length > 0 || closed !== undefined) taken.undo();
    if (refused.length > 0) refuse(c, rateLimits, outcomes, refused);
    if (closed !== undefined) throw new SelvageError("limiter_unavailable", `limit ${closed.name} did not answer`);
    for (const { name } of failed) tellUncounted(c, name);
    await next();
    const reserving = rateLimits.filter(({ counts }) => counts !== undefined);
    if (reserving.length > 0) c.res = settleAfter(c.res, taken, reserving, held);
    if (outcomes.length > 0) tell(c.res.headers, rateLimits, outcomes);
  };
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
  rateLimits: readonly RateLimitSettings[],
  outcomes: readonly LimitOutcome[],
  refused: readonly LimitOutcome[],
): never {
  const names = refused.map(([{ name }]) => name);
  c.header("retry-after", String(retryAfterSeconds(refused)));
  c.header("ratelimit-policy", policyField(rateLimits));
  c.header("ratelimit", rateLimitField(outcomes));
  throw new SelvageError("limit_exceeded", `limit ${names.join(", ")}`, {
    members: { type: QUOTA_EXCEEDED, "violated-policies": names },
  });
}

/** A limit that is open and cannot be asked protects nothing meanwhile. */
function tellUncounted(c: Context<GatewayEnv>, name: string): void {
  const reason = `limit ${name} of route ${c.get("route").name} did not answer`;
  console.warn(JSON.stringify({ kind: "limit", traceId: c.get("trace").traceId, reason, answered: "open" }));
}

function tell(headers: Headers, rateLimits: readonly RateLimitSettings[], outcomes: readonly LimitOutcome[]): void {
  headers.set("ratelimit-policy", policyField(rateLimits));
  headers.set("ratelimit", rateLimitField(outcomes));
}
