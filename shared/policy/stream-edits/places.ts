/** Places that are found while a body passes: what leads to them is known from the names and numbers on the way alone. */
import { parsePointer } from "../../http/json-pointer.ts";

/** One step on the way to a place. */
export interface Segment {
  /** Any number of levels may lie before it. */
  readonly deep: boolean;
  readonly key: Key;
}

/** `token`: of a pointer, which is a name in a mapping and a number in a list. */
export type Key =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "token"; readonly name: string; readonly index: number | undefined }
  | { readonly kind: "any" };

/** What stands in a mapping or list: its name, or its number. */
export type MemberKey = string | number;

/**
 * @param place a pointer, or a path from a `$` on
 * @returns undefined for paths that look at values, count from the end, or take several members by one selector
 */
export function segmentsOf(place: string): readonly Segment[] | undefined {
  if (place.startsWith("$")) return segmentsOfPath(place);
  return parsePointer(place)?.map((name) => ({ deep: false, key: tokenOf(name) }));
}

const tokenOf = (name: string): Key => ({
  kind: "token",
  name,
  index: /^(?:0|[1-9]\d{0,8})$/.test(name) ? Number(name) : undefined,
});

/** RFC 9535 section 2.5, without blanks: `.name`, `.*`, `['name']`, `["name"]`, `[0]`, `[*]`, each also after `..`. */
const SEGMENT =
  /(?:(?<deep>\.\.)(?=[^.])|(?<dot>\.)(?=[^[])|(?=\[))(?:(?<name>[A-Za-z_\u0080-\u{10ffff}][\w\u0080-\u{10ffff}]*)|(?<any>\*|\[\*\])|\[(?<index>0|[1-9]\d{0,8})\]|\[(?<quoted>'[^'\\]*'|"[^"\\]*")\])/uy;

function segmentsOfPath(path: string): readonly Segment[] | undefined {
  const segments: Segment[] = [];
  SEGMENT.lastIndex = 1;
  for (let at = 1; at < path.length; at = SEGMENT.lastIndex) {
    const found = SEGMENT.exec(path)?.groups;
    if (found === undefined) return undefined;
    const { deep, name = found.quoted?.slice(1, -1), index } = found;
    segments.push({ deep: deep !== undefined, key: keyOf(name, index) });
  }
  return segments;
}

function keyOf(name: string | undefined, index: string | undefined): Key {
  if (name !== undefined) return { kind: "name", name };
  return index === undefined ? { kind: "any" } : { kind: "index", index: Number(index) };
}

/** Whether a step leads to this member. */
export function leadsTo(key: Key, member: MemberKey): boolean {
  if (key.kind === "any") return true;
  if (typeof member === "string") return key.kind !== "index" && key.name === member;
  return key.kind !== "name" && key.index === member;
}

/** Whether two steps may lead to the same member. */
function mayMeet(one: Key, other: Key): boolean {
  if (one.kind === "any" || other.kind === "any") return true;
  const isName = one.kind !== "index" && other.kind !== "index" && one.name === other.name;
  const isIndex = one.kind !== "name" && other.kind !== "name" && one.index !== undefined && one.index === other.index;
  return isName || isIndex;
}

/**
 * Whether a place that one path finds may be, or have within it, one that the other finds.
 * @param isWithin it has to have it within it
 */
export function mayHold(one: readonly Segment[], other: readonly Segment[], isWithin = false): boolean {
  const seen = new Set<number>();
  const from = (i: number, j: number): boolean => {
    const a = one[i];
    const b = other[j];
    if (a === undefined) return b !== undefined || !isWithin;
    if (b === undefined) return false;
    const state = i * (other.length + 1) + j;
    if (seen.has(state)) return false;
    seen.add(state);
    if (mayMeet(a.key, b.key) && from(i + 1, j + 1)) return true;
    return (a.deep && from(i, j + 1)) || (b.deep && from(i + 1, j));
  };
  return from(0, 0);
}

/** Whether a path names members of lists by their number, which others that go before them change. */
export const countsMembers = (path: readonly Segment[]): boolean =>
  path.some(({ key }) => key.kind === "index" || (key.kind === "token" && key.index !== undefined));

/** Whether what a path finds may be a member of a list. */
export function findsMembers(path: readonly Segment[]): boolean {
  const key = path.at(-1)?.key;
  return key !== undefined && key.kind !== "name" && !(key.kind === "token" && key.index === undefined);
}
