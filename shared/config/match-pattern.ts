import { type ParsedPattern, parsePath, parsePathRegex } from "../route/parse-path.ts";
import type { Cursor } from "./cursor.ts";

/** The pattern of a route's `match.path`, in either of its forms; a fault when there is none. */
export function matchPattern(route: Cursor): ParsedPattern {
  const path = route.get("match", "path");
  const regex = path.get("regex").text;
  return regex === undefined ? parsePath(path.text ?? "") : parsePathRegex(regex);
}
