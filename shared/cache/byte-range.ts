/** Ranges of bytes (RFC 9110 section 14). */
import { parseHttpDate } from "../http/http-date.ts";
import type { FieldReader } from "./cache-request.ts";
import type { StoredHead, StoredPart } from "./stored-head.ts";

/** Bytes of a body, both ends included, within it (RFC 9110 section 14.1.2). */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The range that a `Range` field asks for of `length` bytes.
 * @returns undefined: the whole, since the field is none, has another unit, or names several ranges, which may be ignored (section 14.2)
 */
export function requestedRange(
  range: string | null | undefined,
  length: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range ?? "");
  if (match === null) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "") {
    if (to === "") return undefined;
    const suffix = Number(to);
    if (suffix === 0 || length === 0) return "unsatisfiable";
    return { first: Math.max(0, length - suffix), last: length - 1 };
  }
  const first = Number(from);
  if (to !== "" && Number(to) < first) return undefined;
  if (first >= length) return "unsatisfiable";
  return { first, last: to === "" ? length - 1 : Math.min(Number(to), length - 1) };
}

/** What a 206 says that it is: one range of a whole whose length is known. */
export function partOf(contentRange: string | null | undefined): StoredPart | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(contentRange ?? "");
  if (match === null) return undefined;
  const [first, last, whole] = match.slice(1).map(Number) as [number, number, number];
  return first <= last && last < whole ? { first, last, whole } : undefined;
}

/**
 * Whether `If-Range` lets a range be served of an answer (section 13.1.5): its entity tag by strong comparison, or exactly its
 * date where that is a strong validator, a minute older than the answer (section 8.8.2.2).
 */
export function allowsRange(fields: FieldReader, head: StoredHead, nowMs: number): boolean {
  const ifRange = fields.get("if-range");
  if (ifRange === null || ifRange === undefined) return true;
  if (ifRange.endsWith('"')) return !ifRange.startsWith("W/") && ifRange === head.etag;
  const { lastModifiedMs, dateMs } = head;
  if (lastModifiedMs === undefined || dateMs - lastModifiedMs < 60_000) return false;
  return parseHttpDate(ifRange, nowMs) === lastModifiedMs;
}
