/** Checks of a service's `rateLimit`, which each of its agents counts. */
import { limits } from "../limits.ts";
import { checkCount } from "./check-limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseDurationMs, parseRate } from "./units.ts";

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
      ...checkFields(limit),
      ...checkCallers(limit, service.get("access")),
      ...checkMode(limit, service.get("timeout")),
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
  const fields = fieldsOf(by).map(({ text = "" }) => text.toLowerCase());
  const names = [...parts, ...fields.map((field) => `header ${field}`)];
  if (parts.includes("all") && names.length > 1)
    problems.push(error("SLV3009", by.path, "`all` counts everybody together: it stands alone"));
  if (new Set(names).size < names.length) problems.push(error("SLV3006", by.path, "a part of `by` is named twice"));
  if (missing.text !== undefined && names.length > 0 && fields.length === 0 && !parts.includes("identity"))
    problems.push(
      warning("SLV3009", missing.path, "`missing` decides nothing: every call has this key", { at: "key" }),
    );
  return problems;
}

const fieldsOf = (by: Cursor): Cursor[] =>
  by.oneOrItems.map((part) => part.get("header")).filter(({ exists }) => exists);

/** Fields that are not what callers say. */
function checkFields(limit: Cursor): DocumentProblem[] {
  return fieldsOf(limit.get("by")).flatMap((field) => {
    const name = (field.text ?? "").toLowerCase();
    if (!name.startsWith("selvage-") && name !== "txn-token") return [];
    const message = `\`${name}\` is between agents: it says nothing that a limit could count by`;
    const expected = "`service` for who calls, `identity` for the end user";
    return [error("SLV3190", field.path, message, { expected })];
  });
}

/** What belongs to a count over all instances, and what does not. */
function checkMode(limit: Cursor, serviceTimeout: Cursor): DocumentProblem[] {
  const mode = limit.get("mode");
  const isLocal = !["leased", "exact"].includes(mode.text ?? "");
  if (isLocal)
    return ["onFailure", "timeout"].flatMap((name) => {
      const setting = limit.get(name);
      const message = `\`${name}\` has no effect without \`mode: leased\` or \`exact\`: nobody is asked`;
      return setting.exists ? [warning("SLV3009", setting.path, message, { at: "key" })] : [];
    });
  if (limit.get("concurrent").exists) {
    const message = "calls at once are counted by each instance alone: `mode` is for `limit`";
    return [error("SLV3191", mode.path, message, { expected: "a `limit`, or no `mode`" })];
  }
  const { meshLimits, rateLimit } = limits;
  const timeout = limit.get("timeout");
  const waitMs = timeout.exists ? parseDurationMs(timeout.text ?? "") : meshLimits.waitMs;
  const wholeMs = parseDurationMs(serviceTimeout.text ?? "");
  const problems: DocumentProblem[] = [];
  if (waitMs !== undefined && wholeMs !== undefined && wholeMs > 0 && waitMs >= wholeMs) {
    const message = "the limit may take all the time that the service has (`timeout`)";
    problems.push(error("SLV3192", timeout.exists ? timeout.path : mode.path, message));
  }
  const most = parseRate(limit.get("limit").text ?? "")?.limit;
  if (mode.text === "leased" && most !== undefined && !limit.get("burst").exists && most < rateLimit.leasedPart) {
    const message = `nothing of a limit below ${rateLimit.leasedPart} is lent: each call is asked for`;
    problems.push(warning("SLV3193", mode.path, message, { expected: "`mode: exact` to say so" }));
  }
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
