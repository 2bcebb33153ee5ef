/**
 * JSON of a token's segments, read so that no two readers can differ on it: a name that occurs twice has no meaning
 * (RFC 8259 section 4, RFC 7519 section 4), and what is nested without end is nobody's claims.
 */
import { endOfJsonString } from "../http/json-string.ts";
import { limits } from "../limits.ts";

/** @param depthMax objects and lists within each other @returns any value, or why the text is refused */
export function readJson(text: string, depthMax: number): { readonly value: unknown } | { readonly refused: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { refused: "is not JSON" };
  }
  const refused = refuseStructure(text, depthMax);
  return refused === undefined ? { value } : { refused };
}

/** @returns the object, or why the text is refused */
export function readJsonObject(text: string): Record<string, unknown> | string {
  const read = readJson(text, limits.identity.tokenDepthMax);
  if ("refused" in read) return read.refused;
  const { value } = read;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is not a JSON object";
  return value as Record<string, unknown>;
}

/** @param text valid JSON */
function refuseStructure(text: string, depthMax: number): string | undefined {
  /** Names seen in each open object; undefined stands for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let atName = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const end = endOfJsonString(text, at);
      if (atName) {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        if (open.at(-1)?.has(name)) return "has a member twice";
        open.at(-1)?.add(name);
        atName = false;
      }
      at = end;
    } else if (char === "{" || char === "[") {
      if (open.length >= depthMax) return "is nested too deeply";
      open.push(char === "{" ? new Set() : undefined);
      atName = char === "{";
    } else if (char === "}" || char === "]") {
      open.pop();
      atName = false;
    } else if (char === ",") atName = open.at(-1) !== undefined;
  }
  return undefined;
}
