/** Media types (RFC 9110 section 8.3). */

export interface MediaType {
  /** Lower case, without parameters. */
  readonly type: string;
  /** Lower case; undefined: none is stated. */
  readonly charset: string | undefined;
  /** As it stands. */
  readonly boundary: string | undefined;
}

/** Of content of which nothing is said (RFC 9110 section 8.3). */
const UNSTATED = "application/octet-stream";
const TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;
const PARAMETER = /;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^;" \t]*)[ \t]*/y;

/** @returns undefined for what is no media type, or states a parameter twice */
export function parseMediaType(field: string | null | undefined): MediaType | undefined {
  if (field === null || field === undefined || field === "")
    return { type: UNSTATED, charset: undefined, boundary: undefined };
  const end = field.indexOf(";");
  const type = (end < 0 ? field : field.slice(0, end)).trim().toLowerCase();
  if (!TYPE.test(type)) return undefined;
  if (end < 0) return { type, charset: undefined, boundary: undefined };
  const parameters = parametersOf(field, end);
  return (
    parameters && { type, charset: parameters.get("charset")?.toLowerCase(), boundary: parameters.get("boundary") }
  );
}

/** Whether text of this charset is read as UTF-8; none stated is. */
export const isUtf8 = ({ charset }: MediaType): boolean =>
  charset === undefined || charset === "utf-8" || charset === "utf8";

/** Whether JSON is what content of the type is written in (RFC 6839 section 3.1). */
export const isJson = (type: string): boolean => type === "application/json" || type.endsWith("+json");

/**
 * @param from where the first `;` is
 * @returns values by their names in lower case; undefined for what are no parameters, or state one twice
 */
export function parametersOf(field: string, from: number): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = from;
  for (let match = PARAMETER.exec(field); match !== null; match = PARAMETER.exec(field)) {
    const [whole, name = "", value = ""] = match;
    const lower = name.toLowerCase();
    if (parameters.has(lower)) return undefined;
    parameters.set(lower, value.startsWith('"') ? value.slice(1, -1).replace(/\\(["\\])/g, "$1") : value);
    if (match.index + whole.length === field.length) return parameters;
  }
  // `type/subtype;` is written by some, and says nothing more.
  return field.slice(from).trim() === ";" ? parameters : undefined;
}
