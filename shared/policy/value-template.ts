/**
 * Templates within texts that may hold other braces, such as values of header fields. Braces are a hole where they hold names
 * joined by dots, the first of which says where the value comes from, or `body` alone; all others stand for themselves.
 */
import type { Template } from "./settings.ts";

export const REQUEST_ROOTS = ["path", "query", "identity", "header", "client", "request", "trace"] as const;
export const ANSWER_ROOTS = [...REQUEST_ROOTS, "response"] as const;

const NAMES = /(?<!\$)\{(body|[A-Za-z_][\w-]*(?:\.[A-Za-z0-9_][\w-]*)+)\}/g;

/** Texts and the paths of holes, in order. A text without holes is one piece, an empty one none. */
export function parseValueTemplate(text: string): Template {
  const pieces: (string | string[])[] = [];
  let from = 0;
  for (const hole of text.matchAll(NAMES)) {
    if (hole.index > from) pieces.push(text.slice(from, hole.index));
    pieces.push((hole[1] ?? "").split("."));
    from = hole.index + hole[0].length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

/** Braces around a single name: what looks like a hole and is none. */
export function singleNames(text: string): string[] {
  return [...text.matchAll(/(?<!\$)\{((?!body\})[A-Za-z_]\w*)\}/g)].map((found) => found[1] ?? "");
}

/** Roots of templates of error pages. */
export const ERROR_ROOTS = ["error", "query", "header", "client", "request", "trace"] as const;
