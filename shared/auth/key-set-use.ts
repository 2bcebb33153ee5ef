/** When an issuer's key set is used as it is, refreshed beside the request, or waited for. */
import { limits } from "../limits.ts";

export interface KeySetTimes {
  /** Last success and last attempt, milliseconds; 0: never. */
  fetchedAtMs: number;
  attemptedAtMs: number;
}

export const newKeySetTimes = (): KeySetTimes => ({ fetchedAtMs: 0, attemptedAtMs: 0 });

/** `use`; `refresh`: use, and fetch beside it; `fetch`: nothing usable, wait for it; `none`: nothing usable and just tried. */
export type KeySetUse = "use" | "refresh" | "fetch" | "none";

export function keySetUse(times: Readonly<KeySetTimes>, nowMs: number): KeySetUse {
  const { jwksFreshMs, jwksStaleMs, jwksRetryMs, jwksCooldownMs } = limits.identity;
  const age = nowMs - times.fetchedAtMs;
  const sinceTry = nowMs - times.attemptedAtMs;
  if (times.fetchedAtMs === 0 || age > jwksStaleMs) return sinceTry >= jwksRetryMs ? "fetch" : "none";
  return age > jwksFreshMs && sinceTry >= jwksCooldownMs ? "refresh" : "use";
}

/** After the last attempt failed nothing is known of keys that came since: a token of an unknown one may be good. */
export function lastFetchFailed({ fetchedAtMs, attemptedAtMs }: Readonly<KeySetTimes>): boolean {
  return fetchedAtMs < attemptedAtMs;
}

/**
 * What becomes of a token whose key is not in the set: `fetch` a newer one, `refuse`, or wait this long until one may be
 * fetched. A set is fetched once in the time of cooling down, so that made-up names of keys cannot make us hammer the issuer.
 * @param withdrawn whether the key was in an earlier set: it is no new one, so there is nothing to wait for
 */
export function keyMiss(times: Readonly<KeySetTimes>, withdrawn: boolean, nowMs: number): "fetch" | "refuse" | number {
  const waitMs = times.attemptedAtMs + limits.identity.jwksCooldownMs - nowMs;
  if (waitMs <= 0) return "fetch";
  return withdrawn || lastFetchFailed(times) ? "refuse" : waitMs;
}
