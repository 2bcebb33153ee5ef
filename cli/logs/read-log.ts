/** Reads a log from its end: nobody waits for what was said long ago. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dev } from "../../shared/limits/dev.ts";
import { type LogEntry, readLine } from "./log-entry.ts";
import { isWanted, type LogFilter } from "./log-filter.ts";

export interface ReadLog {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** Where the file ended, in bytes: what comes later is behind it. */
  readonly end: number;
}

/**
 * @param file that of the run before, or what was moved aside, is beside it as `FILE.1`
 * @param max entries; older ones are left out
 */
export function readLog(process: string, file: string, filter: LogFilter, max: number): ReadLog {
  const found: LogEntry[] = [];
  const own = statOf(file);
  /** Lines for people: their time is that of the line of JSON before them, else that of the one after them. */
  let timeless: LogEntry[] = [];
  let earliestMs = own.mtimeMs;
  const take = (entry: LogEntry): void => {
    if (isWanted(entry, filter)) found.push(entry);
  };
  const timed = (atMs: number): void => {
    for (const one of timeless) take({ ...one, atMs });
    timeless = [];
    earliestMs = atMs;
  };
  for (const entry of entriesBackwards(process, file, own.size)) {
    if (found.length >= max) break;
    if (entry.atMs === undefined && entry.members === undefined) {
      if (timeless.length < max) timeless.push(entry);
      continue;
    }
    if (entry.atMs !== undefined) timed(entry.atMs);
    take(entry);
    if (filter.sinceMs !== undefined && earliestMs < filter.sinceMs - LATE_MS) break;
  }
  timed(earliestMs);
  return { entries: found.slice(0, max).reverse(), end: own.size };
}

function* entriesBackwards(process: string, file: string, size: number): Generator<LogEntry> {
  const before = `${file}.1`;
  for (const [name, end] of [[file, size] as const, [before, statOf(before).size] as const])
    for (const line of linesBackwards(name, end)) {
      const entry = readLine(process, line);
      if (entry !== undefined) yield entry;
    }
}

/** A line of the access log has the time of the request's arrival, and is written at its end. */
const LATE_MS = 60_000;

/** Every line without its end, the last first. @param size of the file that counts, in bytes */
function* linesBackwards(file: string, size: number): Generator<string> {
  if (size === 0) return;
  const fd = openSync(file, "r");
  try {
    let rest = Buffer.alloc(0);
    for (let from = size; from > 0; ) {
      const length = Math.min(from, dev.logChunkBytes);
      from -= length;
      const chunk = Buffer.alloc(length);
      readSync(fd, chunk, 0, length, from);
      const bytes = Buffer.concat([chunk, rest]);
      const first = from === 0 ? -1 : bytes.indexOf(NEW_LINE);
      // A line that is longer than a chunk is put together by the next ones.
      if (from > 0 && first < 0) rest = bytes;
      else {
        yield* bytes
          .subarray(first + 1)
          .toString("utf8")
          .split("\n")
          .reverse();
        rest = bytes.subarray(0, Math.max(0, first));
      }
    }
  } finally {
    closeSync(fd);
  }
}

const NEW_LINE = 0x0a;

function statOf(file: string): { readonly size: number; readonly mtimeMs: number } {
  try {
    return statSync(file);
  } catch {
    return { size: 0, mtimeMs: 0 };
  }
}
