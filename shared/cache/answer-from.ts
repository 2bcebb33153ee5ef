/** The client's answer from a stored one (RFC 9111 section 4, RFC 9110 sections 13 and 14). */
import { allowsRange, type ByteRange, requestedRange } from "./byte-range.ts";
import type { CacheRequest } from "./cache-request.ts";
import { ageSeconds } from "./freshness.ts";
import { isNotModified } from "./preconditions.ts";
import type { StoredHead } from "./stored-head.ts";

export interface CachedAnswer {
  readonly status: number;
  /** Without `Age`; for a whole answer the stored list itself. */
  readonly fields: StoredHead["fields"];
  /** For `Age`, which every answer from a cache has (RFC 9111 section 4). */
  readonly ageSeconds: number;
  /** Which bytes of the stored body; `whole` for all, `none` for a 304, a 416, or the answer to a HEAD. */
  readonly body: ByteRange | "whole" | "none";
}

/** @param head selected for this request by `lookUp` or `judgeAnswer` */
export function answerFrom(head: StoredHead, request: CacheRequest, nowMs: number): CachedAnswer {
  const { method, fields } = request;
  const age = ageSeconds(head, nowMs);
  if (isNotModified(fields, head, nowMs))
    return { status: 304, fields: fieldsOf304(head), ageSeconds: age, body: "none" };
  if (method === "HEAD") return { status: head.status, fields: head.fields, ageSeconds: age, body: "none" };
  const range = head.part !== undefined || head.status === 200 ? fields.get("range") : undefined;
  if (range === undefined || range === null)
    return { status: head.status, fields: head.fields, ageSeconds: age, body: "whole" };
  return rangeFrom(head, request, range, nowMs);
}

function rangeFrom(head: StoredHead, { fields }: CacheRequest, range: string, nowMs: number): CachedAnswer {
  const { part = { first: 0, last: head.bodyBytes - 1, whole: head.bodyBytes } } = head;
  const age = ageSeconds(head, nowMs);
  const wanted = allowsRange(fields, head, nowMs) ? requestedRange(range, part.whole) : undefined;
  if (wanted === undefined) return { status: head.status, fields: head.fields, ageSeconds: age, body: "whole" };
  if (wanted === "unsatisfiable") {
    const without = head.fields.filter(([name]) => !DESCRIBES.has(name));
    const contentRange: [string, string] = ["content-range", `bytes */${part.whole}`];
    return { status: 416, fields: [...without, contentRange], ageSeconds: age, body: "none" };
  }
  const own = head.fields.filter(([name]) => name !== "content-length" && name !== "content-range");
  return {
    status: 206,
    fields: [
      ...own,
      ["content-range", `bytes ${wanted.first}-${wanted.last}/${part.whole}`],
      ["content-length", String(wanted.last - wanted.first + 1)],
    ],
    ageSeconds: age,
    body: { first: wanted.first - part.first, last: wanted.last - part.first },
  };
}

/** Fields about content, which these answers do not have. */
const DESCRIBES: ReadonlySet<string> = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "content-language",
  "content-range",
]);

/** A 304 has no fields about content but those that tell which stored answer it is about (RFC 9110 section 15.4.5). */
function fieldsOf304({ fields, etag }: StoredHead): StoredHead["fields"] {
  return notModifiedFields(fields, etag !== undefined);
}

/** @param hasTag then `Last-Modified` tells nothing more */
export function notModifiedFields(
  fields: Iterable<readonly [name: string, value: string]>,
  hasTag: boolean,
): StoredHead["fields"] {
  return [...fields].filter(([name]) => !DESCRIBES.has(name) && !(hasTag && name === "last-modified"));
}
