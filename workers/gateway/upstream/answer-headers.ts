import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Adds fields to the answer, whatever that will be. */
export function tellAnswer(c: Context<GatewayEnv>, fields: readonly [name: string, value: string][]): void {
  c.set("answerFields", [...(c.get("answerFields") ?? []), ...fields]);
}

/** The fields of the answer, to be changed. An upstream's answer that was passed on as it came is copied for that, and only for that. */
export function answerHeaders(c: Context<GatewayEnv>): Headers {
  const { res } = c;
  if (res !== c.get("passedOn")) return res.headers;
  c.res = new Response(res.body, res);
  c.set("passedOn", undefined);
  return c.res.headers;
}
