/**
 * Regular expressions of a document, by RE2: no look-around, no back-references, and so no backtracking. The time of a
 * match grows with the text and the program, both of which have a bound. The engine is large: where few plans need it,
 * this file is loaded by the first one that does.
 */
import { RE2JS } from "re2js";
import { limits } from "../limits.ts";

export interface SafeRegex {
  /** Instructions of its program: a match takes at most so many steps a character. */
  readonly size: number;
  /** Whether the whole text matches. */
  matches(text: string): boolean;
  /** Whether any part of the text matches. */
  finds(text: string): boolean;
  /** The text with each match replaced; `$1` and `$<name>` in the replacement stand for groups, `$$` for a dollar. */
  replaceAll(text: string, replacement: string): string;
}

export interface RegexBounds {
  readonly charsMax: number;
  readonly programMax: number;
  /** In a longer text nothing is found. */
  readonly textCharsMax: number;
}

/**
 * @param source in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax)
 * @returns the expression, or why it cannot be used
 */
export function parseRegex(source: string, bounds: RegexBounds = limits.regex): SafeRegex | string {
  const { charsMax, programMax, textCharsMax } = bounds;
  if (source.length > charsMax) return `it has more than ${charsMax} characters`;
  if (!source.isWellFormed()) return "it is not well-formed Unicode";
  const compiled = compileRegex(source);
  if (typeof compiled === "string") return compiled;
  const size = compiled.programSize();
  if (size > programMax) return `it is too large: what it repeats makes more than ${programMax} instructions`;
  const isShort = (text: string): boolean => text.length <= textCharsMax;
  const regex: SafeRegex = {
    size,
    matches: (text) => isShort(text) && compiled.testExact(text),
    finds: (text) => isShort(text) && compiled.test(text),
    replaceAll: (text, replacement) => (isShort(text) ? compiled.matcher(text).replaceAll(replacement, false) : text),
  };
  return regex;
}

function compileRegex(source: string): RE2JS | string {
  try {
    return RE2JS.compile(source);
  } catch (fault) {
    if (!(fault instanceof Error)) throw fault;
    return describeFault(fault.message.replace(/^error parsing regexp: /, ""));
  }
}

/** RE2 says only that it does not know the syntax: most often it is one that only backtracking could match. */
function describeFault(message: string): string {
  if (/`\(\?<?[=!]/.test(message)) return "look-around is not part of RE2";
  if (/invalid escape sequence: `\\[1-9]/.test(message)) return "back-references are not part of RE2";
  return message;
}
