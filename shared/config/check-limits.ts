/** Checks of limits: whom they count by, and settings that contradict each other. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseRate } from "./units.ts";

export function checkLimits(route: Cursor): DocumentProblem[] {
  const names = new Set<string>();
  return route
    .get("rateLimit")
    .oneOrItems.flatMap((limit) => [
      ...checkKey(route, limit),
      ...checkName(limit, names),
      ...checkCount(limit),
      ...checkCost(limit),
    ]);
}

function checkKey(route: Cursor, limit: Cursor): DocumentProblem[] {
  const by = limit.get("by");
  if (by.text !== "identity") return [];
  if (!route.get("auth").exists)
    return [
      error("SLV3009", by.path, "`by: identity` needs `auth`: without it every client would share one count", {
        suggestion: "ip",
      }),
    ];
  if (route.get("auth", "optional").value !== true) return [];
  return [warning("SLV3009", by.path, "`auth` is optional: clients without credentials share one count")];
}

function checkName(limit: Cursor, names: Set<string>): DocumentProblem[] {
  const name = limit.get("name");
  if (name.text === undefined) return [];
  if (names.has(name.text))
    return [error("SLV3006", name.path, `the limit name ${quote(name.text)} is used twice in this route`)];
  names.add(name.text);
  return [];
}

function checkCount(limit: Cursor): DocumentProblem[] {
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
