/** By which names answers are purged together: surrogate tags and cache groups (RFC 9875). */
import { isInnerList, parseList } from "structured-headers";
import { limits } from "../limits.ts";
import type { CacheRequest, FieldReader } from "./cache-request.ts";

const { tagsMax, groupsMax, tagCharsMax } = limits.cache;
const TAG = /^[\x21-\x7e]+$/;

type Origin = Pick<CacheRequest, "scheme" | "authority">;

/** Tags of the route, of `Cache-Tag` (by commas), `Surrogate-Key` (by spaces) and `Cache-Groups`; too many or too long ones are left out. */
export function tagsOf(fields: FieldReader, origin: Origin, ofRoute: readonly string[]): string[] {
  const groups = groupTags(fields.get("cache-groups"), origin);
  const cacheTags = (fields.get("cache-tag") ?? "").split(",").map((tag) => tag.trim());
  const named = [...cacheTags, ...(fields.get("surrogate-key") ?? "").split(/[ \t]+/)];
  const tags = [...ofRoute, ...named.filter((tag) => tag.length <= tagCharsMax && TAG.test(tag))];
  return [...new Set([...groups, ...tags])].slice(0, tagsMax);
}

/**
 * Tags of the groups in a `Cache-Groups` or `Cache-Group-Invalidation`: a group is one of its origin alone (section 2.1), and the
 * space keeps it apart from every other tag.
 */
export function groupTags(field: string | null | undefined, { scheme, authority }: Origin): string[] {
  if (field === null || field === undefined) return [];
  try {
    const members = parseList(field).slice(0, groupsMax);
    const names = members.flatMap((member) =>
      !isInnerList(member) && typeof member[0] === "string" && member[0].length <= tagCharsMax ? [member[0]] : [],
    );
    return names.map((name) => `group ${scheme}://${authority.toLowerCase()} ${name}`);
  } catch {
    // What is no list of strings names no group (RFC 9651 section 4.2).
    return [];
  }
}
