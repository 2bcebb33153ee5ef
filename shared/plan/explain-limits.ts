import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { leaseMsOf, lendableOf } from "../policy/limiter-state.ts";
import { rateLimitKey } from "../policy/rate-limit-key.ts";
import type { RateLimitSettings } from "../policy/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

export function explainLimits(
  route: RoutePlan,
  at: Path,
  identity: Identity,
  clientIp: string | undefined,
): ExplainStep[] {
  return route.rateLimits.map((limit, index) => {
    const path = [...at, "rateLimit", ...(route.rateLimits.length > 1 ? [index] : [])];
    const counted =
      limit.by === "ip" && clientIp === undefined
        ? "the client's address (say which with --from)"
        : rateLimitKey(limit.by, identity, clientIp);
    const texts = [describeCount(limit), describeMode(limit), `${limit.onFailure} when the count is unknown`];
    return step(`limit ${limit.name}`, "note", `${texts.join(", ")}, counted by ${counted}; not counted now`, path);
  });
}

function describeCount({ limit, windowMs, burst, window, counts, cost }: RateLimitSettings): string {
  if (counts === "concurrent") return `${limit} at once`;
  const what = cost === undefined ? `${limit}` : `${limit} tokens (${cost.estimate} reserved for each request)`;
  if (burst !== undefined) return `${what} in ${formatDuration(windowMs)} sustained, ${burst} at once`;
  if (window === "month") return `${what} in a calendar month (UTC)`;
  if (window === "fixed")
    return `${what} in each ${formatDuration(windowMs)} of the clock, up to twice that around a border`;
  return `${what} in any window of ${formatDuration(windowMs)}`;
}

/** What the mode costs: how many too many it can let pass, and how much of the limit it can leave unused. */
function describeMode(settings: RateLimitSettings): string {
  const { mode, limit } = settings;
  if (mode === "local") return `local: each isolate counts for itself, so up to ${limit} times their number`;
  const slices = isSliced(settings) ? `, at a steady rate up to 1 in ${limits.rateLimit.slidingSlices + 1} unused` : "";
  if (mode === "exact") return `exact: one call a request, never one too many${slices}`;
  const lendable = leaseMsOf(settings) === 0 ? 0 : lendableOf(settings);
  if (lendable === 0) return `leased: never one too many; too small to be lent, so one call a request${slices}`;
  return `leased: never one too many, up to ${lendable} unused in isolates${slices}`;
}

function isSliced({ limit, burst, window, counts }: RateLimitSettings): boolean {
  return burst === undefined && window === undefined && counts !== "concurrent" && limit > limits.rateLimit.exactLogMax;
}
