import { limits } from "../../../shared/limits.ts";
import type { CodeExchange } from "./code-exchange.ts";
import type { CodeLog } from "./policy.ts";

type Level = keyof CodeLog;

/** Lines of a file's code, beside those of the access log. */
export function logFor(exchange: CodeExchange, file: string): CodeLog {
  const say = (level: Level, message: string, details?: Readonly<Record<string, unknown>>): void => {
    if (++exchange.lines > limits.code.logLinesMax) return;
    const { c } = exchange;
    const about = { kind: "code", level, traceId: c.get("trace").traceId, route: c.get("route").name, code: file };
    const line = lineOf({ ...about, message: String(message), details }) ?? lineOf({ ...about, message: "too long" });
    console[level === "info" ? "log" : "warn"](line);
  };
  return {
    info: (message, details) => say("info", message, details),
    warn: (message, details) => say("warn", message, details),
    error: (message, details) => say("error", message, details),
  };
}

/** @returns undefined when it is longer than a line may be, or cannot be written at all */
function lineOf(entry: Readonly<Record<string, unknown>>): string | undefined {
  try {
    const line = JSON.stringify(entry);
    return line.length > limits.code.logCharsMax ? undefined : line;
  } catch {
    return undefined;
  }
}
