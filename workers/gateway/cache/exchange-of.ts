/** One request as the cache sees it. */

import { cacheKeysOf } from "../../../shared/cache/cache-key.ts";
import type { CacheRequest } from "../../../shared/cache/cache-request.ts";
import { isSafe } from "../../../shared/cache/invalidation.ts";
import { partitionOf } from "../../../shared/cache/partition.ts";
import { isAnsweredFromCache, type RouteCache } from "../../../shared/cache/route-cache.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";
import type { CacheKeys, ForwardEdits } from "../../../shared/cache/verdict.ts";
import type { CacheUse } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import { sourceOf } from "../../../shared/plan/describe-target.ts";
import { identityFields } from "../../../shared/policy/identity-headers.ts";
import { readsAnswers } from "../../../shared/policy/reshape.ts";
import { tellAnswer } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { type Forwarder, type ForwardTarget, sendOn } from "../upstream/forward-request.ts";
import { readContent } from "../upstream/read-content.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import type { Soon } from "./cache-store.ts";
import type { EdgeCache } from "./edge-cache.ts";
import type { CacheReach } from "./tiered-store.ts";

/** What a stored answer is found by. */
export interface StoredAs extends Pick<StoredHead, "id" | "shared"> {
  /** Ends when it lies in all of its stores. Absent: it did before. */
  readonly stored?: Promise<unknown>;
}

/** One request that a cache answers, and the way to who has the answer: a client's request, or a call that the gateway makes. */
export interface CacheExchange {
  readonly edge: EdgeCache;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  readonly settings: RouteCache;
  readonly request: CacheRequest;
  readonly keys: CacheKeys | undefined;
  readonly reach: CacheReach;
  /** Content stays as it is encoded, but where somebody around the cache reads it. */
  readonly isRaw: boolean;
  /** Until when an answer is of use, ms since the epoch. */
  readonly deadlineAtMs: number;
  /** How long a call beside the request may take. */
  readonly timeoutMs: number;
  /** Asks who has the answer. @throws SelvageError when there is none */
  send(edits: ForwardEdits, deadlineAtMs: number): Promise<Response>;
  /** What the cache did. @param bytes of content that came from what is stored */
  tell(use: CacheUse, bytes: number): void;
  /** Where the answer lies that is given, or that is being stored. */
  tellStored(key: string, answer: StoredAs): void;
  /** The answer is made elsewhere. @param status what it says of the cache */
  tellFailure(status: string): void;
}

export interface CachedRoute {
  readonly settings: RouteCache;
  readonly target: ForwardTarget;
  readonly forwarder: Forwarder;
}

/** At once but for a QUERY, whose content belongs to its key. */
export function exchangeOf(edge: EdgeCache, c: Context<GatewayEnv>, cached: CachedRoute): Soon<CacheExchange> {
  const method = c.get("method");
  if (method !== "QUERY" || !isAnsweredFromCache(method, cached.settings)) return exchangeWith(edge, c, cached);
  return digestOf(c).then((contentDigest) => exchangeWith(edge, c, cached, contentDigest));
}

function exchangeWith(
  edge: EdgeCache,
  c: Context<GatewayEnv>,
  { settings, target, forwarder }: CachedRoute,
  contentDigest?: string,
): CacheExchange {
  const method = c.get("method");
  const route = c.get("route");
  const fields = c.get("fields");
  const variant = c.get("variant");
  const { host, authority, query } = c.get("target");
  const request: CacheRequest = {
    method,
    scheme: c.get("connection").scheme,
    authority,
    host,
    route: variant === undefined ? route.name : `${route.name} ${variant.name}`,
    source: sourceOf(variant?.to ?? target.to, target.rewrite),
    path: c.get("path"),
    query,
    fields,
    hasContent: c.get("body") !== null,
    partition: partitionFor(c),
    authorized: fields.has("authorization") && route.transform.request.set.authorization === undefined,
    ...(contentDigest !== undefined && { contentDigest }),
  };
  const { reshape, validation } = route;
  const isEdited = route.policies !== undefined || (reshape !== undefined && readsAnswers(reshape));
  const isRead = isEdited || validation?.responses === "enforce";
  const isRaw = isSafe(method) && !isRead && route.rateLimits.every(({ counts }) => counts === undefined);
  if (isRaw && (reshape ?? validation) !== undefined) c.set("isRaw", true);
  return new RouteExchange(edge, c, { settings, target, forwarder }, request, { isRaw, isRead });
}

