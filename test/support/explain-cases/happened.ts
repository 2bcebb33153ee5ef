/** What became of a request at a real gateway, as far as `explain` says something of it. */
import { decodeJwt } from "jose";
import type { ExplainStep, Explanation, Result, SentRequest } from "../../../shared/plan/explain-step.ts";

/** A request that has left the gateway. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}

export interface Happened {
  /** The line of the access log. */
  readonly log: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly headers: Headers;
  readonly sent: readonly Sent[];
}

/** What is explained and what was, where that is not the same. */
export const differ = (what: string, said: unknown, is: unknown): string | undefined =>
  said === is ? undefined : `${what}: explained ${String(said)}, was ${String(is)}`;

/** The first of several. */
export function firstOf(...found: readonly (() => string | undefined)[]): string | undefined {
  for (const find of found) {
    const differs = find();
    if (differs !== undefined) return differs;
  }
  return undefined;
}

/** The step that ends the request. */
export const denialOf = ({ steps }: Explanation): ExplainStep | undefined =>
  steps.find(({ verdict, optional }) => verdict === "deny" && optional !== true);

/** Of what is drawn, what was. */
export function drawnOf({ result, route }: Explanation, { variant, fault }: Happened["log"]): Result {
  if (result.outcome !== "drawn") return result;
  const drawn = result.among.find(({ name }) => name === (fault ?? variant ?? route?.name));
  if (drawn === undefined) throw new Error(`${String(fault ?? variant)} is none of ${JSON.stringify(result.among)}`);
  return drawn.result;
}

/** Calls of services and upstreams; copies and questions of the gateway's own are none. */
export const callsOf = ({ sent }: Happened): readonly Sent[] =>
  sent.filter(({ url }) => !url.startsWith("https://opaque.example/") && !url.startsWith("https://permit.example/"));

/** What a token for the mesh says. */
export function tokenOf({ headers }: Sent): Readonly<Record<string, unknown>> | undefined {
  const token = headers.get("txn-token");
  return token === null ? undefined : decodeJwt(token);
}

export type Upstreams = Readonly<Record<string, { readonly targets: readonly { readonly url: string }[] }>>;

/** Where a call may have gone, by what it is explained to. */
export function placesOf(
  { to, path, query }: Pick<SentRequest, "to" | "path" | "query">,
  upstreams: Upstreams,
): string[] {
  const asked = path + query;
  if ("upstream" in to) return (upstreams[to.upstream]?.targets ?? []).map(({ url }) => new URL(url + asked).href);
  return [new URL(("origin" in to ? to.origin : "http://127.0.0.1:8790") + asked).href];
}
