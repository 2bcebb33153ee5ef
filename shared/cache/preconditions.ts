/** What a client has already, by the conditions of its request (RFC 9110 section 13, RFC 9111 section 4.3.2). */
import { parseHttpDate } from "../http/http-date.ts";
import { limits } from "../limits.ts";
import type { FieldReader } from "./cache-request.ts";
import { splitList } from "./directives.ts";
import { isGood } from "./statuses.ts";
import type { StoredHead } from "./stored-head.ts";

/** Conditions that are a cache's to judge; those by `If-Match` and `If-Unmodified-Since` are the origin's alone. */
export const CACHE_CONDITIONS = ["if-none-match", "if-modified-since"] as const;
export const ORIGIN_CONDITIONS = ["if-match", "if-unmodified-since"] as const;

type Validators = Pick<StoredHead, "status" | "etag" | "lastModifiedMs" | "dateMs">;

/**
 * Whether the client has what this answer is, so that it gets a 304. `If-None-Match` goes before `If-Modified-Since` (section
 * 13.2.2), which is judged by `Date` where there is no `Last-Modified` (RFC 9111 section 4.3.2). Only a 2xx has conditions (section 13.2.1).
 */
export function isNotModified(fields: FieldReader, validators: Validators, nowMs: number): boolean {
  if (!isGood(validators.status)) return false;
  const tags = fields.get("if-none-match");
  if (tags !== null && tags !== undefined) return namesTag(tags, validators.etag);
  const since = fields.get("if-modified-since");
  if (since === null || since === undefined) return false;
  const sinceMs = parseHttpDate(since, nowMs);
  return sinceMs !== undefined && (validators.lastModifiedMs ?? validators.dateMs) <= sinceMs;
}

function namesTag(field: string, etag: string | undefined): boolean {
  if (field.trim() === "*") return true;
  if (etag === undefined) return false;
  return splitList(field)
    .slice(0, limits.cache.entityTagsMax)
    .some((tag) => isSameTag(tag, etag));
}

/** Weak comparison (RFC 9110 section 8.8.3.2). */
export const isSameTag = (one: string, other: string): boolean => opaque(one) === opaque(other);

export const isStrongTag = (etag: string): boolean => !etag.startsWith("W/");

const opaque = (etag: string): string => (etag.startsWith("W/") ? etag.slice(2) : etag);
