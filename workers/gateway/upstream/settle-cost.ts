/** Finds out what a request used of the limits that reserve, and when it is over. */
import { limits } from "../../../shared/limits.ts";
import { usedOf } from "../../../shared/policy/response-cost.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import { readText } from "./read-text.ts";
import type { TakenLimits } from "./take-limits.ts";

/**
 * Settles once the answer's body has ended, or was given up.
 * @param background how work goes on beside the request
 * @returns the answer to send instead; it has the same body
 */
export function settleAfter(
  response: Response,
  taken: TakenLimits,
  reserving: readonly RateLimitSettings[],
  background: (work: Promise<unknown>) => void,
): Response {
  const settle = (body: unknown): void => taken.finish((settings) => usedBy(settings, response, body));
  if (response.body === null) {
    settle(undefined);
    return response;
  }
  const reads = reserving.some(({ cost }) => cost?.body !== undefined) && isJson(response);
  const [sent, read] = reads ? response.body.tee() : [response.body, null];
  const { readable, writable } = new IdentityTransformStream();
  const copy = new Response(readable, response);
  const ended = sent.pipeTo(writable).catch(() => undefined);
  const json = read === null ? Promise.resolve(undefined) : readJson(new Response(read));
  background(Promise.all([json, ended]).then(([body]) => settle(body)));
  return copy;
}

function usedBy({ cost, name }: RateLimitSettings, { status, headers }: Response, body: unknown): number {
  if (cost === undefined) return 0;
  return usedOf(cost, name, { status, field: cost.header === undefined ? null : headers.get(cost.header), body });
}

const isJson = ({ headers }: Response): boolean =>
  /^application\/(?:[\w.+-]+\+)?json\b/i.test(headers.get("content-type") ?? "");

async function readJson(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await readText(response, limits.rateLimit.costBodyBytesMax));
  } catch {
    return undefined;
  }
}
