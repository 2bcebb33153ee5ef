/** A call of an aggregate's part as the cache sees it. */
import type { CacheRequest } from "../../../shared/cache/cache-request.ts";
import type { RouteCache } from "../../../shared/cache/route-cache.ts";
import { sourceOf } from "../../../shared/plan/describe-target.ts";
import type { PartCall } from "../../../shared/policy/aggregate.ts";
import type { EdgeCache } from "../cache/edge-cache.ts";
import { type CacheExchange, keysFor, partitionFor } from "../cache/exchange-of.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { RequestFields } from "./request-fields.ts";
import { sha256Hex } from "./sha256.ts";

/** Makes the call. @param fields instead of those that every call has */
export type PartSend = (fields: RequestFields, deadlineAtMs: number) => Promise<Response>;

interface CachedPart {
  readonly c: Context<GatewayEnv>;
  /** What of the client's fields every call has. */
  readonly fields: RequestFields;
  readonly cache: RouteCache;
  readonly deadlineAtMs: number;
  readonly send: PartSend;
}

/**
 * Its key is the route, the part and who answers it, the filled path and query; of what its own headers say it has a digest alone: it may be a
 * secret. What a call is transcoded by is in that digest, too: by other descriptors the same path is another method.
 */
export async function partExchange(
  edge: EdgeCache,
  { c, fields, cache, deadlineAtMs, send }: CachedPart,
  { part, request: { path, headers } }: PartCall,
): Promise<CacheExchange> {
  const route = c.get("route").name;
  const { host, authority } = c.get("target");
  const told = part.transcode === undefined ? headers : [...headers, part.transcode];
  const asked = told.length === 0 ? "" : await sha256Hex(JSON.stringify(told));
  const own = fields.copy();
  for (const [name, value] of headers) own.set(name, value);
  const end = path.indexOf("?");
  const request: CacheRequest = {
    method: part.method,
    scheme: c.get("connection").scheme,
    authority,
    host,
    // Identities may share what is public; calls whose own headers differ are different calls, and so are those to other methods.
    route: `${route} ${part.name} ${asked}`,
    source: sourceOf(part.target),
    path: end < 0 ? path : path.slice(0, end),
    query: end < 0 ? "" : path.slice(end),
    fields: own,
    hasContent: false,
    partition: partitionFor(c),
    authorized: fields.has("authorization") && !headers.some(([name]) => name === "authorization"),
  };
  return {
    edge,
    ctx: c.executionCtx,
    settings: cache,
    request,
    keys: keysFor(c, request, cache),
    reach: cache.reach ?? "near",
    isRaw: false,
    deadlineAtMs,
    timeoutMs: part.timeoutMs,
    send: ({ remove, set }, untilMs) => {
      const edited = fields.copy();
      for (const name of remove) edited.delete(name);
      for (const [name, value] of set) edited.set(name, value);
      return send(edited, untilMs);
    },
    tell: (use, bytes) => edge.count(route, use, bytes),
    tellStored: () => undefined,
    tellFailure: () => undefined,
  };
}
