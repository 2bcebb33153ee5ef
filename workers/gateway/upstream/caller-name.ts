import type { Identity } from "../../../shared/identity/identity.ts";
import { OTHERS } from "../../../shared/policy/counters.ts";

/** What counters call those of whom nothing was proven. */
export const ANONYMOUS = "anonymous";

/**
 * A name as a label of a counter. An issuer may call people as it likes, a report to the control plane holds printable ASCII,
 * and nobody is called as all others together are.
 */
export function labelOf(name: string): string {
  const label = name.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent);
  return label === OTHERS ? `${label} ` : label;
}

/** As operators know their callers; a subject only where nothing says which consumer it belongs to. */
export function callerOf({ consumer, method, sub }: Identity): string {
  return method === "anonymous" ? ANONYMOUS : labelOf(consumer ?? sub);
}
