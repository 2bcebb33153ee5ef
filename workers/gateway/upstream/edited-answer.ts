/** Changes of an answer that is on its way to the client. */
import type { AnswersBy } from "../../../shared/policy/reshape.ts";
import { answerHeaders, dropStoring } from "./answer-headers.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Statuses whose answers have no content (RFC 9110 section 15). */
export const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304;

/** Another status stands for the answer's, unless that says how its content is to be read. */
export function setStatus(c: Context<GatewayEnv>, status: number): void {
  const { res } = c;
  if (res.status === status || res.status === 206 || isBodiless(res.status)) return;
  const headers = new Headers(answerHeaders(c));
  const { body } = c.res;
  if (isBodiless(status)) {
    for (const name of ["content-length", "content-type", "content-encoding"]) headers.delete(name);
    void body?.cancel().catch(() => undefined);
  }
  c.res = undefined;
  const encodeBody = c.get("isRaw") === true && headers.has("content-encoding") ? "manual" : "automatic";
  c.res = new Response(isBodiless(status) ? null : body, { status, headers, encodeBody });
}

/** What was made for one caller is for no cache that others share; what was made by request fields varies by them. */
export function markAnswer(headers: Headers, { caller, fields = [] }: AnswersBy): void {
  if (fields.length > 0) headers.append("vary", fields.join(", "));
  if (caller !== true) return;
  const stated = (headers.get("cache-control") ?? "").split(",").map((directive) => directive.trim());
  const kept = stated.filter((directive) => directive !== "" && !/^(?:public|s-maxage=.*)$/i.test(directive));
  const isSaid = kept.some((directive) => /^(?:private|no-store)$/i.test(directive));
  dropStoring(headers);
  headers.set("cache-control", (isSaid ? kept : [...kept, "private"]).join(", "));
}
