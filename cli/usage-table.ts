/** Usage for people, and as CSV for other programs. */
import type { EdgeFacts, Outage, UsageBy, UsageRow } from "../shared/policy/usage-report.ts";
import type { UsageAnswer } from "../shared/wire/usage.ts";
import { type Cell, table } from "./output.ts";

const HEADS: Readonly<Record<UsageBy, string>> = {
  routes: "ROUTE",
  consumers: "CONSUMER",
  plans: "PLAN",
  services: "SERVICE",
  edges: "FROM -> TO",
};

/** What a row without a name is. */
const NAMELESS: Readonly<Record<UsageBy, string>> = {
  routes: "(no route)",
  consumers: "(no consumer)",
  plans: "(no plan)",
  services: "(no service)",
  edges: "(no service)",
};

export function usageTable({ by, rows }: Pick<UsageAnswer, "by" | "rows">): string {
  const own = { services: ["NO ANSWER"], edges: ["NO ANSWER", "REFUSED", "SECURED"] }[by as string] ?? [
    "429",
    "401/403",
  ];
  const head = [HEADS[by], "REQUESTS", "RATE", "SUCCESS", "P50", "P95", "P99", "ERRORS", ...own];
  return table(
    head,
    rows.map((row) => cellsOf(row, by)),
  );
}

function cellsOf(row: UsageRow, by: UsageBy): (string | Cell)[] {
  return [
    shownName(row.name, by),
    String(row.requests),
    rateText(row.perSecond),
    successCell(row.success),
    ...[row.p50Ms, row.p95Ms, row.p99Ms].map(millisText),
    row.errors === 0 ? "0" : { text: String(row.errors), style: "bad" },
    ...ownCells(row, by),
  ];
}

function ownCells({ noAnswer = 0, limited = 0, denied = 0, requests, edge }: UsageRow, by: UsageBy): (string | Cell)[] {
  if (by === "services") return [String(noAnswer)];
  if (by !== "edges") return [String(limited), String(denied)];
  return [String(noAnswer), denied === 0 ? "0" : { text: String(denied), style: "bad" }, securedCell(requests, edge)];
}

/** Whether both ends proved who they are, by mTLS. */
export function securedCell(requests: number, edge: Pick<EdgeFacts, "unsecured"> | undefined): string | Cell {
  if (requests === 0 || edge === undefined) return "-";
  if (edge.unsecured === 0) return { text: "mTLS", style: "ok" };
  return { text: edge.unsecured === requests ? "no" : "in part", style: "bad" };
}

const shownName = (name: string, by: UsageBy): string =>
  name === "*" || name === "* -> *" ? "(others)" : name || NAMELESS[by];

/** By the second, or the minute. */
export function rateText(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  return perSecond < 0.1 ? `${Number((perSecond * 60).toPrecision(2))}/min` : `${Number(perSecond.toPrecision(3))}/s`;
}

/** A share. Rounded down: 100 % is said only of no failure at all. */
export function successCell(success: number | undefined): string | Cell {
  if (success === undefined) return "-";
  const text = `${success === 1 ? "100" : (Math.floor(success * 10_000) / 100).toFixed(2)} %`;
  if (success >= 0.999) return text;
  return { text, style: success < 0.99 ? "bad" : "warn" };
}

/** A time; undefined: none is known. */
export function millisText(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 10_000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

/** When services were down, a line each. */
export function outageLines(rows: readonly UsageRow[]): string[] {
  const line = (name: string, { fromMs, toMs, requests, failed }: Outage): string =>
    `${name} was down ${iso(fromMs)} to ${iso(toMs)}: ${failed} of ${requests} calls failed`;
  return rows.flatMap(({ name, down }) => (down ?? []).map((outage) => line(name, outage)));
}

const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, -":00.000Z".length)}Z`;

/** Columns of CSV (RFC 4180), in the order in which they stand; new ones come last. */
const COLUMNS = [
  ...(["requests", "perSecond", "success", "errors", "limited", "denied", "noAnswer"] as const),
  ...(["meanMs", "p50Ms", "p95Ms", "p99Ms"] as const),
] as const;

/** @param atMs start of the time that the rows are of */
export function csvLines(rows: readonly UsageRow[], atMs: number): string[] {
  return rows.map((row) => {
    const statuses = ["2xx", "3xx", "4xx", "5xx"].map((status) => row.statuses[status] ?? 0);
    const cells = [new Date(atMs).toISOString(), row.name, ...COLUMNS.map((name) => row[name] ?? ""), ...statuses];
    return cells.map((cell) => csvCell(String(cell))).join(",");
  });
}

export const CSV_HEAD = ["from", "name", ...COLUMNS, "2xx", "3xx", "4xx", "5xx"].join(",");

/** What begins like a formula is one to a spreadsheet. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
