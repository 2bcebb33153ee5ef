/** A line of a log for people. */
import { stripVTControlCharacters } from "node:util";
import { printable } from "../../shared/config/code-frame.ts";
import { type Style, style } from "../output.ts";
import { latency } from "../tap/tap-rows.ts";
import type { LogEntry, LogLevel } from "./log-entry.ts";

const STYLES: Readonly<Record<LogLevel, Style | undefined>> = { info: undefined, warn: "warn", error: "bad" };

/** @param width of the longest name of a process */
export function logRow(entry: LogEntry, width: number): string {
  const { atMs, level, process } = entry;
  const time = atMs === undefined ? "" : new Date(atMs).toISOString().slice("2026-01-01T".length, -1);
  const as = STYLES[level];
  const [who, how] = [process.padEnd(width), level.padEnd("error".length)];
  const shown = as === undefined ? how : style(as, how);
  return `${style("dim", time.padEnd(12))}  ${who}  ${shown}  ${printable(stripVTControlCharacters(textOf(entry)))}`;
}

/** Members that stand elsewhere in the row, or say what every line of the process says. */
const KNOWN = new Set([
  ...["time", "kind", "service", "instance", "level", "spanId", "event", "message", "reason", "hop"],
  ...["method", "host", "path", "status", "durationMs", "plan", "endpoint", "traceId", "error"],
]);

function textOf({ text, members }: LogEntry): string {
  if (members === undefined) return text ?? "";
  const { kind, event, message, reason, error, traceId } = members;
  const head = kind === "access" ? [] : kind === "agent" ? [event] : [kind];
  const more = Object.entries(members).flatMap(([name, value]) =>
    KNOWN.has(name) || value === "" ? [] : [`${name}=${typeof value === "object" ? JSON.stringify(value) : value}`],
  );
  const trace = typeof traceId === "string" && traceId !== "" ? [`trace=${traceId}`] : [];
  return [...head, ...requestOf(members), message, error, reason, ...more, ...trace]
    .filter((part) => part !== undefined)
    .join("  ");
}

/** `inbound GET /orders 503 12ms` */
function requestOf({ hop, method, path, status, durationMs }: Readonly<Record<string, unknown>>): string[] {
  if (method === undefined) return [];
  const at = hop === undefined || hop === "gateway" ? [] : [hop];
  const took = typeof durationMs === "number" ? [latency(durationMs)] : [];
  return [[...at, method, path, status, ...took].filter((part) => part !== undefined).join(" ")];
}
