/** Regular expressions of schemas, each translated once. */
import type { Compilation } from "./compilation.ts";
import { translateRegex } from "./ecma-regex.ts";
import type { Place } from "./schema-documents.ts";

/** @returns the expression in the syntax of RE2; undefined where it has none, which is told as a problem */
export function translateRegexOnce(
  { regexes, problems }: Compilation,
  { document, pointer }: Place,
  keyword: string,
  source: string,
): string | undefined {
  const translated = regexes.get(source) ?? translateRegex(source);
  regexes.set(source, translated);
  if (translated.pattern !== undefined) return translated.pattern;
  const { reason, advice, kind } = translated;
  problems.push({ kind, document, pointer: pointer + keyword, reason, ...(advice !== undefined && { advice }) });
  return undefined;
}
