/** `RateLimit-Policy` and `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11, and what a refusal says besides. */
import { type Item, type Parameters, serializeList } from "structured-headers";
import type { LimitVerdict } from "./limiter-state.ts";
import type { RateLimitSettings } from "./settings.ts";

export const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

export type LimitOutcome = readonly [settings: RateLimitSettings, verdict: LimitVerdict];

/** `"name";q=100;w=60` for each limit: `q` the quota, `w` its window in seconds. */
export function rateLimitPolicyField(all: readonly RateLimitSettings[]): string {
  return serializeList(
    all.map((one) => item(one.name, { q: one.limit, w: Math.max(1, Math.round(one.windowMs / 1000)) })),
  );
}

/** `"name";r=50;t=30` for each limit that answered: `r` requests left, `t` seconds until there are more. */
export function rateLimitField(outcomes: readonly LimitOutcome[]): string {
  return serializeList(
    outcomes.map(([{ name }, verdict]) =>
      item(name, { r: Math.max(0, verdict.remaining), t: Math.ceil(verdict.resetMs / 1000) }),
    ),
  );
}

/** Seconds for `Retry-After`: when the last of the limits that refused admits again; agrees with their `t`. */
export function retryAfterSeconds(refused: readonly LimitOutcome[]): number {
  return Math.max(1, ...refused.map(([, verdict]) => Math.ceil(verdict.resetMs / 1000)));
}

function item(name: string, parameters: Readonly<Record<string, number>>): Item {
  return [name, new Map(Object.entries(parameters)) as Parameters];
}
