/** Texts with holes: `users:/users/{identity.sub}` and the `rewrite` of a route. */
import type { Template, UpstreamTarget } from "../policy/settings.ts";

export interface ParsedTemplate {
  readonly parts: Template;
  /** What is wrong with the braces, for people. */
  readonly fault?: string;
}

const HOLE = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$/;

/** Splits a text at its holes. Braces do not nest and there is no escape: a path holds `%7B` for a brace. */
export function parseTemplate(text: string): ParsedTemplate {
  return parsePieces(text, HOLE);
}

/** The same for other holes. @param form what may stand in the braces */
export function parsePieces(text: string, form: RegExp): ParsedTemplate {
  const parts: (string | string[])[] = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("{", at);
    const literal = text.slice(at, open < 0 ? text.length : open);
    if (literal.includes("}")) return { parts, fault: "a } without its {" };
    if (literal !== "") parts.push(literal);
    if (open < 0) break;
    const close = text.indexOf("}", open);
    if (close < 0) return { parts, fault: "a { without its }" };
    const hole = text.slice(open + 1, close);
    if (!form.test(hole)) return { parts, fault: `{${hole}} is not a name or names joined by dots` };
    parts.push(hole.split("."));
    at = close + 1;
  }
  return { parts };
}

/** The holes of a template, in order. */
export function holesOf(template: Template): (readonly string[])[] {
  return template.filter((part) => typeof part !== "string");
}

/** Splits the `get` of a part into its target and the text of its path; undefined when it is neither form. */
export function splitPartUrl(get: string): { target: UpstreamTarget; path: string } | undefined {
  const url = /^(https?:\/\/[^/?#@\s{}]+)(\/.*)$/.exec(get);
  if (url !== null) {
    const [, origin, path] = url as unknown as [string, string, string];
    return URL.canParse(origin) ? { target: { origin: new URL(origin).origin }, path } : undefined;
  }
  const call = /^([a-z0-9-]+):(\/(?!\/).*)$/.exec(get) as [string, string, string] | null;
  return call === null ? undefined : { target: { service: call[1] }, path: call[2] };
}
