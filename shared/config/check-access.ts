/** Whether an `access` list refuses anybody. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

/** @param access of the service */
export function checkAccessShadow(name: string, { items }: Cursor): DocumentProblem[] {
  const inShadow = items.filter((rule) => rule.get("mode").text === "shadow");
  const everybody = inShadow.find((rule) => rule.get("from").text === "*");
  const cause = everybody ?? (inShadow.length === items.length ? inShadow[0] : undefined);
  if (cause === undefined) return [];
  const path = cause.get("mode").path;
  return [warning("SLV3058", path, `${name} refuses nobody: what its \`access\` would refuse is only told`)];
}
