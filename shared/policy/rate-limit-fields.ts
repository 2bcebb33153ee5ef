/**
 * `RateLimit-Policy` and `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11, and what a refusal says besides. Both are
 * Lists of Strings (RFC 9651) with Integers as parameters. The partition key (`pk`) is left out: it would be made of whom
 * a limit counts by, and tells a client nothing that it does not know.
 */
import { type Item, type Parameters, serializeList } from "structured-headers";
import { SelvageError } from "../errors.ts";
import { QUOTA_EXCEEDED } from "../http/problem-types.ts";
import type { LimitVerdict } from "./limiter-state.ts";
import type { RateLimitSettings } from "./settings.ts";

/** The part of a limit that clients are told. */
export type ToldLimit = Pick<RateLimitSettings, "name" | "limit" | "windowMs" | "burst" | "counts">;
export type LimitOutcome<Limit extends ToldLimit = RateLimitSettings> = readonly [
  settings: Limit,
  verdict: LimitVerdict,
];

/**
 * `"name";q=100;w=60` for each limit: `q` the quota, `w` its window in seconds. Slots have no window but a unit of their own
 * (`qu`). For tokens none is registered, and none for a burst: those are said by parameters of our own, as section 3.1 wants it.
 */
export function rateLimitPolicyField(all: readonly ToldLimit[]): string {
  return serializeList(all.map(policyItem));
}

function policyItem({ name, limit, windowMs, burst, counts }: ToldLimit): Item {
  if (counts === "concurrent") return item(name, { q: limit, qu: "concurrent-requests" });
  return item(name, {
    q: limit,
    w: Math.max(1, Math.round(windowMs / 1000)),
    ...(burst !== undefined && { "selvage-burst": burst }),
    ...(counts === "cost" && { "selvage-unit": "tokens" }),
  });
}

/** `"name";r=50;t=30` for each limit that answered: `r` is left, `t` seconds until there is more. */
export function rateLimitField(outcomes: readonly LimitOutcome<ToldLimit>[]): string {
  return serializeList(
    outcomes.map(([{ name }, verdict]) =>
      item(name, { r: remainingOf(verdict), t: Math.ceil(verdict.resetMs / 1000) }),
    ),
  );
}

/** Seconds for `Retry-After`: when the last of the limits that refused admits again; agrees with their `t`. */
export function retryAfterSeconds(refused: readonly LimitOutcome<ToldLimit>[]): number {
  return Math.max(1, ...refused.map(([, verdict]) => Math.ceil(verdict.resetMs / 1000)));
}

/** The answer to a request that limits have refused. @param refused those that did */
export function limitRefusal(refused: readonly LimitOutcome<ToldLimit>[]): SelvageError {
  const names = refused.map(([{ name }]) => name);
  return new SelvageError("limit_exceeded", `limit ${names.join(", ")}`, {
    members: { type: QUOTA_EXCEEDED, "violated-policies": names },
  });
}

/** What `X-RateLimit-Reset` says: the time of the clock in seconds since 1970, or the seconds until then. */
export type LegacyReset = "epoch" | "seconds";

/**
 * `X-RateLimit-Limit`, `-Remaining` and `-Reset`, which have room for one limit: of those that refused the one that does so
 * for the longest, else the one with the least left. Slots are told where they refused alone: they say nothing of a window.
 * @returns nothing when there is no such limit
 */
export function legacyFields(
  outcomes: readonly LimitOutcome<ToldLimit>[],
  reset: LegacyReset,
  nowMs: number,
): [name: string, value: string][] {
  const told = tightest(outcomes);
  if (told === undefined) return [];
  const [{ limit, burst }, verdict] = told;
  const leftSeconds = Math.ceil(verdict.resetMs / 1000);
  const seconds = reset === "seconds" ? leftSeconds : Math.ceil(nowMs / 1000) + leftSeconds;
  return [
    ["x-ratelimit-limit", String(burst ?? limit)],
    ["x-ratelimit-remaining", String(remainingOf(verdict))],
    ["x-ratelimit-reset", String(seconds)],
  ];
}

function tightest(outcomes: readonly LimitOutcome<ToldLimit>[]): LimitOutcome<ToldLimit> | undefined {
  let found: LimitOutcome<ToldLimit> | undefined;
  for (const outcome of outcomes) {
    const [{ counts }, { admitted }] = outcome;
    if (admitted && counts === "concurrent") continue;
    if (found === undefined || isTighter(outcome[1], found[1])) found = outcome;
  }
  return found;
}

function isTighter(one: LimitVerdict, other: LimitVerdict): boolean {
  if (one.admitted !== other.admitted) return !one.admitted;
  if (!one.admitted) return one.resetMs > other.resetMs;
  return one.remaining < other.remaining || (one.remaining === other.remaining && one.resetMs > other.resetMs);
}

function remainingOf({ remaining }: LimitVerdict): number {
  return Math.max(0, Math.floor(remaining));
}

function item(name: string, parameters: Readonly<Record<string, number | string>>): Item {
  return [name, new Map(Object.entries(parameters)) as Parameters];
}
