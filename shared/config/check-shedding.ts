/** Checks of load shedding: bounds the wrong way round, priorities without effect. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkShedding(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services").entries.map(([, service]) => service.get("shedding"));
  const all = [top.get("gateway", "shedding"), ...services].filter(({ exists }) => exists);
  if (all.length > 0) return all.flatMap(checkBounds);
  return top.get("gateway", "routes").items.flatMap((route) => {
    const priority = route.get("priority");
    if (!priority.exists) return [];
    const text = "`priority` has no effect without `shedding` of the gateway or of a service";
    return [warning("SLV3009", priority.path, text, { at: "key" })];
  });
}

function checkBounds(shedding: Cursor): DocumentProblem[] {
  const [min, max] = [shedding.get("minConcurrency"), shedding.get("maxConcurrency")];
  if (typeof min.value !== "number" || typeof max.value !== "number" || min.value <= max.value) return [];
  return [error("SLV3009", min.path, "`minConcurrency` is larger than `maxConcurrency`")];
}
