/** Path patterns: `/orders/{id}/items/*`. */
import { limits } from "../limits.ts";
import { normalisePath } from "./normalise-path.ts";
import type { PathPattern } from "./route-match.ts";

export type ParsedPattern =
  | { readonly pattern: PathPattern; readonly fault?: never }
  | { readonly fault: string; readonly pattern?: never };

const PARAM = /^\{([A-Za-z][A-Za-z0-9_]{0,62})\}$/;

/**
 * Reads a pattern: segments are literals or `{name}`, a last segment `*` is the tail. Literals are brought into the form
 * that `normalisePath` gives requests, so both can be compared as they are.
 */
export function parsePath(text: string): ParsedPattern {
  if (!text.startsWith("/")) return { fault: "it must begin with /" };
  const pieces = text.slice(1).split("/");
  if (pieces.length > limits.document.segmentsMax)
    return { fault: `it has more than ${limits.document.segmentsMax} segments` };
  const tail = pieces.at(-1) === "*";
  if (tail) pieces.pop();
  const segments: PathPattern["segments"][number][] = [];
  const names = new Set<string>();
  for (const [at, piece] of pieces.entries()) {
    const param = PARAM.exec(piece)?.[1];
    if (param !== undefined) {
      if (param in Object.prototype) return { fault: `{${param}} is a built-in word of JavaScript` };
      if (names.has(param)) return { fault: `{${param}} occurs twice` };
      names.add(param);
      segments.push({ param });
      continue;
    }
    const literal = readLiteral(piece, at === pieces.length - 1 && !tail);
    if (literal.fault !== undefined) return literal;
    segments.push(literal);
  }
  return { pattern: { text, segments, tail } };
}

function readLiteral(piece: string, last: boolean): { literal: string; fault?: never } | { fault: string } {
  if (piece === "") return last ? { literal: "" } : { fault: "it has an empty segment" };
  if (piece.includes("*")) return { fault: "* may only be the whole last segment" };
  if (/[{}]/.test(piece))
    return { fault: `${piece}: a parameter is a whole segment {name}, a letter first, then letters, digits and _` };
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
export function shapeOf(pattern: PathPattern): string {
  const shape = pattern.segments.map((segment) => ("param" in segment ? "{}" : segment.literal));
  return `/${[...shape, ...(pattern.tail ? ["*"] : [])].join("/")}`;
}
