/** What becomes of an upstream's answer (RFC 9111 sections 3, 4.3.3 and 4.4, RFC 5861 section 4). */
import { parseHttpDate } from "../http/http-date.ts";
import { answerDirectives } from "./answer-directives.ts";
import { keyedTarget } from "./cache-key.ts";
import type { CacheRequest, UpstreamAnswer } from "./cache-request.ts";
import { confirmedBy, freshened, sayOfHead } from "./freshen.ts";
import { dateOf, lifetimeOf } from "./freshness.ts";
import { invalidationOf, sameOriginTarget } from "./invalidation.ts";
import { newHead } from "./new-head.ts";
import { isNotModified } from "./preconditions.ts";
import type { CacheSettings } from "./settings.ts";
import { isStaleError, isState } from "./statuses.ts";
import { isPersonal } from "./storable.ts";
import type { StoredHead } from "./stored-head.ts";
import type { CacheKeys, ForwardVerdict, HeadOrigin, Judgement } from "./verdict.ts";

const NOTHING: readonly never[] = [];

/** What an answer is judged by beside itself. */
export interface AnswerContext {
  /** Undefined: the request has none, and nothing is stored. Those of the same request as a GET when it was a POST. */
  readonly keys: CacheKeys | undefined;
  readonly request: CacheRequest;
  readonly verdict: ForwardVerdict;
  readonly settings: CacheSettings;
  readonly origin: HeadOrigin;
}

/** @param answer the final one; interim ones are no answers (RFC 9110 section 15.2) */
export function judgeAnswer(answer: UpstreamAnswer, context: AnswerContext): Judgement {
  const { keys, request, verdict, settings, origin } = context;
  const { held, way } = verdict;
  if (verdict.why === "method") return judgeUnsafe(answer, context);
  if (way === "pass" || keys === undefined) return passed("request");
  if (request.method === "HEAD") return judgeHead(answer, { ...context, keys });
  if (answer.status === 304) return held.length === 0 ? passed("status") : judge304(answer, { ...context, keys });
  const instead = isStaleError(answer.status) ? heldInstead(held, "ifErrorUntilMs", origin.receivedAtMs) : undefined;
  if (instead !== undefined)
    return { serve: "stored", head: instead, failed: true, updates: NOTHING, removes: NOTHING };
  const replaced = replacedBy(answer, held);
  const { head, notStored, byRequest } = newHead(request, answer, keys, settings, origin);
  const notModified = hasAlready(answer, request, origin.receivedAtMs);
  if (head === undefined)
    return {
      serve: "upstream",
      notStored,
      updates: NOTHING,
      removes: byRequest || isPersonal(request, settings) ? NOTHING : replaced,
      ...(notModified && { notModified }),
    };
  const store = { key: head.shared === true ? "shared" : "own", head, replaces: replaced } as const;
  return { serve: "upstream", store, updates: NOTHING, removes: NOTHING, ...(notModified && { notModified }) };
}

/**
 * What serves when the upstream cannot be reached, or breaks off before its head: RFC 9111 section 4.2.4 lets a disconnected cache
 * serve what is stale unless that is forbidden.
 */
export function staleInstead({ held }: ForwardVerdict, nowMs: number): StoredHead | undefined {
  return heldInstead(held, "ifUnreachableUntilMs", nowMs);
}

/** The newest that may: an error that was stored meanwhile does not stand before an older good answer. */
function heldInstead(
  held: readonly StoredHead[],
  use: "ifErrorUntilMs" | "ifUnreachableUntilMs",
  nowMs: number,
): StoredHead | undefined {
  return held.find(({ stale }) => nowMs < stale[use]);
}

const passed = (notStored: NonNullable<Judgement["notStored"]>): Judgement => ({
  serve: "upstream",
  notStored,
  updates: NOTHING,
  removes: NOTHING,
});

/** Ids of what an answer takes the place of. A part takes that of no whole. */
function replacedBy({ status }: UpstreamAnswer, held: readonly StoredHead[]): readonly string[] {
  return isState(status) && status !== 206 ? held.map(({ id }) => id) : NOTHING;
}

/** The client's conditions did not go to the upstream, so they are judged by what came. */
function hasAlready({ status, fields }: UpstreamAnswer, request: CacheRequest, nowMs: number): boolean {
  if (status !== 200 || request.method === "HEAD") return false;
  const etag = fields.get("etag") ?? undefined;
  const lastModifiedMs = parseHttpDate(fields.get("last-modified") ?? "", nowMs);
  const validators = {
    status,
    dateMs: dateOf(fields, nowMs),
    ...(etag && { etag }),
    ...(lastModifiedMs !== undefined && { lastModifiedMs }),
  };
  return isNotModified(request.fields, validators, nowMs);
}

type KeyedContext = AnswerContext & { readonly keys: CacheKeys };

function judge304(answer: UpstreamAnswer, { keys, request, verdict, settings, origin }: KeyedContext): Judgement {
  const confirmed = confirmedBy(answer, verdict.held, origin.receivedAtMs);
  if (confirmed.length === 0) return { serve: "again", updates: NOTHING, removes: NOTHING };
  const results = confirmed.map((stored) => freshened(stored, request, answer, keys, settings, origin));
  const heads = (what: string): StoredHead[] => results.flatMap(({ head, stored }) => (stored === what ? [head] : []));
  const cookies = [...answer.fields].flatMap(([name, value]) => (name === "set-cookie" ? [value] : []));
  return {
    serve: "stored",
    ...(cookies.length > 0 && { cookies }),
    ...(results[0] !== undefined && { head: results[0].head }),
    updates: heads("update"),
    removes: heads("remove").map(({ id }) => id),
  };
}

/** The answer to a HEAD is the client's in any case; what is stored of the GET follows it or goes. */
function judgeHead(answer: UpstreamAnswer, { keys, request, verdict, settings, origin }: KeyedContext): Judgement {
  if (answer.status !== 200 || isPersonal(request, settings)) return passed("method");
  const updates: StoredHead[] = [];
  const removes: string[] = [];
  for (const stored of verdict.held) {
    const said = stored.status === 200 ? sayOfHead(stored, answer, origin.receivedAtMs) : "other";
    if (said === "nothing") continue;
    const { head, stored: fate } = freshened(stored, request, answer, keys, settings, origin);
    if (said === "other" || fate === "remove") removes.push(stored.id);
    else if (fate === "update") updates.push(head);
  }
  return { serve: "upstream", notStored: "method", updates, removes };
}

/**
 * The answer to a POST that says that it is what a GET of the same URL gets, and for how long, is stored as that (RFC 9110 section
 * 9.3.3); every other one only makes invalid.
 */
function judgeUnsafe(answer: UpstreamAnswer, { keys, request, settings, origin }: AnswerContext): Judgement {
  const invalidates = invalidationOf(request, answer, settings);
  const judgement: Judgement = { ...passed("method"), ...(invalidates !== undefined && { invalidates }) };
  const { status, fields } = answer;
  if (request.method !== "POST" || status !== 200 || keys === undefined) return judgement;
  if (sameOriginTarget(fields, "content-location", request, settings) !== keyedTarget(request, settings))
    return judgement;
  const lifetime = lifetimeOf(answer, answerDirectives(fields), settings, origin.receivedAtMs);
  if (!lifetime.stated || lifetime.ms === 0) return judgement;
  const { head } = newHead({ ...request, method: "GET" }, answer, keys, settings, origin);
  if (head === undefined) return judgement;
  const { notStored: _, ...stores } = judgement;
  return { ...stores, store: { key: head.shared === true ? "shared" : "own", head, replaces: NOTHING } };
}
