import { scalarText } from "../http/whole-numbers.ts";
import type { Template } from "./settings.ts";

/** What the holes of a template are filled from: name to a value of JSON. */
export type TemplateScope = Readonly<Record<string, unknown>>;

export type Filled = { readonly text: string } | { readonly missing: string };

/**
 * Fills a template for a path with query. Each value becomes one piece of the path or query: everything but RFC 3986's
 * unreserved characters is percent-encoded, so data can neither add a segment nor leave one. A value with a segment `.` or
 * `..` is refused (URL parsers read even the encoded form as one, servers that decode first find it between encoded
 * slashes), as are empty ones, objects, and what is not there.
 * @returns the text, or the path of the value that is missing or cannot stand there
 */
export function fillTemplate(template: Template, scope: TemplateScope): Filled {
  let text = "";
  for (const piece of template) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    const value = pieceOf(lookUp(scope, piece));
    if (value === undefined) return { missing: piece.join(".") };
    text += value;
  }
  return { text };
}

/** What stands at a path, or undefined. Only what is an object's own is found. */
export function lookUp(scope: TemplateScope, path: readonly string[]): unknown {
  let value: unknown = scope;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

const DOT_SEGMENT = /(?:^|[/\\])\.\.?(?:[/\\;]|$)/;

function pieceOf(value: unknown): string | undefined {
  const text = scalarText(value);
  if (text === undefined || text === "" || DOT_SEGMENT.test(text) || !text.isWellFormed()) return undefined;
  return encodePiece(text);
}

/** Everything but RFC 3986's unreserved characters percent-encoded. @param text well-formed */
export function encodePiece(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
