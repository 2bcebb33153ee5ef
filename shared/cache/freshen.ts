/** What a 304 or the answer to a HEAD tells about stored answers (RFC 9111 sections 4.3.4 and 4.3.5). */
import { parseHttpDate } from "../http/http-date.ts";
import { answerDirectives } from "./answer-directives.ts";
import type { CacheRequest, UpstreamAnswer } from "./cache-request.ts";
import { newHead } from "./new-head.ts";
import { isSameTag, isStrongTag } from "./preconditions.ts";
import type { CacheSettings } from "./settings.ts";
import { isGood } from "./statuses.ts";
import { FieldsByName, freshenedFields, storedFields } from "./stored-fields.ts";
import type { StoredHead } from "./stored-head.ts";
import type { CacheKeys, HeadOrigin } from "./verdict.ts";

/** A head as it is after it was confirmed, and whether it may be stored so. */
export interface Freshened {
  readonly head: StoredHead;
  /** keep: what is stored stays as it is; remove: it may not be stored any more. */
  readonly stored: "update" | "keep" | "remove";
}

/**
 * Which of the held answers a 304 is about: all with its strong entity tag, else the newest with its weak one, else the newest with
 * its date; one without any validator is about the only one that was asked about.
 */
export function confirmedBy(
  { fields }: UpstreamAnswer,
  asked: readonly StoredHead[],
  nowMs: number,
): readonly StoredHead[] {
  const held = asked.filter(({ status }) => isGood(status));
  const etag = fields.get("etag");
  if (etag !== null && etag !== undefined) {
    const strong = isStrongTag(etag) ? held.filter((head) => head.etag === etag) : [];
    if (strong.length > 0) return strong;
    const weak = held.find((head) => head.etag !== undefined && isSameTag(head.etag, etag));
    if (weak !== undefined) return [weak];
    // It was asked about by its date, and had no tag then.
    return held.filter((head) => head.etag === undefined && held.length === 1);
  }
  const modified = fields.get("last-modified");
  if (modified !== null && modified !== undefined) {
    const modifiedMs = parseHttpDate(modified, nowMs);
    return held.filter((head) => head.lastModifiedMs === modifiedMs).slice(0, 1);
  }
  return held.length === 1 ? held : [];
}

/** The stored answer with the fields of one that confirmed it, its freshness counted anew. */
export function freshened(
  stored: StoredHead,
  request: CacheRequest,
  answer: UpstreamAnswer,
  keys: CacheKeys,
  settings: CacheSettings,
  origin: HeadOrigin,
): Freshened {
  const confirmed = storedFields(answer.fields, answerDirectives(answer.fields), origin.receivedAtMs);
  const merged = new FieldsByName(freshenedFields(stored.fields, confirmed));
  const judged = newHead(
    request,
    { status: stored.status, fields: withUnstored(merged, answer) },
    keys,
    settings,
    origin,
  );
  const fallback: StoredHead = { ...stored, fields: [...merged], bornAtMs: origin.receivedAtMs };
  if (judged.head === undefined)
    return { head: fallback, stored: judged.byRequest || judged.notStored === "no-lifetime" ? "keep" : "remove" };
  const { id, bodyBytes, method } = stored;
  const head: StoredHead = { ...judged.head, id, bodyBytes, method };
  // What stopped being for all does not stay where all find it, and what is one's own does not become everybody's by a 304.
  return { head, stored: head.shared === stored.shared ? "update" : "remove" };
}

/** Fields that are never stored, and that decide on storing. */
function withUnstored(merged: FieldsByName, { fields }: UpstreamAnswer): FieldsByName {
  const decisive = [...fields].filter(([name]) => name === "age" || name === "set-cookie");
  return decisive.length === 0 ? merged : new FieldsByName([...merged, ...decisive]);
}

/**
 * What the answer to a HEAD says of a stored one (section 4.3.5): its validators tell whether it is about the same representation,
 * and another length tells that it is not. One without validators tells nothing: by the letter it would freshen whatever is stored.
 */
export function sayOfHead(stored: StoredHead, { fields }: UpstreamAnswer, nowMs: number): "same" | "other" | "nothing" {
  const etag = fields.get("etag") ?? undefined;
  const modified = fields.get("last-modified") ?? undefined;
  const length = fields.get("content-length") ?? undefined;
  const known = stored.fields.find(([name]) => name === "content-length")?.[1];
  if (etag !== undefined && etag !== stored.etag) return "other";
  if (modified !== undefined && parseHttpDate(modified, nowMs) !== stored.lastModifiedMs) return "other";
  if (length !== undefined && known !== undefined && length !== known) return "other";
  return etag === undefined && modified === undefined ? "nothing" : "same";
}
