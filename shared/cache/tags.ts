/** By which names answers are purged together: surrogate tags and cache groups (RFC 9875). */
import { isInnerList, parseList } from "structured-headers";
import { limits } from "../limits.ts";
import type { CacheRequest, FieldReader } from "./cache-request.ts";

const { tagsMax, groupsMax, tagCharsMax } = limits.cache;
const TAG = /^[\x21-\x7e]+$/;

type Origin = Pick<CacheRequest, "scheme" | "authority">;

/**
 * Tags of the route, of `Cache-Tag` (by commas), `Surrogate-Key` (by spaces) and `Cache-Groups`.
 * @returns undefined where the answer has more or longer ones than are kept: it could not be purged by them
 */
export function tagsOf(fields: FieldReader, origin: Origin, ofRoute: readonly string[]): string[] | undefined {
  const groups = groupNames(fields.get("cache-groups"));
  const cacheTags = (fields.get("cache-tag") ?? "").split(",").map((tag) => tag.trim());
  const named = [...cacheTags, ...(fields.get("surrogate-key") ?? "").split(/[ \t]+/)].filter((tag) => TAG.test(tag));
  const own = [...groups, ...named];
  const isTooMany = own.length > tagsMax || groups.length > groupsMax;
  if (isTooMany || own.some((tag) => tag.length > tagCharsMax)) return undefined;
  return [...new Set([...ofRoute, ...groups.map((name) => groupTag(name, origin)), ...named])];
}

/** Tags of the groups in a `Cache-Group-Invalidation`, of as many as an answer can have. */
export function groupTags(field: string | null | undefined, origin: Origin): string[] {
  return groupNames(field)
    .slice(0, groupsMax)
    .map((name) => groupTag(name, origin));
}

function groupNames(field: string | null | undefined): string[] {
  if (field === null || field === undefined) return [];
  try {
    return parseList(field).flatMap((member) =>
      !isInnerList(member) && typeof member[0] === "string" ? [member[0]] : [],
    );
  } catch {
    // What is no list of strings names no group (RFC 9651 section 4.2).
    return [];
  }
}

/** A group is one of its origin alone (RFC 9875 section 2.1), and the space keeps it apart from every other tag. */
const groupTag = (name: string, { scheme, authority }: Origin): string =>
  `group ${scheme}://${authority.toLowerCase()} ${name}`;
