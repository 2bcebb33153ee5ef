/** Path patterns: `/orders/{id}/items/*`. */
import { limits } from "../limits.ts";
import { normalisePath } from "./normalise-path.ts";
import type { PathPattern, PathSegment } from "./route-match.ts";

export type ParsedPattern =
  | { readonly pattern: PathPattern; readonly fault?: never }
  | { readonly fault: string; readonly pattern?: never };

const PARAM = /^\{([A-Za-z][A-Za-z0-9_]{0,62})(?::(.+))?\}$/;

/**
 * Reads a pattern: segments are literals, `{name}` or `{name:REGEX}`, a last segment `*` is the tail. Literals are brought
 * into the form that `normalisePath` gives requests, so both can be compared as they are. Whether an expression can be used
 * is for `parseRegex` to say.
 */
export function parsePath(text: string): ParsedPattern {
  if (!text.startsWith("/")) return { fault: "it must begin with /" };
  const pieces = splitSegments(text.slice(1));
  if (pieces.length > limits.document.segmentsMax)
    return { fault: `it has more than ${limits.document.segmentsMax} segments` };
  const tail = pieces.at(-1) === "*";
  if (tail) pieces.pop();
  const segments: PathSegment[] = [];
  const names = new Set<string>();
  for (const [at, piece] of pieces.entries()) {
    const [, param, regex] = PARAM.exec(piece) ?? [];
    if (param !== undefined) {
      if (param in Object.prototype) return { fault: `{${param}} is a built-in word of JavaScript` };
      if (names.has(param)) return { fault: `{${param}} occurs twice` };
      names.add(param);
      segments.push({ param, ...(regex !== undefined && { regex }) });
      continue;
    }
    const literal = readLiteral(piece, at === pieces.length - 1 && !tail);
    if (literal.fault !== undefined) return literal;
    segments.push(literal);
  }
  return { pattern: { text, segments, tail } };
}

/**
 * A whole path as an expression. The segments that it begins with, as far as they are literals, say where it stands among
 * other patterns, and spare it the paths that do not begin so.
 */
export function parsePathRegex(regex: string): ParsedPattern {
  const source = regex.replace(/^\^/, "");
  if (!source.startsWith("/")) return { fault: "it must begin with /, as every path does" };
  const segments: PathSegment[] = [];
  for (const piece of hasAlternatives(source) ? [] : literalStart(source).slice(1).split("/").slice(0, -1)) {
    const literal = readLiteral(piece, false);
    if (literal.fault !== undefined) return literal;
    segments.push(literal);
  }
  return { pattern: { text: regex, segments, tail: true, regex } };
}

/** Whether an expression is one of several outside of any group: then nothing is sure to begin it. */
function hasAlternatives(source: string): boolean {
  // Between \\Q and \\E brackets are no brackets.
  if (source.includes("\\Q")) return true;
  const outer = source.replace(/\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]/g, "");
  let depth = 0;
  for (const character of outer) {
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "|" && depth <= 0) return true;
  }
  return false;
}

/** What stands before the first character that means something else than itself. */
function literalStart(source: string): string {
  const meta = source.search(/[\\^$.|?*+()[\]{}]/);
  if (meta < 0) return source;
  return source.slice(0, /[?*+{]/.test(source.charAt(meta)) ? meta - 1 : meta);
}

/** At each `/` that is in no braces. */
function splitSegments(text: string): string[] {
  const pieces: string[] = [""];
  let depth = 0;
  for (const character of text) {
    if (character === "{") depth++;
    else if (character === "}") depth--;
    if (character === "/" && depth <= 0) pieces.push("");
    else pieces[pieces.length - 1] += character;
  }
  return pieces;
}

function readLiteral(piece: string, last: boolean): { literal: string; fault?: never } | { fault: string } {
  if (piece === "") return last ? { literal: "" } : { fault: "it has an empty segment" };
  if (piece.includes("*")) return { fault: "* may only be the whole last segment" };
  if (/[{}]/.test(piece))
    return {
      fault: `${piece}: a parameter is a whole segment {name} or {name:REGEX}, a letter first, then letters, digits and _`,
    };
  const normal = normalisePath(`/${encodeBeyondAscii(piece)}`);
  return normal.path === undefined ? { fault: `it ${normal.refused}` } : { literal: normal.path.slice(1) };
}

function encodeBeyondAscii(text: string): string {
  return text.isWellFormed() ? text.replace(/[\u0080-\u{10ffff}]+/gu, encodeURIComponent) : text;
}

/** Names of a pattern's parameters, in order. */
export function paramsOf(pattern: PathPattern): string[] {
  return pattern.segments.flatMap((segment) => ("param" in segment ? [segment.param] : []));
}

/** Equal for patterns that match the same paths, whatever their parameters are called. */
export function shapeOf({ segments, tail, regex }: PathPattern): string {
  const shape = segments.map((segment) => ("literal" in segment ? segment.literal : `{${segment.regex ?? ""}}`));
  return regex === undefined ? `/${[...shape, ...(tail ? ["*"] : [])].join("/")}` : `~${regex}`;
}
