/** Which version of an interface a request asks for. */

import { queryValues } from "../http/query-parameters.ts";

export interface Versioning {
  readonly source:
    | { readonly header: string }
    | { readonly query: string }
    /** Type and subtype without version, lower case. */
    | { readonly mediaType: string };
  /** Of requests that name none. */
  readonly byDefault?: string;
}

/** The name under which routes look for it among a request's fields: no client can send one of this name. */
export const VERSION_FIELD = ":version";

/**
 * @param header value of a field by its lower-case name
 * @param query with its `?`
 * @returns undefined when it names none and there is no default
 */
export function requestedVersion(
  { source, byDefault }: Versioning,
  header: (name: string) => string | null | undefined,
  query: string,
): string | undefined {
  const named =
    "header" in source ? header(source.header)?.trim() : "query" in source ? queried(source.query, query) : undefined;
  if (!("mediaType" in source)) return named || byDefault;
  return (
    versionIn(header("accept"), source.mediaType) ?? versionIn(header("content-type"), source.mediaType) ?? byDefault
  );
}

/**
 * A request's fields as routes look for them, with the version that it asks for among them.
 * @param versioning absent: no route asks for one
 */
export function fieldsWithVersion(
  versioning: Versioning | undefined,
  header: (name: string) => string | null | undefined,
  query: string,
): (name: string) => string | null | undefined {
  return (name) => (name === VERSION_FIELD ? versioning && requestedVersion(versioning, header, query) : header(name));
}

/** Several that differ are none of them, as with lines of a field: nobody knows which one an upstream takes. */
function queried(name: string, query: string): string | undefined {
  return query === "" ? undefined : [...new Set(queryValues(query, name))].join(", ");
}

/**
 * The version of the first media range that has one, the most wanted first (RFC 9110 section 12.4.2):
 * `application/vnd.shop.v2+json` or `application/vnd.shop+json; version=v2`.
 */
function versionIn(field: string | null | undefined, mediaType: string): string | undefined {
  if (!field?.toLowerCase().includes(mediaType)) return undefined;
  const ranges = field.split(",").map((range) => range.split(";").map((part) => part.trim()));
  const found = ranges.flatMap(([type = "", ...parameters]) => {
    const version = ofType(type, mediaType, parameters);
    return version === undefined ? [] : [{ version, weight: weightOf(parameters) }];
  });
  return found.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight)[0]?.version;
}

function ofType(type: string, mediaType: string, parameters: readonly string[]): string | undefined {
  const rest = type.toLowerCase().startsWith(mediaType)
    ? type.slice(mediaType.length).replace(/\+[\w.-]+$/, "")
    : undefined;
  if (rest === undefined || (rest !== "" && !rest.startsWith("."))) return undefined;
  return rest === "" ? parameter(parameters, "version") : rest.slice(1) || undefined;
}

function parameter(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((one) => one.toLowerCase().startsWith(`${name}=`));
  return found?.slice(name.length + 1).replace(/^"(.*)"$/, "$1") || undefined;
}

function weightOf(parameters: readonly string[]): number {
  const weight = Number(parameter(parameters, "q") ?? 1);
  return Number.isNaN(weight) ? 0 : weight;
}
