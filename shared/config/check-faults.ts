/** Checks of injected faults: how many requests they hit, and whether they do anything. */
import { limits } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import { matchesAll } from "./matches-all.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

/** Of the mesh. */
export const FAULTS = ["delay", "abort", "reset", "slowBody"];

/** @param place what has `faults` @param kinds those that it can have */
export function checkFaults(place: Cursor, kinds: readonly string[]): DocumentProblem[] {
  let hidden = false;
  return place.get("faults").items.flatMap((fault) => {
    const problems = checkFault(fault, kinds);
    if (hidden) problems.push(warning("SLV3012", fault.path, "no request gets here before the fault above is over"));
    hidden ||= isForAll(fault);
    return problems;
  });
}

function checkFault(fault: Cursor, known: readonly string[]): DocumentProblem[] {
  const kinds = known.filter((kind) => fault.get(kind).exists);
  if (typeof fault.value !== "object") return [];
  if (kinds.length === 0) return [error("SLV2002", fault.path, `a fault needs one of ${known.join(", ")}`)];
  const percents = kinds.map((kind) => fault.get(kind, "percent").value);
  const sum = percents.reduce<number>((all, one) => all + (typeof one === "number" ? one : 0), 0);
  const most = isForAll(fault) ? limits.fault.percentMax : 100;
  if (sum <= most) return [];
  const why = most === 100 ? "more than all there are" : `without \`match\` at most ${most} %`;
  return [error("SLV3009", fault.path, `this hits ${sum} % of the requests: ${why}`)];
}

const isForAll = (fault: Cursor): boolean => matchesAll(fault.get("match"));
