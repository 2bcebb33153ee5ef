/** When an issuer's key set is used as it is, refreshed beside the request, or waited for. */
import { limits } from "../limits.ts";

export interface KeySetTimes {
  /** Last success and last attempt, milliseconds; 0: never. */
  fetchedAtMs: number;
  attemptedAtMs: number;
  /** Last attempt because of an unknown `kid`. */
  missedAtMs: number;
}

export const newKeySetTimes = (): KeySetTimes => ({ fetchedAtMs: 0, attemptedAtMs: 0, missedAtMs: 0 });

/** `use`; `refresh`: use, and fetch beside it; `fetch`: nothing usable, wait for it; `none`: nothing usable and just tried. */
export type KeySetUse = "use" | "refresh" | "fetch" | "none";

export function keySetUse(times: Readonly<KeySetTimes>, nowMs: number): KeySetUse {
  const { jwksFreshMs, jwksStaleMs, jwksRetryMs } = limits.identity;
  const age = nowMs - times.fetchedAtMs;
  const mayTry = nowMs - times.attemptedAtMs >= jwksRetryMs;
  if (times.fetchedAtMs === 0 || age > jwksStaleMs) return mayTry ? "fetch" : "none";
  return age > jwksFreshMs && mayTry ? "refresh" : "use";
}

/** Whether an unknown `kid` may cause a fetch now; marks it. */
export function takeKeyMiss(times: KeySetTimes, nowMs: number): boolean {
  if (times.missedAtMs !== 0 && nowMs - times.missedAtMs < limits.identity.jwksCooldownMs) return false;
  times.missedAtMs = nowMs;
  return true;
}
