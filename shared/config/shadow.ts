/** Whether a policy of a document is only watched. */
import type { Cursor } from "./cursor.ts";

/** @param policy of a checked document */
export const inShadow = (policy: {
  readonly shadow?: boolean | undefined;
  readonly mode?: string | undefined;
}): boolean => policy.shadow === true || policy.mode === "shadow";

/** The same of a policy of any form. */
export const isShadow = (policy: Cursor): boolean =>
  policy.get("shadow").value === true || policy.get("mode").text === "shadow";

/** Whether a route lets in whoever proves nothing. */
export const isPublic = (route: Cursor): boolean =>
  !route.get("auth").exists || route.get("auth", "optional").value === true || isShadow(route.get("auth"));

/** How a limit counts; a `mode` that says something else leaves that to the default. */
export function countingMode<Mode extends string>(mode: Mode | "enforce" | "shadow" | undefined): Mode | undefined {
  return mode === "enforce" || mode === "shadow" ? undefined : mode;
}
