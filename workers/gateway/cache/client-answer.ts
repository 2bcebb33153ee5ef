/** What a client gets: an answer of the upstream, or one that is stored. */
import { answerFrom } from "../../../shared/cache/answer-from.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import { dropEnding } from "../upstream/forward-request.ts";
import { type CacheExchange, keyOf } from "./exchange-of.ts";

/** @returns undefined: its body is gone, although its head was found a moment ago */
export async function answerOfHead(
  { edge, c, keys, request, reach, isRaw }: CacheExchange,
  head: StoredHead,
): Promise<Response | undefined> {
  // It was stored before the route began to read its answers.
  if (!isRaw && head.fields.some(([name]) => name === "content-encoding")) return undefined;
  const answer = answerFrom(head, request, Date.now());
  let body: BodyInit | null = null;
  if (answer.body !== "none" && head.bodyBytes > 0 && keys !== undefined) {
    const range = answer.body === "whole" ? undefined : answer.body;
    const opened = edge.store.open(keyOf(keys, head), head, reach, c.executionCtx, range);
    const found = opened instanceof Promise ? await opened : opened;
    if (found === undefined) return undefined;
    const bytes = range === undefined ? head.bodyBytes : range.last - range.first + 1;
    body = found instanceof Uint8Array ? found : found.pipeThrough(new FixedLengthStream(bytes));
  }
  const response = new Response(body, {
    status: answer.status,
    headers: headersOf(answer.fields),
    encodeBody: "manual",
  });
  response.headers.set("age", String(answer.ageSeconds));
  return response;
}

/** A response takes a copy of them; making them of texts costs more than that copy. */
const made = new WeakMap<StoredHead["fields"], Headers>();

function headersOf(fields: StoredHead["fields"]): Headers {
  const known = made.get(fields);
  if (known !== undefined) return known;
  const headers = new Headers(fields as [string, string][]);
  made.set(fields, headers);
  return headers;
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
