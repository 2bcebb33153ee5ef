/** Which answers may be stored (RFC 9111 section 3), and for whom. */
import type { AnswerDirectives } from "./answer-directives.ts";
import { partOf } from "./byte-range.ts";
import type { CacheRequest, FieldReader, UpstreamAnswer } from "./cache-request.ts";
import { deltaSeconds } from "./directives.ts";
import type { Lifetime } from "./freshness.ts";
import type { CacheSettings } from "./settings.ts";
import { isOfConditions, isUnderstood } from "./statuses.ts";
import type { NotStored } from "./verdict.ts";

/** What the answer itself forbids. */
export function forbiddenByAnswer(
  status: number,
  fields: FieldReader,
  directives: AnswerDirectives,
): NotStored | undefined {
  const { noStore, mustUnderstand } = directives;
  if (mustUnderstand && !isUnderstood(status)) return "status";
  // Who understands the status goes by what else is said (section 5.2.2.3).
  if (noStore && !mustUnderstand) return "no-store";
  if (directives.private) return "private";
  if (status < 200 || isOfConditions(status)) return "status";
  return status === 206 ? forbiddenPart(fields) : undefined;
}

/** A part is stored when it is one range that is as long as it says (section 3.3). */
function forbiddenPart(fields: FieldReader): NotStored | undefined {
  const part = partOf(fields.get("content-range"));
  if (part === undefined) return "partial";
  const length = deltaSeconds(fields.get("content-length"));
  return length === undefined || length === part.last - part.first + 1 ? undefined : "content";
}

/** Bytes of an answer's body as its head states them: one with others has broken off, and is not stored. */
export function statedBytes({ status, fields }: UpstreamAnswer): number | undefined {
  const part = status === 206 ? partOf(fields.get("content-range")) : undefined;
  if (part !== undefined) return part.last - part.first + 1;
  return deltaSeconds(fields.get("content-length"));
}

/** Whether an answer says itself that it is for everybody. */
export const isForAll = (directives: AnswerDirectives): boolean =>
  directives.public || directives.sMaxAge !== undefined;

/**
 * What makes an answer one for this client alone, unless it says otherwise. Answers to an `Authorization` need `public`, `s-maxage`
 * or `must-revalidate` (section 3.5). One that sets a cookie is most likely about that cookie's owner and needs `public` or
 * `s-maxage`; the cookie itself is never stored. One to a request with cookies has to say that, too, or how long it is fresh: a
 * `ttl` of the route, a guess, or an entity tag that all sessions share must not make a page of one session everybody's.
 */
export function forbiddenByRequest(
  request: CacheRequest,
  fields: FieldReader,
  directives: AnswerDirectives,
  lifetime: Lifetime,
  settings: CacheSettings,
): NotStored | undefined {
  const forAll = isForAll(directives);
  if (request.authorized && !forAll && !directives.mustRevalidate) return "authorization";
  if (isSome(fields.get("set-cookie")) && !forAll) return "set-cookie";
  const isStated = forAll || (lifetime.stated && lifetime.ms > 0);
  return hasCookie(request, settings) && !isStated ? "cookie" : undefined;
}

/** Whether the upstream could answer this client otherwise than others, so that the answer says nothing of what others have. */
export const isPersonal = (request: CacheRequest, settings: CacheSettings): boolean =>
  request.authorized || hasCookie(request, settings);

/** A cookie that is in the key or does not go to the upstream makes no difference. */
function hasCookie({ fields }: CacheRequest, { ignoreCookies, keyFields }: CacheSettings): boolean {
  return ignoreCookies !== true && keyFields?.includes("cookie") !== true && isSome(fields.get("cookie"));
}

const isSome = (value: string | null | undefined): boolean => value !== null && value !== undefined;
