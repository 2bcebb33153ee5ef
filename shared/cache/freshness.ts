/** How old an answer is, how long it is fresh, and what it may be used for after that (RFC 9111 section 4.2, RFC 5861). */
import { parseHttpDate } from "../http/http-date.ts";
import { limits } from "../limits.ts";
import type { AnswerDirectives } from "./answer-directives.ts";
import type { FieldReader } from "./cache-request.ts";
import { deltaSeconds } from "./directives.ts";
import type { CacheSettings } from "./settings.ts";
import { isHeuristic, isOfAsking, isStaleError } from "./statuses.ts";
import type { StaleUse, StoredHead } from "./stored-head.ts";
import type { AnswerTimes } from "./verdict.ts";

const bounds = limits.cache;

export interface Lifetime {
  readonly ms: number;
  /** Whether the answer states it itself; otherwise it is the route's word or a guess. */
  readonly stated: boolean;
}

export interface Dated {
  readonly status: number;
  readonly fields: FieldReader;
}

/** `Date`, or when the answer came (RFC 9110 section 6.6.1). */
export function dateOf(fields: FieldReader, receivedAtMs: number): number {
  return parseHttpDate(fields.get("date") ?? "", receivedAtMs) ?? receivedAtMs;
}

/**
 * When an answer was made or last confirmed, by its own word and the clocks on its way (section 4.2.3): now less this is its
 * `current_age`. `Date` has whole seconds, so what it lacks of one is no age.
 */
export function bornAt(fields: FieldReader, { requestedAtMs, receivedAtMs }: AnswerTimes): number {
  const apparentAgeMs = Math.floor(receivedAtMs / 1000) * 1000 - dateOf(fields, receivedAtMs);
  const correctedAgeMs = ageOf(fields) * 1000 + (receivedAtMs - requestedAtMs);
  return receivedAtMs - Math.max(0, apparentAgeMs, correctedAgeMs);
}

/** Of several values the first counts, one that is none is ignored (section 5.1). Seconds. */
function ageOf(fields: FieldReader): number {
  return deltaSeconds(fields.get("age")?.split(",", 1)[0]?.trim()) ?? 0;
}

/**
 * How long an answer is fresh from its birth on (section 4.2.1). What it states itself goes before what the route says, unless
 * the route has `override`; a guess from `Last-Modified` comes last (section 4.2.2).
 */
export function lifetimeOf(
  { status, fields }: Dated,
  directives: AnswerDirectives,
  settings: CacheSettings,
  receivedAtMs: number,
): Lifetime {
  const bounded = (ms: number, stated: boolean): Lifetime => ({
    ms: Math.max(0, Math.min(ms, bounds.freshMsMax)),
    stated,
  });
  if (directives.noCache) return bounded(0, true);
  const byRoute = routeLifetime(status, settings);
  if (settings.override === true && byRoute !== undefined) return bounded(byRoute, false);
  const stated = statedLifetime(fields, directives, receivedAtMs);
  if (stated !== undefined) return bounded(stated, true);
  return bounded(byRoute ?? guessedLifetime(status, fields, directives, receivedAtMs), false);
}

function statedLifetime(fields: FieldReader, directives: AnswerDirectives, receivedAtMs: number): number | undefined {
  const seconds = directives.sMaxAge ?? directives.maxAge;
  if (seconds !== undefined) return seconds * 1000;
  const expires = directives.targeted ? undefined : fields.get("expires");
  if (expires === undefined || expires === null) return undefined;
  // What is no date has expired already (section 5.3).
  const expiresMs = parseHttpDate(expires, receivedAtMs);
  return expiresMs === undefined ? 0 : expiresMs - dateOf(fields, receivedAtMs);
}

/** Good answers by `ttl`, errors by their own. */
function routeLifetime(status: number, { ttlMs, errorTtlMs }: CacheSettings): number | undefined {
  if (status < 400) return isHeuristic(status) ? ttlMs : undefined;
  if (errorTtlMs === undefined || status === 401 || status === 407) return undefined;
  return errorTtlMs[String(status)] ?? (isOfAsking(status) ? undefined : errorTtlMs[`${Math.floor(status / 100)}xx`]);
}

