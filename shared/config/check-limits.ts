/** Checks of limits: settings that contradict each other. */
import { checkLimitFailure, checkUnasked } from "./check-limit-failure.ts";
import { checkEvasion, checkKey, checkKeyUse, type UsedLimit } from "./check-limit-keys.ts";
import { checkPlans, checkRows } from "./check-limit-rows.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseRate } from "./units.ts";

/** What is wrong with a limit wherever it stands; those that routes name are checked once. */
export function checkNamedLimits(gateway: Cursor): DocumentProblem[] {
  const named = gateway.get("limits").entries.flatMap(([, limit]) => checkValues(limit));
  return [...named, ...checkPlans(gateway)];
}

export function checkLimits(route: Cursor, gateway: Cursor): DocumentProblem[] {
  const names = new Set<string>();
  if (!route.get("rateLimit").exists) return checkLegacyHeaders(route.get("legacyRateLimitHeaders"));
  const named = gateway.get("limits");
  const used: UsedLimit[] = [];
  const problems = route.get("rateLimit").oneOrItems.flatMap((limit) => {
    const { text } = limit;
    const own = text === undefined ? checkValues(limit) : [];
    if (text !== undefined && !named.keys.includes(text))
      return [unknownName("SLV3036", "limit", text, named.keys, limit.path)];
    const one = text === undefined ? { limit } : { limit: named.get(text), named: limit };
    used.push(one);
    return [
      ...checkKeyUse(route, one, gateway),
      ...checkCallers(route, one.limit, limit),
      ...checkLimitFailure(route, one.limit, limit),
      ...checkName(text === undefined ? limit.get("name") : limit, names),
      ...own,
    ];
  });
  return [...problems, ...checkEvasion(route, used)];
}

const checkValues = (limit: Cursor): DocumentProblem[] => [
  ...checkKey(limit),
  ...checkCount(limit),
  ...checkCost(limit),
  ...checkRows(limit),
  ...checkUnasked(limit),
];

function checkLegacyHeaders(headers: Cursor): DocumentProblem[] {
  if (!headers.exists || headers.text === "none") return [];
  const message = "`legacyRateLimitHeaders` has no effect on a route without `rateLimit`";
  return [warning("SLV3009", headers.path, message, { at: "key" })];
}

/** Values by plan and consumer, where nobody is known. */
function checkCallers(route: Cursor, limit: Cursor, at: Cursor): DocumentProblem[] {
  const rows = ["plans", "consumers"].filter((kind) => limit.get(kind).exists);
  if (rows.length === 0 || route.get("auth").exists || limit.get("by").text === "identity") return [];
  const text = `\`${rows.join("` and `")}\` decide nothing without \`auth\`: no caller has a plan or is a consumer`;
  return [warning("SLV3037", at.path, text)];
}

function checkName(name: Cursor, names: Set<string>): DocumentProblem[] {
  if (name.text === undefined) return [];
  if (names.has(name.text))
    return [error("SLV3006", name.path, `the limit name ${quote(name.text)} is used twice in this route`)];
  names.add(name.text);
  return [];
}

/** How much a limit lets through, wherever it stands. */
export function checkCount(limit: Cursor): DocumentProblem[] {
  if (typeof limit.value !== "object" || limit.value === null) return [];
  const [rate, concurrent, window, burst] = [
    limit.get("limit"),
    limit.get("concurrent"),
    limit.get("window"),
    limit.get("burst"),
  ];
  if (rate.exists === concurrent.exists)
    return [
      error("SLV2005", limit.path, "a limit needs exactly one of `limit` and `concurrent`", {
        expected: "`limit` or `concurrent`",
      }),
    ];
  const without = concurrent.exists ? [window, burst, limit.get("cost")] : [];
  const problems = without.flatMap((one) => noMeaning(one, "`concurrent`, which has no window"));
  const month = rate.text?.endsWith("/month") === true;
  if (month && window.text === "sliding")
    problems.push(
      error("SLV3009", window.path, "a month is a calendar month; a window of any 30 days is `/30d`", {
        suggestion: "fixed",
      }),
    );
  if (month || window.text === "fixed") problems.push(...noMeaning(burst, "windows of the clock"));
  return problems;
}

function noMeaning(setting: Cursor, beside: string): DocumentProblem[] {
  if (!setting.exists) return [];
  const name = setting.path.at(-1);
  return [error("SLV3009", setting.path, `\`${name}\` has no meaning with ${beside}`, { at: "key" })];
}

function checkCost(limit: Cursor): DocumentProblem[] {
  const cost = limit.get("cost");
  if (typeof cost.value !== "object" || cost.value === null) return [];
  const problems: DocumentProblem[] = [];
  if (!cost.get("header").exists && !cost.get("body").exists)
    problems.push(
      error("SLV2005", cost.path, "a cost needs a place where the answer tells it", { expected: "`header` or `body`" }),
    );
  const estimate = cost.get("estimate");
  const burst = limit.get("burst").value;
  const most = typeof burst === "number" ? burst : parseRate(limit.get("limit").text ?? "")?.limit;
  if (typeof estimate.value === "number" && most !== undefined && estimate.value > most)
    problems.push(error("SLV3009", estimate.path, `no request could ever reserve ${estimate.value} of ${most}`));
  return problems;
}
