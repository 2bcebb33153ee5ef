/** Checks of load shedding: bounds the wrong way round, priorities without effect. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkShedding(top: Cursor): DocumentProblem[] {
  const shedding = top.get("gateway", "shedding");
  const [min, max] = [shedding.get("minConcurrency"), shedding.get("maxConcurrency")];
  const problems: DocumentProblem[] = [];
  if (typeof min.value === "number" && typeof max.value === "number" && min.value > max.value)
    problems.push(error("SLV3009", min.path, "`minConcurrency` is larger than `maxConcurrency`"));
  if (shedding.exists) return problems;
  return top.get("gateway", "routes").items.flatMap((route) => {
    const priority = route.get("priority");
    if (!priority.exists) return [];
    return [warning("SLV3009", priority.path, "`priority` has no effect without `gateway.shedding`", { at: "key" })];
  });
}