/** `public` makes any status one that may be guessed about (section 4.2.2). */
function guessedLifetime(
  status: number,
  fields: FieldReader,
  directives: AnswerDirectives,
  receivedAtMs: number,
): number {
  if (!isHeuristic(status) && !directives.public) return 0;
  const modifiedMs = parseHttpDate(fields.get("last-modified") ?? "", receivedAtMs);
  if (modifiedMs === undefined) return 0;
  const unchangedMs = dateOf(fields, receivedAtMs) - modifiedMs;
  return Math.min(unchangedMs * bounds.heuristicShare, bounds.heuristicMsMax);
}

/**
 * Until when a stale answer may serve, and for what. An explicit `must-revalidate`, `proxy-revalidate` or `no-cache` forbids all
 * of it (section 4.2.4). `s-maxage` has the meaning of `proxy-revalidate` (section 5.2.2.10), but where the answer itself allows
 * stale use by the directives of RFC 5861 its own more special word counts; the route's word and the client's do not. A failure of
 * the upstream is not what stale answers are kept for: nobody is told of it once its time is over.
 */
export function staleUse(
  status: number,
  directives: AnswerDirectives,
  freshUntilMs: number,
  settings: CacheSettings,
): StaleUse {
  const { noCache, mustRevalidate, proxyRevalidate, sMaxAge } = directives;
  if (noCache || mustRevalidate || proxyRevalidate || isStaleError(status)) return neverStale(freshUntilMs);
  const byOthers = sMaxAge === undefined;
  const { staleWhileRevalidateMs = 0, staleIfErrorMs } = byOthers ? settings : {};
  const own = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);
  const revalidateMs = own(directives.staleWhileRevalidate) ?? staleWhileRevalidateMs;
  const errorMs = own(directives.staleIfError) ?? staleIfErrorMs;
  return {
    whileRevalidateUntilMs: freshUntilMs + revalidateMs,
    ifErrorUntilMs: freshUntilMs + (errorMs ?? 0),
    ifUnreachableUntilMs: freshUntilMs + (errorMs ?? (byOthers ? bounds.unreachableStaleMs : 0)),
    byClient: byOthers,
  };
}

const neverStale = (freshUntilMs: number): StaleUse => ({
  whileRevalidateUntilMs: freshUntilMs,
  ifErrorUntilMs: freshUntilMs,
  ifUnreachableUntilMs: freshUntilMs,
  byClient: false,
});

/** When an answer is of no use any more. */
export function keepUntil(
  freshUntilMs: number,
  { whileRevalidateUntilMs, ifErrorUntilMs, ifUnreachableUntilMs }: StaleUse,
  hasValidator: boolean,
  receivedAtMs: number,
): number {
  const askedUntilMs = hasValidator ? Math.max(freshUntilMs, receivedAtMs) + bounds.revalidatableMs : freshUntilMs;
  const untilMs = Math.max(freshUntilMs, whileRevalidateUntilMs, ifErrorUntilMs, ifUnreachableUntilMs, askedUntilMs);
  return Math.min(untilMs, receivedAtMs + limits.cachePurges.keepMsMax);
}

/** Whole seconds for `Age` (section 5.1). */
export function ageSeconds({ bornAtMs }: Pick<StoredHead, "bornAtMs">, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - bornAtMs) / 1000));
}

/**
 * What a soft purge makes of an answer: it is stale since then, and serves for a moment while it is revalidated, unless it
 * forbids stale use.
 */
export function softPurged(head: StoredHead, purgedAtMs: number): StoredHead {
  const { stale } = head;
  const allowed = stale.byClient || stale.whileRevalidateUntilMs > head.freshUntilMs;
  const freshUntilMs = Math.min(head.freshUntilMs, purgedAtMs);
  const whileRevalidateUntilMs = allowed ? purgedAtMs + bounds.softPurgeStaleMs : freshUntilMs;
  return { ...head, freshUntilMs, stale: { ...stale, whileRevalidateUntilMs } };
}
