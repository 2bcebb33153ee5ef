import type { Explanation, Result } from "../shared/plan/explain-step.ts";

/** Fields whose values are nobody's to read, also where they go on. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "dpop",
  "txn-token",
  "x-api-key",
]);
const HIDDEN = "(not shown)";

/** Fields as they may be shown. */
export function withoutCredentials(fields: Readonly<Record<string, string>>): Record<string, string> {
  const shown = Object.entries(fields).map(([name, value]) => [name, CREDENTIALS.has(name) ? HIDDEN : value]);
  return Object.fromEntries(shown);
}

/** A result as it may be shown. */
export function shownResult(result: Explanation["result"]): Explanation["result"] {
  if (result.outcome !== "drawn") return shown(result);
  return { ...result, among: result.among.map((one) => ({ ...one, result: shown(one.result) })) };
}

function shown(result: Result): Result {
  if (result.outcome !== "forward" || result.sent === undefined) return result;
  return { ...result, sent: { ...result.sent, fields: withoutCredentials(result.sent.fields) } };
}
