import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";

/** Checks where a rule of `traffic` sends requests. @param what its targets are, such as "subset" */
export function checkSplit(rule: Cursor, what: string): DocumentProblem[] {
  const [to, split] = [rule.get("to"), rule.get("split")];
  if (typeof rule.value === "object" && to.exists === split.exists)
    return [error("SLV2005", rule.path, "a traffic rule needs exactly one of `to` and `split`")];
  const weights = split.entries.map(([, weight]) => weight.value);
  if (split.exists && weights.length === 0) return [error("SLV3008", split.path, `\`split\` names no ${what}`)];
  if (weights.length > 0 && weights.every((weight) => weight === 0))
    return [error("SLV3008", split.path, `every weight is 0: no ${what} would get a request`)];
  return [];
}
