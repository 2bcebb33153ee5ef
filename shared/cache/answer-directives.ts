/** What an answer says of its caching: by a field for caches like this one (RFC 9213), or by `Cache-Control` (RFC 9111 section 5.2.2). */
import { type Dictionary, parseDictionary } from "structured-headers";
import { limits } from "../limits.ts";
import type { FieldReader } from "./cache-request.ts";
import { type Directive, deltaSeconds, parseDirectives, splitList } from "./directives.ts";

/** Seconds; a lifetime that is none by the grammar is 0 (section 4.2.1), of several the least counts. */
export interface AnswerDirectives {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly private: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly immutable: boolean;
  readonly maxAge?: number;
  readonly sMaxAge?: number;
  readonly staleWhileRevalidate?: number;
  readonly staleIfError?: number;
  /** Fields that `no-cache` and `private` name, lower case: they are not stored. */
  readonly unstored: readonly string[];
  /** Whether it was said to caches like this one, so that `Expires` does not count (RFC 9213 section 2.2). */
  readonly targeted: boolean;
}

type Found = { -readonly [name in keyof AnswerDirectives]: AnswerDirectives[name] } & { unstored: string[] };

/**
 * The target list, most specific first (RFC 9213 section 2.2). The first one is the gateway's own, and ends there as all
 * `selvage-` fields do; the other one is passed on.
 */
const TARGETED_FIELDS = ["selvage-cache-control", "cdn-cache-control"] as const;

export function answerDirectives(fields: FieldReader): AnswerDirectives {
  for (const name of TARGETED_FIELDS) {
    const dictionary = targetedField(fields.get(name));
    if (dictionary !== undefined) return collect(dictionaryDirectives(dictionary), true);
  }
  return collect(parseDirectives(fields.get("cache-control") ?? ""), false);
}

/** One that is empty or no dictionary behaves as if it were not there (RFC 9213 section 2.1). */
function targetedField(field: string | null | undefined): Dictionary | undefined {
  if (field === null || field === undefined) return undefined;
  try {
    const dictionary = parseDictionary(field);
    return dictionary.size > 0 ? dictionary : undefined;
  } catch {
    return undefined;
  }
}

/** Values of another type than the directive's are not consumed (RFC 9213 section 2.1): `max-age="60"` is no number here. */
function dictionaryDirectives(dictionary: Dictionary): Directive[] {
  return [...dictionary].map(([name, [value]]) => {
    if (value === true) return { name, value: undefined };
    if (typeof value === "number" && Number.isInteger(value)) return { name, value: String(value) };
    return { name, value: typeof value === "string" && !LIFETIMES.has(name) ? value : null };
  });
}

const LIFETIMES: ReadonlySet<string> = new Set(["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]);

function collect(directives: readonly Directive[], targeted: boolean): AnswerDirectives {
  const found: Found = {
    noStore: false,
    noCache: false,
    private: false,
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    immutable: false,
    unstored: [],
    targeted,
  };
  for (const directive of directives) take(found, directive);
  return found;
}

/** What forbids counts whatever value it has, what allows only as it is defined. */
function take(found: Found, { name, value }: Directive): void {
  switch (name) {
    case "no-store":
      found.noStore = true;
      return;
    case "no-cache":
      if (!takeNames(found, value)) found.noCache = true;
      return;
    case "private":
      if (!takeNames(found, value)) found.private = true;
      return;
    case "must-revalidate":
      found.mustRevalidate = true;
      return;
    case "proxy-revalidate":
      found.proxyRevalidate = true;
      return;
    case "public":
      found.public ||= value === undefined;
      return;
    case "must-understand":
      found.mustUnderstand ||= value === undefined;
      return;
    case "immutable":
      found.immutable ||= value === undefined;
      return;
    case "max-age":
      found.maxAge = least(found.maxAge, value);
      return;
    case "s-maxage":
      found.sMaxAge = least(found.sMaxAge, value);
      return;
    case "stale-while-revalidate":
      found.staleWhileRevalidate = least(found.staleWhileRevalidate, value);
      return;
    case "stale-if-error":
      found.staleIfError = least(found.staleIfError, value);
  }
}

const least = (before: number | undefined, value: Directive["value"]): number =>
  Math.min(before ?? limits.cache.deltaSecondsMax, deltaSeconds(value) ?? 0);

/** The qualified form, `private="set-cookie"`. @returns false when it is not that: then it is about the whole answer */
function takeNames(found: Found, value: Directive["value"]): boolean {
  if (typeof value !== "string") return false;
  const names = splitList(value.toLowerCase());
  if (names.length === 0 || !names.every((name) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))) return false;
  found.unstored.push(...names);
  return true;
}
