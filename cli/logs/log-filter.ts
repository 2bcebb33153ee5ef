/** Which lines of the logs are wanted. */
import { LOG_LEVELS, type LogEntry, type LogLevel } from "./log-entry.ts";

export interface LogFilter {
  readonly level: LogLevel;
  /** Milliseconds since the epoch. Absent: from the beginning on. */
  readonly sinceMs?: number;
  readonly trace?: string;
}

export function isWanted({ level, atMs, members }: LogEntry, filter: LogFilter): boolean {
  if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(filter.level)) return false;
  if (filter.sinceMs !== undefined && (atMs === undefined || atMs < filter.sinceMs)) return false;
  return filter.trace === undefined || String(members?.traceId).startsWith(filter.trace);
}

/**
 * Agents say an event twice, for programs and for people, in whatever order: the second is left out.
 * @returns whether a line is one that was not said before
 */
export function onceEach(): (entry: LogEntry) => boolean {
  const said: string[] = [];
  return ({ process, members, text }) => {
    const sentence = members?.kind === "agent" ? members.message : text?.replace(/^selvage-agent: /, "");
    const isEvent = members?.kind === "agent" || text?.startsWith("selvage-agent: ") === true;
    if (!isEvent || typeof sentence !== "string") return true;
    const key = `${process} ${sentence}`;
    const at = said.indexOf(key);
    if (at >= 0) said.splice(at, 1);
    else if (said.push(key) > REMEMBERED) said.shift();
    return at < 0;
  };
}

/** Sentences whose other half may still come. */
const REMEMBERED = 64;
