/** What kind of content a `Content-Type` names, as far as it is edited. */

/** `lines`: a JSON value a line (NDJSON, JSON Lines). */
export type JsonKind = "json" | "lines";

const LINES = /^application\/(?:x-)?(?:ndjson|jsonl|json-lines|jsonlines)$/;

/** @returns undefined for all else, and for JSON in another encoding than UTF-8 */
export function jsonKindOf(contentType: string | null | undefined): JsonKind | undefined {
  const [type = "", ...parameters] = (contentType ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice(8)
    .replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") return undefined;
  if (LINES.test(type)) return "lines";
  return type === "application/json" || /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.-]+(?:\+[a-z0-9._-]+)*\+json$/.test(type)
    ? "json"
    : undefined;
}

/** Fields that say what content was before it was edited (RFC 9530, RFC 3230, RFC 1864). */
export const DIGESTS = ["content-digest", "repr-digest", "digest", "content-md5"] as const;

/** An entity tag of content that was made of other content is a weak one (RFC 9110 section 8.8.1). */
export function weakened(etag: string): string {
  return etag.startsWith("W/") ? etag : `W/${etag}`;
}
