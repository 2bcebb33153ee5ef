/** What is stored of an answer: everything that a hit needs is computed here, once. */
import { parseHttpDate } from "../http/http-date.ts";
import { type AnswerDirectives, answerDirectives } from "./answer-directives.ts";
import { partOf } from "./byte-range.ts";
import { hostName, keyedTarget } from "./cache-key.ts";
import type { CacheRequest, UpstreamAnswer } from "./cache-request.ts";
import { bornAt, dateOf, keepUntil, lifetimeOf, staleUse } from "./freshness.ts";
import { selectionOf } from "./selecting-fields.ts";
import type { CacheSettings } from "./settings.ts";
import { isGood } from "./statuses.ts";
import { forbiddenByAnswer, forbiddenByRequest, isForAll } from "./storable.ts";
import { storedFields } from "./stored-fields.ts";
import type { NewHead } from "./stored-head.ts";
import { tagsOf } from "./tags.ts";
import type { CacheKeys, HeadOrigin, NotStored } from "./verdict.ts";

const COOKIE: readonly string[] = ["cookie"];

export type HeadOrNot =
  | { readonly head: NewHead; readonly notStored?: never; readonly byRequest?: never }
  /** byRequest: another client's would be stored. */
  | { readonly notStored: NotStored; readonly byRequest: boolean; readonly head?: never };

/**
 * The head of an answer that may be stored for requests like this one.
 * @param keys where the route shares answers, those that say that they are for all get the shared one
 */
export function newHead(
  request: CacheRequest,
  answer: UpstreamAnswer,
  keys: CacheKeys,
  settings: CacheSettings,
  origin: HeadOrigin,
): HeadOrNot {
  const { status, fields } = answer;
  const directives = answerDirectives(fields);
  const forbidden = forbiddenByAnswer(status, fields, directives);
  if (forbidden !== undefined) return { notStored: forbidden, byRequest: false };
  const selection = selectionOf(
    variesBy(request, fields),
    request.fields,
    settings.ignoreCookies === true ? COOKIE : [],
  );
  if (selection.by === undefined)
    return { notStored: selection.refused, byRequest: selection.refused === "vary-credentials" };
  const lifetime = lifetimeOf(answer, directives, settings, origin.receivedAtMs);
  const personal = forbiddenByRequest(request, fields, directives, lifetime, settings);
  if (personal !== undefined) return { notStored: personal, byRequest: true };
  const times = timesOf(answer, directives, lifetime.ms, settings, origin);
  if (times.keepUntilMs <= origin.receivedAtMs) return { notStored: "no-lifetime", byRequest: false };
  const tags = tagsOf(fields, request, settings.tags ?? []);
  if (tags === undefined) return { notStored: "tags", byRequest: false };
  const part = status === 206 ? partOf(fields.get("content-range")) : undefined;
  const { id, purge, requestedAtMs, receivedAtMs } = origin;
  const head: NewHead = {
    id,
    method: request.method,
    status,
    fields: storedFields(fields, directives, receivedAtMs),
    requestedAtMs,
    receivedAtMs,
    selectedBy: selection.by,
    tags,
    host: hostName(request),
    target: keyedTarget(request, settings),
    purge,
    ...times,
    ...(part !== undefined && { part }),
    ...(directives.immutable && { immutable: true }),
    ...(keys.shared !== undefined && isForAll(directives) && { shared: true }),
  };
  return { head };
}

/**
 * An answer that allows exactly the origin that asks follows from `Origin`, whether it says so or not (Fetch standard, "CORS
 * protocol and HTTP caches"): others would be refused by it.
 */
function variesBy(request: CacheRequest, fields: UpstreamAnswer["fields"]): string {
  const vary = fields.get("vary") ?? "";
  const origin = request.fields.get("origin");
  return origin && fields.get("access-control-allow-origin") === origin ? `${vary}, origin` : vary;
}

type Times = Pick<
  NewHead,
  "keepUntilMs" | "bornAtMs" | "freshUntilMs" | "stale" | "etag" | "lastModifiedMs" | "dateMs"
>;

/** An answer that nobody may be given without asking is stored only when there is something to ask by. */
function timesOf(
  { status, fields }: UpstreamAnswer,
  directives: AnswerDirectives,
  lifetimeMs: number,
  settings: CacheSettings,
  origin: HeadOrigin,
): Times {
  const { receivedAtMs } = origin;
  const etag = fields.get("etag") ?? undefined;
  const lastModifiedMs = parseHttpDate(fields.get("last-modified") ?? "", receivedAtMs);
  const hasValidator = isGood(status) && (etag !== undefined || lastModifiedMs !== undefined);
  const bornAtMs = bornAt(fields, origin);
  const freshUntilMs = bornAtMs + lifetimeMs;
  const stale = staleUse(status, directives, freshUntilMs, settings);
  const mayServe = lifetimeMs > 0 || hasValidator;
  return {
    bornAtMs,
    freshUntilMs,
    stale,
    keepUntilMs: mayServe ? keepUntil(freshUntilMs, stale, hasValidator, receivedAtMs) : 0,
    dateMs: dateOf(fields, receivedAtMs),
    ...(etag !== undefined && { etag }),
    ...(lastModifiedMs !== undefined && { lastModifiedMs }),
  };
}
