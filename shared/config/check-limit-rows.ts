/** Checks of limits that routes share, and of values by plan and consumer. */
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { parseRate } from "./units.ts";

/** Plans that are declared, and whether any limit knows them; limits of the gateway that no route names. */
export function checkPlans(gateway: Cursor): DocumentProblem[] {
  const limits = everyLimit(gateway);
  const known = new Set(limits.flatMap((limit) => limit.get("plans").keys));
  const seen = new Set<string>();
  const declared = gateway.get("plans").items.flatMap((plan) => {
    if (plan.text === undefined) return [];
    if (seen.has(plan.text)) return [error("SLV3006", plan.path, `the plan ${quote(plan.text)} is listed twice`)];
    seen.add(plan.text);
    if (known.has(plan.text)) return [];
    return [warning("SLV3037", plan.path, `no limit has values for the plan ${quote(plan.text)}`)];
  });
  return [...declared, ...checkUse(gateway), ...limits.flatMap((limit) => checkPlanNames(limit, gateway.get("plans")))];
}

function everyLimit(gateway: Cursor): Cursor[] {
  const ofRoutes = gateway.get("routes").items.flatMap((route) => route.get("rateLimit").oneOrItems);
  return [...gateway.get("limits").entries.map(([, limit]) => limit), ...ofRoutes];
}

function checkUse(gateway: Cursor): DocumentProblem[] {
  const used = new Set(gateway.get("routes").items.flatMap((route) => route.get("rateLimit").texts));
  return gateway
    .get("limits")
    .entries.filter(([name]) => !used.has(name))
    .map(([name, { path }]) => warning("SLV3037", path, `no route names the limit ${quote(name)}`, { at: "key" }));
}

function checkPlanNames(limit: Cursor, plans: Cursor): DocumentProblem[] {
  if (!plans.exists) return [];
  return limit
    .get("plans")
    .entries.filter(([plan]) => !plans.texts.includes(plan))
    .map(([plan, { path }]) => unknownName("SLV3036", "plan", plan, plans.texts, path, "key"));
}

/** The rows of one limit. */
export function checkRows(limit: Cursor): DocumentProblem[] {
  const rows = ["plans", "consumers"].flatMap((kind) => limit.get(kind).entries.map(([, row]) => row));
  return rows.flatMap((row) => checkRow(limit, row));
}

function checkRow(limit: Cursor, row: Cursor): DocumentProblem[] {
  if (row.value === "unlimited") return [];
  const slots = limit.get("concurrent").exists;
  const rate = typeof row.value === "object" ? row.get("limit") : row;
  const [concurrent, burst] = [row.get("concurrent"), row.get("burst")];
  const wrong = [
    ...(typeof row.value === "number" && !slots ? [row] : []),
    ...(rate.text !== undefined && slots ? [rate] : []),
    ...(concurrent.exists && !slots ? [concurrent] : []),
    ...(burst.exists && slots ? [burst] : []),
  ];
  const ways = slots ? "requests at once: this needs a number" : "requests in a window: this needs a rate";
  if (wrong.length > 0) return wrong.map(({ path }) => error("SLV3009", path, `the limit counts ${ways}`));
  return slots ? [] : [...checkBurst(limit, row, rate), ...checkEstimate(limit, row, rate)];
}

const isClock = (limit: Cursor, rate: string | undefined): boolean =>
  rate?.endsWith("/month") === true || limit.get("window").text === "fixed";

function checkBurst(limit: Cursor, row: Cursor, rate: Cursor): DocumentProblem[] {
  const own = limit.get("limit").text;
  const text = rate.text ?? own;
  const bursts = limit.get("burst").exists || row.get("burst").exists;
  if (bursts && isClock(limit, text))
    return [error("SLV3009", row.path, "`burst` has no meaning with windows of the clock")];
  const windowOf = (written: string | undefined): unknown => {
    const parsed = parseRate(written ?? "");
    return parsed && `${parsed.windowMs} ${isClock(limit, written)}`;
  };
  if (parseRate(text ?? "") === undefined || parseRate(own ?? "") === undefined) return [];
  if (windowOf(text) === windowOf(own) && bursts === limit.get("burst").exists) return [];
  const why = "a caller whose plan changes begins a new count here";
  return [warning("SLV3037", row.path, `this counts in another way than the limit (its window, or \`burst\`): ${why}`)];
}

function checkEstimate(limit: Cursor, row: Cursor, rate: Cursor): DocumentProblem[] {
  const estimate = limit.get("cost", "estimate").value;
  const burst = row.get("burst").value ?? limit.get("burst").value;
  const most = typeof burst === "number" ? burst : parseRate(rate.text ?? limit.get("limit").text ?? "")?.limit;
  if (typeof estimate !== "number" || most === undefined || estimate <= most) return [];
  return [error("SLV3009", row.path, `no request could ever reserve ${estimate} of ${most}`)];
}
