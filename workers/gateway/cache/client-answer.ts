/** What a client gets: an answer of the upstream, or one that is stored. */
import { answerFrom, type CachedAnswer } from "../../../shared/cache/answer-from.ts";
import { type CacheStatus, cacheStatus } from "../../../shared/cache/cache-status.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import { dropEnding } from "../upstream/ending-fields.ts";
import type { Soon, StoredBody } from "./cache-store.ts";
import { type CacheExchange, keyOf } from "./exchange-of.ts";

export interface ServedAnswer {
  readonly response: Response;
  /** Of content that comes from what is stored. */
  readonly bytes: number;
}

/**
 * @param status how the answer came about
 * @returns undefined: its body is gone, although its head was found a moment ago
 */
export function answerOfHead(
  exchange: CacheExchange,
  head: StoredHead,
  status: CacheStatus,
): Soon<ServedAnswer | undefined> {
  const { edge, ctx, keys, request, reach, isRaw } = exchange;
  // It was stored before the route began to read its answers.
  if (!isRaw && head.fields.some(([name]) => name === "content-encoding")) return undefined;
  const answer = answerFrom(head, request, Date.now());
  if (answer.body === "none" || head.bodyBytes === 0 || keys === undefined)
    return { response: responseOf(answer, status, null), bytes: 0 };
  const range = answer.body === "whole" ? undefined : answer.body;
  const bytes = range === undefined ? head.bodyBytes : range.last - range.first + 1;
  const serve = (body: StoredBody | undefined): ServedAnswer | undefined =>
    body && { response: responseOf(answer, status, body instanceof Uint8Array ? body : ofLength(body, bytes)), bytes };
  const opened = edge.store.open(keyOf(keys, head), head, reach, ctx, range);
  return opened instanceof Promise ? opened.then(serve) : serve(opened);
}

const ofLength = (body: ReadableStream, bytes: number): ReadableStream =>
  body.pipeThrough(new FixedLengthStream(bytes));

function responseOf(answer: CachedAnswer, status: CacheStatus, body: BodyInit | null): Response {
  return new Response(body, headOf(answer, status));
}

/** The head of an answer as it was sent last. */
interface SentHead {
  /** Without a body. */
  readonly response: Response;
  readonly headers: Headers;
  /** What caches nearer to the origin said. */
  readonly before: string | null;
  age: number;
  status: string;
}

/**
 * A response takes a copy of another one's head; making it of texts costs more than that copy, and what changes in it does so once a
 * second. Of a plain object the platform would look for each member that one may have.
 */
const sent = new WeakMap<StoredHead["fields"], SentHead>();

function headOf(answer: CachedAnswer, status: CacheStatus): Response {
  const { fields, ageSeconds } = answer;
  const head = sent.get(fields) ?? newHead(answer);
  if (head.age !== ageSeconds) {
    head.age = ageSeconds;
    head.headers.set("age", String(ageSeconds));
  }
  const text = cacheStatus(status, head.before);
  if (head.status !== text) {
    head.status = text;
    head.headers.set("cache-status", text);
  }
  return head.response;
}

function newHead({ status, fields }: CachedAnswer): SentHead {
  const isEncoded = fields.some(([name]) => name === "content-encoding");
  const response = new Response(null, {
    status,
    headers: fields as [string, string][],
    encodeBody: isEncoded ? "manual" : "automatic",
  });
  const { headers } = response;
  const head = { response, headers, before: headers.get("cache-status"), age: -1, status: "" };
  sent.set(fields, head);
  return head;
}

/**
 * An answer of the upstream with its content as it goes to the client.
 * @param isRaw whether the content is as the upstream encoded it
 */
export function answerOfUpstream(
  { status, statusText, headers }: Pick<Response, "status" | "statusText" | "headers">,
  body: ReadableStream | null,
  isRaw: boolean,
): Response {
  const response = new Response(body, {
    status,
    statusText,
    headers,
    encodeBody: isRaw ? "manual" : "automatic",
  });
  dropEnding(response.headers);
  return response;
}
