/** Whether what is stored serves a request (RFC 9111 section 4). */
import { allowsRange, requestedRange } from "./byte-range.ts";
import type { CacheRequest } from "./cache-request.ts";
import { ORIGIN_CONDITIONS } from "./preconditions.ts";
import { type RequestDirectives, requestDirectives } from "./request-directives.ts";
import { isSelected, variantOf } from "./selecting-fields.ts";
import type { CacheSettings } from "./settings.ts";
import type { StoredHead } from "./stored-head.ts";
import type { CacheKeys, ForwardReason, ForwardVerdict, Verdict } from "./verdict.ts";

const NONE: readonly StoredHead[] = [];
const SILENT: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false };

/**
 * @param keys undefined: the request has none, and passes
 * @param found what the stores have under its keys, in any order
 */
export function lookUp(
  keys: CacheKeys | undefined,
  found: readonly StoredHead[],
  request: CacheRequest,
  settings: CacheSettings,
  nowMs: number,
): Verdict {
  const passed = passes(keys, request);
  if (passed !== undefined) return pass(passed);
  const asked = settings.ignoreClient === true ? SILENT : requestDirectives(request.fields);
  if (asked.noStore) return pass("request");
  const head = newestOf(found, request, nowMs);
  if (head !== undefined) {
    const use = useOf(head, asked, nowMs);
    if (use === "serve") return { kind: "hit", head };
    if (use === "serve-and-revalidate")
      return {
        kind: "stale",
        head,
        revalidation: { ...ask("stale", found, request, asked), background: true },
      };
  }
  if (asked.onlyIfCached) return { kind: "unavailable" };
  return ask(whyForwarded(head, found, request, asked, nowMs), found, request, asked);
}

/** Requests that no stored answer is for, and that bring none. */
function passes(keys: CacheKeys | undefined, request: CacheRequest): ForwardReason | undefined {
  const { method, fields, hasContent, contentDigest } = request;
  if (method === "GET" || method === "HEAD") {
    // An upstream that reads the content of a GET could be made to answer by it (RFC 9110 section 9.3.1).
    if (hasContent) return "bypass";
  } else if (method !== "QUERY") return "method";
  else if (contentDigest === undefined) return "bypass";
  if (keys === undefined) return "bypass";
  // They are about the origin's state, which no cache knows (RFC 9111 section 4.3.2).
  for (const name of ORIGIN_CONDITIONS) if (isSome(fields.get(name))) return "request";
  return undefined;
}

const isSome = (value: string | null | undefined): boolean => value !== null && value !== undefined;

const pass = (why: ForwardReason): ForwardVerdict => ({
  kind: "forward",
  why,
  way: "pass",
  held: NONE,
  collapsible: false,
});

/**
 * A request of many is for many: who asks for something of its own, or for a part, does not wait for others' answers. Nor does
 * anybody where the last answer served nobody else, since it was not fresh when it came: all would go on one after the other.
 */
function ask(
  why: ForwardReason,
  found: readonly StoredHead[],
  request: CacheRequest,
  { noCache, maxAge, minFresh }: RequestDirectives,
): ForwardVerdict {
  const { method, fields, authorized } = request;
  const held = heldFor(found, request);
  const own = noCache || maxAge !== undefined || minFresh !== undefined || authorized;
  const isForOne = held[0] !== undefined && held[0].freshUntilMs <= held[0].receivedAtMs;
  const collapsible = method !== "HEAD" && !own && !isForOne && !isSome(fields.get("range"));
  const variant = variantOf(found, fields);
  return { kind: "forward", why, way: "store", held, collapsible, ...(variant !== undefined && { variant }) };
}

/** Of several that a request selects the newest counts (section 4.1). */
function newestOf(found: readonly StoredHead[], request: CacheRequest, nowMs: number): StoredHead | undefined {
  let newest: StoredHead | undefined;
  for (const head of found)
    if ((newest === undefined || isNewer(head, newest)) && isUsable(head, request, nowMs)) newest = head;
  return newest;
}

const isNewer = (one: StoredHead, other: StoredHead): boolean =>
  one.dateMs > other.dateMs || (one.dateMs === other.dateMs && one.receivedAtMs > other.receivedAtMs);

/** A part serves only requests for what lies in it (section 3.3). */
function isUsable(head: StoredHead, request: CacheRequest, nowMs: number): boolean {
  if (!isSelected(head, request.fields)) return false;
  const { part } = head;
  if (part === undefined) return true;
  if (request.method === "HEAD" || !allowsRange(request.fields, head, nowMs)) return false;
  const wanted = requestedRange(request.fields.get("range"), part.whole);
  if (wanted === undefined || wanted === "unsatisfiable") return false;
  return wanted.first >= part.first && wanted.last <= part.last;
}

/** What can be asked about, the newest first. A part that is not fresh is asked for anew. */
function heldFor(found: readonly StoredHead[], { fields }: CacheRequest): readonly StoredHead[] {
  if (found.length === 0) return NONE;
  const held = found.filter((head) => head.part === undefined && isSelected(head, fields));
  return held.sort((one, other) => (isNewer(one, other) ? -1 : 1));
}

/** Whether an answer may serve now, by its own word and the client's (sections 4.2, 4.2.4 and 5.2.1). */
function useOf(
  { bornAtMs, freshUntilMs, stale, immutable }: StoredHead,
  { noCache, maxAge, minFresh, maxStale }: RequestDirectives,
  nowMs: number,
): "serve" | "serve-and-revalidate" | "ask" {
  if (noCache) return "ask";
  // A reload says `max-age=0`, and what never changes need not be asked for by it (RFC 8246 section 2).
  const isImmutable = immutable === true && nowMs < freshUntilMs;
  if (maxAge !== undefined && !isImmutable && nowMs - bornAtMs > maxAge * 1000) return "ask";
  if (minFresh !== undefined && freshUntilMs - nowMs < minFresh * 1000) return "ask";
  if (nowMs < freshUntilMs) return "serve";
  if (maxStale !== undefined && stale.byClient && nowMs - freshUntilMs <= maxStale * 1000) return "serve";
  if (maxAge === undefined && nowMs < stale.whileRevalidateUntilMs) return "serve-and-revalidate";
  return "ask";
}

function whyForwarded(
  head: StoredHead | undefined,
  found: readonly StoredHead[],
  { fields }: CacheRequest,
  { noCache, maxAge, minFresh }: RequestDirectives,
  nowMs: number,
): ForwardReason {
  if (head !== undefined) {
    const byRequest = nowMs < head.freshUntilMs && (noCache || maxAge !== undefined || minFresh !== undefined);
    return byRequest ? "request" : "stale";
  }
  if (found.length === 0) return "uri-miss";
  return found.some((other) => isSelected(other, fields)) ? "partial" : "vary-miss";
}
