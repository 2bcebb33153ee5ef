/** Finds out what a request used of the limits that reserve, and when it is over. */
import { limits } from "../../../shared/limits.ts";
import { usedOf } from "../../../shared/policy/response-cost.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { TakenLimits } from "./take-limits.ts";

/**
 * Settles when the answer's body has ended, or was given up.
 * @returns the answer to send instead; it has the same body
 */
export function settleAfter(response: Response, taken: TakenLimits, reserving: readonly RateLimitSettings[]): Response {
  const { body } = response;
  const settle = (json: unknown): void => taken.finish((settings) => usedBy(settings, response, json));
  if (body === null) {
    settle(undefined);
    return response;
  }
  const reads = reserving.some(({ cost }) => cost?.body !== undefined) && isJson(response);
  const watched = watch(body, reads ? limits.rateLimit.costBodyBytesMax : 0, (bytes) => settle(parse(bytes)));
  return new Response(withLength(watched, response.headers), response);
}

function usedBy({ cost, name }: RateLimitSettings, { status, headers }: Response, body: unknown): number {
  if (cost === undefined) return 0;
  return usedOf(cost, name, { status, field: cost.header === undefined ? null : headers.get(cost.header), body });
}

const isJson = ({ headers }: Response): boolean =>
  /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers.get("content-type") ?? "");

/** @param over gets what came, when it is over; nothing when it was more than `bytesMax` or did not come whole */
function watch(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  over: (bytes: Uint8Array[]) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let kept: Uint8Array[] = [];
  let bytes = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          over(kept);
          controller.close();
          return;
        }
        bytes += value.byteLength;
        if (bytes > bytesMax) kept = [];
        else kept.push(value.slice());
        controller.enqueue(value);
      } catch (cause) {
        over([]);
        controller.error(cause);
      }
    },
    async cancel(cause) {
      over([]);
      await reader.cancel(cause);
    },
  });
}

/** A body whose length is known keeps it; an encoded one is encoded anew and may come out longer. */
function withLength(body: ReadableStream<Uint8Array>, headers: Headers): ReadableStream<Uint8Array> {
  const length = headers.get("content-length");
  if (length === null || !/^\d{1,15}$/.test(length) || headers.has("content-encoding")) return body;
  const { readable, writable } = new FixedLengthStream(Number(length));
  body.pipeTo(writable).catch(() => undefined);
  return readable;
}

function parse(chunks: readonly Uint8Array[]): unknown {
  const decoder = new TextDecoder();
  const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
