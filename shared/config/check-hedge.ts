/** Checks of `hedge`: what may be sent twice at a time, and whether it ever is. */
import { isIdempotent } from "../policy/retry.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { parseDurationMs } from "./units.ts";

export function checkHedge(service: Cursor): DocumentProblem[] {
  const hedge = service.get("hedge");
  return [...hedge.get("methods").items.flatMap(checkMethod), ...checkDelay(service, hedge.get("after"))];
}

function checkMethod(method: Cursor): DocumentProblem[] {
  if (method.text === undefined || isIdempotent(method.text)) return [];
  const text = `${method.text} may have an effect, and a hedge would have it twice`;
  return [error("SLV3070", method.path, text, { expected: "some of GET, HEAD, OPTIONS, PUT, DELETE" })];
}

function checkDelay(service: Cursor, after: Cursor): DocumentProblem[] {
  const afterMs = parseDurationMs(after.text ?? "");
  if (afterMs === undefined) return [];
  return [service.get("timeout"), service.get("retries", "perTry")].flatMap((bound) => {
    const boundMs = parseDurationMs(bound.text ?? "");
    if (boundMs === undefined || afterMs < boundMs) return [];
    const text = `no hedge is ever sent after ${after.text}: an attempt has ended by then (${bound.text})`;
    return [warning("SLV3071", after.path, text)];
  });
}
