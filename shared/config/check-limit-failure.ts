/** Checks of what a limit does when it cannot be counted. */
import { limits } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { isPublic, isShadow } from "./shadow.ts";
import { parseDurationMs } from "./units.ts";

/** What only one of the routes that have a limit can say. @param at where the route has it, by its name or whole */
export function checkLimitFailure(route: Cursor, limit: Cursor, at: Cursor): DocumentProblem[] {
  if (limit.get("mode").text === "local") return [];
  return [...checkAbsent(route, limit, at), ...checkTimeout(route, limit.get("timeout"), at)];
}

/** What is said of failures though nobody is asked. */
export function checkUnasked(limit: Cursor): DocumentProblem[] {
  if (limit.get("mode").text !== "local") return [];
  return ["onFailure", "timeout"].flatMap((name) => {
    const setting = limit.get(name);
    if (!setting.exists) return [];
    const message = `\`${name}\` has no effect with \`mode: local\`: nobody is asked`;
    return [warning("SLV3009", setting.path, message, { at: "key" })];
  });
}

/** On a public route the default is an outage for everybody, the other an open door: the author must choose. */
function checkAbsent(route: Cursor, limit: Cursor, at: Cursor): DocumentProblem[] {
  // In shadow it refuses nobody, counted or not.
  if (isShadow(limit)) return [];
  if (!isPublic(route) || limit.entries.length === 0 || limit.get("onFailure").exists) return [];
  const message =
    "this route is public, and its limit does not say what happens when it cannot be counted: by default requests are refused with 503";
  return [
    warning("SLV3025", at.path, message, {
      expected: "`onFailure: closed` to refuse them, or `onFailure: open` to let them pass uncounted",
    }),
  ];
}

function checkTimeout(route: Cursor, timeout: Cursor, at: Cursor): DocumentProblem[] {
  const waitMs = parseDurationMs(timeout.text ?? "");
  const given = route.get("timeout").text;
  const wholeMs = given === undefined ? limits.gateway.requestTimeoutMs : parseDurationMs(given);
  if (waitMs === undefined || wholeMs === undefined || waitMs < wholeMs) return [];
  const path = at.text === undefined ? timeout.path : at.path;
  return [error("SLV3009", path, "the limit may take all the time that the route has (`timeout`)")];
}
