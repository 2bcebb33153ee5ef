/** `Cache-Control` as text: its directives one by one (RFC 9111 section 5.2). */
import { limits } from "../limits.ts";

/** RFC 9110 section 5.6.2. */
export const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;

export interface Directive {
  /** Lower case. */
  readonly name: string;
  /** Without its quotes. Undefined: it has none; null: it has one that is none by the grammar. */
  readonly value: string | null | undefined;
}

/**
 * What is not by the grammar is still told, with a value of null: `max-age =60` is about `max-age`, and whoever reads it takes the
 * careful side.
 */
export function parseDirectives(field: string): Directive[] {
  const directives: Directive[] = [];
  for (const item of splitList(field)) {
    const equals = item.indexOf("=");
    if (equals < 0) {
      const name = item.toLowerCase();
      if (TOKEN.test(name)) directives.push({ name, value: undefined });
      else directives.push({ name: name.split(/[^a-z-]/, 1)[0] ?? "", value: null });
      continue;
    }
    const name = item.slice(0, equals);
    const value = TOKEN.test(name) ? directiveValue(item.slice(equals + 1)) : null;
    directives.push({ name: name.trim().toLowerCase(), value });
  }
  return directives;
}

/** Both forms, `60` and `"60"`, ought to be accepted (section 5.2). */
function directiveValue(text: string): string | null {
  if (TOKEN.test(text)) return text;
  const quoted = QUOTED.exec(text);
  return quoted === null ? null : (quoted[1] ?? "").replace(/\\(.)/g, "$1");
}

/**
 * Members of a comma-separated list, trimmed, without the empty ones; commas in quotes separate nothing (RFC 9110 section 5.6.1).
 * Where a quote is not closed all commas count, so that nothing hides behind it.
 */
export function splitList(field: string): string[] {
  const parts = field.includes('"') ? (outsideQuotes(field) ?? field.split(",")) : field.split(",");
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function outsideQuotes(field: string): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < field.length; at++) {
    const char = field[at];
    if (char === '"') quoted = !quoted;
    else if (char === "\\" && quoted) at++;
    else if (char === "," && !quoted) {
      parts.push(field.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(field.slice(from));
  return quoted ? undefined : parts;
}

/**
 * A number of seconds (RFC 9111 section 1.2.2), great ones bounded.
 * @returns undefined when it is none
 */
export function deltaSeconds(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^\d+$/.test(text)) return undefined;
  return Math.min(Number(text), limits.cache.deltaSecondsMax);
}
