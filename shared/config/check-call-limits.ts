/** Checks of a service's `rateLimit`, which each of its agents counts. */
import { checkCount } from "./check-limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkCallLimits(top: Cursor): DocumentProblem[] {
  return top.get("mesh", "services").entries.flatMap(([, service]) => checkService(service));
}

function checkService(service: Cursor): DocumentProblem[] {
  const names = new Set<string>();
  return service
    .get("rateLimit")
    .oneOrItems.flatMap((limit) => [
      ...checkCount(limit),
      ...checkName(limit.get("name"), names),
      ...checkParts(limit),
      ...checkCallers(limit, service.get("access")),
    ]);
}

function checkName(name: Cursor, names: Set<string>): DocumentProblem[] {
  if (name.text === undefined) return [];
  if (names.has(name.text)) return [error("SLV3006", name.path, `the limit name ${quote(name.text)} is used twice`)];
  names.add(name.text);
  return [];
}

function checkParts(limit: Cursor): DocumentProblem[] {
  const [by, missing] = [limit.get("by"), limit.get("missing")];
  const parts = by.texts;
  const problems: DocumentProblem[] = [];
  if (parts.includes("all") && parts.length > 1)
    problems.push(error("SLV3009", by.path, "`all` counts everybody together: it stands alone"));
  if (new Set(parts).size < parts.length) problems.push(error("SLV3006", by.path, "a part of `by` is named twice"));
  if (missing.text !== undefined && parts.length > 0 && !parts.includes("identity"))
    problems.push(
      warning("SLV3009", missing.path, "`missing` decides nothing: every call has this key", { at: "key" }),
    );
  return problems;
}

/** Where one workload alone may call there is nobody to tell it apart from. */
function checkCallers(limit: Cursor, access: Cursor): DocumentProblem[] {
  const by = limit.get("by");
  const callers = new Set(access.items.flatMap((rule) => rule.get("from").texts));
  const [only] = callers;
  if (by.texts.join() !== "service" || callers.size !== 1 || only === undefined || only === "*") return [];
  const message = `only ${only} may call: \`by: service\` counts all calls together`;
  return [
    warning("SLV3067", by.path, message, { expected: "`by: identity` for each end user, or `by: all` to say so" }),
  ];
}
