/**
 * Regular expressions as JSON Schema has them (ECMA-262 with the flag `u`, JSON Schema 2020-12, Core, section 6.4) in the syntax of
 * RE2, where they mean the same.
 */
import { limits } from "../../shared/limits.ts";
import { parseRegex } from "../../shared/policy/safe-regex.ts";
import { RegexReader } from "./regex-reader.ts";

export type TranslatedRegex =
  | { readonly pattern: string }
  | {
      readonly pattern?: never;
      /** `pattern`: RE2 has nothing that means the same. `schema`: it is no regular expression. */
      readonly kind: "pattern" | "schema";
      readonly reason: string;
      readonly advice?: string;
    };

export function translateRegex(source: string): TranslatedRegex {
  const flags = isRegex(source, "u") ? "u" : "";
  if (flags === "" && !isRegex(source, ""))
    return { kind: "schema", reason: "is not a regular expression of ECMA-262" };
  const read = new RegexReader(source, flags === "u").read();
  if (typeof read === "object") return { kind: "pattern", ...read };
  const regex = parseRegex(read, limits.schemaRegex);
  if (typeof regex !== "string") return { pattern: read };
  const repeats = /repe(?:at|tition)|too large/.test(regex);
  return {
    kind: "pattern",
    reason: `cannot be matched without backtracking: ${regex}`,
    ...(repeats && { advice: "say lengths by `minLength` and `maxLength`" }),
  };
}

function isRegex(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}
