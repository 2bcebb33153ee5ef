/** What a client asks of caches (RFC 9111 section 5.2.1). Seconds. */
import type { FieldReader } from "./cache-request.ts";
import { deltaSeconds, parseDirectives } from "./directives.ts";

export interface RequestDirectives {
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAge?: number;
  readonly minFresh?: number;
  /** Infinity: however stale. */
  readonly maxStale?: number;
}

const NONE: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false };

/** `Pragma: no-cache` counts where there is no `Cache-Control` (section 5.4). Numbers that are none count as the careful extreme. */
export function requestDirectives(fields: FieldReader): RequestDirectives {
  const field = fields.get("cache-control");
  if (field === null || field === undefined) {
    const pragma = fields.get("pragma");
    if (pragma === null || pragma === undefined) return NONE;
    return parseDirectives(pragma).some(({ name }) => name === "no-cache") ? { ...NONE, noCache: true } : NONE;
  }
  const found: { -readonly [name in keyof RequestDirectives]: RequestDirectives[name] } = { ...NONE };
  for (const { name, value } of parseDirectives(field)) {
    if (name === "no-cache") found.noCache = true;
    else if (name === "no-store") found.noStore = true;
    else if (name === "only-if-cached") found.onlyIfCached = true;
    else if (name === "max-age") found.maxAge = Math.min(found.maxAge ?? Infinity, deltaSeconds(value) ?? 0);
    else if (name === "min-fresh") found.minFresh = Math.max(found.minFresh ?? 0, deltaSeconds(value) ?? Infinity);
    else if (name === "max-stale")
      found.maxStale = Math.min(
        found.maxStale ?? Infinity,
        value === undefined ? Infinity : (deltaSeconds(value) ?? 0),
      );
  }
  return found;
}