/** A client's request on a route. */
class RouteExchange implements CacheExchange {
  readonly edge: EdgeCache;
  readonly settings: RouteCache;
  readonly request: CacheRequest;
  readonly keys: CacheKeys | undefined;
  readonly reach: CacheReach;
  readonly isRaw: boolean;
  readonly #isRead: boolean;
  readonly #c: Context<GatewayEnv>;
  readonly #target: ForwardTarget;
  readonly #forwarder: Forwarder;

  constructor(
    edge: EdgeCache,
    c: Context<GatewayEnv>,
    { settings, target, forwarder }: CachedRoute,
    request: CacheRequest,
    { isRaw, isRead }: { isRaw: boolean; isRead: boolean },
  ) {
    this.edge = edge;
    this.settings = settings;
    this.request = request;
    this.keys = keysFor(c, request, settings);
    this.reach = settings.reach ?? "near";
    this.isRaw = isRaw;
    this.#isRead = isRead;
    this.#c = c;
    this.#target = target;
    this.#forwarder = forwarder;
  }

  get ctx(): ExecutionContext {
    return this.#c.executionCtx;
  }

  get deadlineAtMs(): number {
    return this.#c.get("deadlineAtMs");
  }

  get timeoutMs(): number {
    return this.#c.get("route").timeoutMs;
  }

  send({ remove, set, query }: ForwardEdits, deadlineAtMs: number): Promise<Response> {
    const fields = this.#c.get("fields").copy();
    for (const name of remove) fields.delete(name);
    for (const [name, value] of set) fields.set(name, value);
    const outgoing = { fields, query, body: this.#c.get("body"), deadlineAtMs, isRaw: this.isRaw };
    return sendOn(this.#c, this.#target, outgoing, this.#forwarder);
  }

  tell(use: CacheUse, bytes: number): void {
    this.#c.set("cacheUse", use);
    this.edge.count(this.#c.get("route").name, use, bytes);
  }

  /** An answer that stages outside read is one that they may find to be of no use. */
  tellStored(key: string, { id, stored }: StoredAs): void {
    if (!this.#isRead) return;
    const { edge, reach } = this;
    const remove = async (): Promise<void> => {
      await stored;
      await edge.store.remove(key, reach, [id]);
    };
    this.#c.set("takeBack", () => this.ctx.waitUntil(remove()));
  }

  tellFailure(status: string): void {
    tellAnswer(this.#c, [["cache-status", status]]);
  }
}

/** Keys of a call for a request: what code has made another one of is for those alone for whom it makes the same. */
export function keysFor(c: Context<GatewayEnv>, request: CacheRequest, settings: RouteCache): CacheKeys | undefined {
  const { isCanary, version } = c.get("held");
  // Neither of two versions may answer with what the other has made.
  const asked = isCanary === true ? { ...request, route: `${request.route} @${version}` } : request;
  return cacheKeysOf(asked, c.get("changedByCode") === true ? unshared(settings) : settings);
}

const unshared = ({ shared: _, ...settings }: RouteCache): RouteCache => settings;

/** Under which of the keys an answer lies. */
export const keyOf = ({ own, shared = own }: CacheKeys, head: Pick<StoredHead, "shared">): string =>
  head.shared === true ? shared : own;

/** Whom an answer could be for: everybody who is told apart neither by identity nor by what upstreams are told. */
export function partitionFor(c: Context<GatewayEnv>): string {
  const identity = c.get("identity");
  const { identityHeaders } = c.get("route");
  const context = c.get("context");
  const fields = identityHeaders === undefined ? [] : (identityFields(identityHeaders, identity).fields ?? []);
  const edited = c.get("reshaped")?.told ?? "";
  const told = edited === "" ? fields : [...fields, ["", edited] as const];
  return partitionOf(identity, { fields: told, context: context === undefined ? "" : JSON.stringify(context) });
}

/** @returns undefined for more content than is read for a key */
async function digestOf(c: Context<GatewayEnv>): Promise<string | undefined> {
  const bytesMax = limits.cache.queryContentBytesMax;
  if (Number(c.req.raw.headers.get("content-length") ?? 0) > bytesMax) return undefined;
  const content = await readContent(c);
  return content.byteLength > bytesMax ? undefined : sha256Hex(content);
}
