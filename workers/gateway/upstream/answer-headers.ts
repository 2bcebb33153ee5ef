import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Adds fields to the answer, whatever that will be. */
export function tellAnswer(c: Context<GatewayEnv>, fields: readonly [name: string, value: string][]): void {
  c.set("answerFields", [...(c.get("answerFields") ?? []), ...fields]);
}

/**
 * Takes away what an answer says of storing it, so that one word stands alone: a service's word to certain caches (RFC 9213) would
 * count for more than a general `no-store` or `private`.
 */
export function dropStoring(headers: Headers): void {
  const names = [...headers.keys()].filter((name) => /(^|-)cache-control$/.test(name) || name === "surrogate-control");
  for (const name of names) headers.delete(name);
}

/** The fields of the answer, to be changed. An upstream's answer that was passed on as it came is copied for that, and only for that. */
export function answerHeaders(c: Context<GatewayEnv>): Headers {
  const { res } = c;
  if (res !== c.get("passedOn")) return res.headers;
  c.res = new Response(res.body, res);
  c.set("passedOn", undefined);
  return c.res.headers;
}
