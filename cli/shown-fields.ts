import { CREDENTIAL_FIELDS } from "../shared/http/credential-fields.ts";
import type { Explanation, Result } from "../shared/plan/explain-step.ts";

const HIDDEN = "(not shown)";

/** Fields as they may be shown. */
export function withoutCredentials(fields: Readonly<Record<string, string>>): Record<string, string> {
  const shown = Object.entries(fields).map(([name, value]) => [name, CREDENTIAL_FIELDS.has(name) ? HIDDEN : value]);
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
