/** One line of a process's log: what it says, when, and how bad that is. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";

export const LOG_LEVELS = ["info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogEntry {
  /** Name of the process in the local system; its application writes here, too. */
  readonly process: string;
  /** Milliseconds since the epoch; of a line for people that of the line of JSON before it. Absent: there is none. */
  readonly atMs?: number;
  readonly level: LogLevel;
  /** Of a line of JSON: all that it says. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Of a line for people: it. */
  readonly text?: string;
}

/** @param line without its end. @returns undefined for an empty one */
export function readLine(process: string, line: string): LogEntry | undefined {
  if (line.trim() === "") return undefined;
  const members = line.startsWith("{") ? objectIn(line) : undefined;
  if (members === undefined) return { process, level: levelOfText(line), text: line };
  const atMs = Date.parse(String(members.time));
  return { process, ...(Number.isFinite(atMs) && { atMs }), level: levelOf(members), members };
}

function objectIn(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Events of agents and lines of others that are as it should be; what else is told has a reason. */
const WELL: ReadonlySet<unknown> = new Set([
  ...["ready", "enrolled", "renewed", "came_back", "control_connected", "source_well", "svid", "tcp_listening"],
  ...["expose_open", "expose_certificate", "told_to_drain", "certificates", "peers_renamed", "peers_denied"],
  ...["websocket", "deprecated"],
]);

function levelOf(members: Readonly<Record<string, unknown>>): LogLevel {
  const { kind, level, status, event, decision, outcome } = members;
  if (typeof level === "string") return levelNamed(level);
  if (kind === "access") return levelOfAccess(members as Pick<AccessLogEntry, "status" | "error">);
  if (kind === "audit") return decision === "refuse" || outcome === "refused" ? "warn" : "info";
  if (kind === "error") return typeof status === "number" && status < 500 ? "warn" : "error";
  return WELL.has(kind === "agent" ? event : kind) || kind === undefined ? "info" : "warn";
}

/** A client's own mistake is no trouble unless Selvage made the answer. */
function levelOfAccess({ status, error }: Pick<AccessLogEntry, "status" | "error">): LogLevel {
  if (status === 0 || status >= 500) return "error";
  return error === undefined ? "info" : "warn";
}

/** As the loggers of applications name them. */
function levelNamed(level: string): LogLevel {
  if (/^(err|error|fatal|crit|critical|panic|alert|emerg)/i.test(level)) return "error";
  return /^warn/i.test(level) ? "warn" : "info";
}

function levelOfText(line: string): LogLevel {
  if (/(error|fatal|panic|uncaught|exception)\b/i.test(line) || /^\s+at \S/.test(line)) return "error";
  return /\bwarn/i.test(line) ? "warn" : "info";
}
