/** When an issuer's key set is used as it is, refreshed beside the request, or waited for. */
import { limits } from "../limits.ts";
import type { KeyWait } from "./key-queue.ts";

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

/** Whether nothing was fetched for so long that any unknown key may be asked for at once. */
export function isQuiet({ attemptedAtMs }: Readonly<KeySetTimes>, nowMs: number): boolean {
  return nowMs - attemptedAtMs >= limits.identity.jwksQuietMs;
}

/**
 * What becomes of a token whose key is not in the set: `fetch` a newer one, `refuse` since the last attempt failed, or wait
 * this long. Tokens of a key that others name, too, are asked for as soon as the set has cooled down. One that is alone may
 * be made up: it waits, so that made-up names of keys do not use up the one fetch that a new key needs.
 */
export function keyMiss(times: Readonly<KeySetTimes>, wait: Readonly<KeyWait>, nowMs: number): KeyMiss {
  const { jwksCooldownMs } = limits.identity;
  const cooledAtMs = times.attemptedAtMs + jwksCooldownMs;
  if (cooledAtMs > nowMs && lastFetchFailed(times)) return "refuse";
  if (isQuiet(times, nowMs)) return "fetch";
  const fromMs = wait.isCrowd ? cooledAtMs : Math.max(cooledAtMs, wait.sinceMs + jwksCooldownMs);
  return fromMs <= nowMs ? "fetch" : fromMs - nowMs;
}

/** A number: milliseconds to wait. */
export type KeyMiss = "fetch" | "refuse" | number;
