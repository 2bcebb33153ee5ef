import { cacheKeysOf, keyedTarget } from "../cache/cache-key.ts";
import type { CacheRequest } from "../cache/cache-request.ts";
import { lookUp } from "../cache/look-up.ts";
import { partitionOf } from "../cache/partition.ts";
import { isAnsweredFromCache, type RouteCache } from "../cache/route-cache.ts";
import { normalisedField } from "../cache/selecting-fields.ts";
import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { type Identity, identityKey } from "../identity/identity.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** What is told apart and for how long. What is stored right now only a gateway knows. */
export interface CacheQuestion {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly identity: Identity;
  /** Fields as they would go to the upstream. */
  readonly header: (name: string) => string | undefined;
  /** Identity headers of the route. */
  readonly told: readonly (readonly [name: string, value: string])[];
}

export function explainCache({ cache, name, policies }: RoutePlan, at: Path, question: CacheQuestion): ExplainStep[] {
  if (cache === undefined) return [];
  const path = [...at, "cache"];
  const { method, host, query, identity, header, told } = question;
  if (!isAnsweredFromCache(method, cache)) return [step("cache", "skip", unansweredText(method), path)];
  const request: CacheRequest = {
    method,
    scheme: "https",
    authority: host,
    host,
    route: name,
    source: "",
    path: question.path,
    query,
    fields: { get: header, [Symbol.iterator]: () => [][Symbol.iterator]() },
    hasContent: false,
    partition: partitionOf(identity, { fields: told, context: "" }),
    authorized: false,
    ...(method === "QUERY" && { contentDigest: "" }),
  };
  const keys = cacheKeysOf(request, cache);
  if (keys === undefined)
    return [step("cache", "skip", "asks the upstream: its query or a field of the key is too long", path)];
  const verdict = lookUp(keys, [], request, cache, 0);
  if (verdict.kind === "unavailable")
    return [
      step(
        "cache",
        "note",
        "504 unless there is a stored answer: the request asks for no other (only-if-cached)",
        path,
        "not_stored",
      ),
    ];
  if (verdict.kind === "forward" && verdict.way === "pass")
    return [step("cache", "skip", "asks the upstream: the request says itself that it wants no stored answer", path)];
  const { ttlMs, override, staleWhileRevalidateMs, staleIfErrorMs, shared } = cache;
  const key = keyText(request, cache);
  const facts = { key, partition: request.partition, shared, ttlMs, override, staleWhileRevalidateMs, staleIfErrorMs };
  const apart = policies === undefined ? "" : "; what code asks for otherwise is kept apart";
  return [
    {
      ...step("cache", "note", `key ${key}, not looked up now; ${sharingText(identity, request, cache)}${apart}`, path),
      facts,
    },
    step("cache", "note", freshnessText(cache), path),
  ];
}

const SAFE = ["GET", "HEAD", "OPTIONS", "QUERY"];
const unansweredText = (method: string): string =>
  SAFE.includes(method)
    ? `${method} is not answered from the cache here`
    : `${method} goes to the upstream, and makes what is stored of this path invalid when it succeeds`;

function keyText(request: CacheRequest, cache: RouteCache): string {
  const fields = (cache.keyFields ?? []).map((name) => {
    const value = normalisedField(name, request.fields);
    return value === null ? `no ${name}` : `${name}: ${value}`;
  });
  const content = request.method === "QUERY" ? ["its content"] : [];
  return [`${request.authority}${keyedTarget(request, cache)}`, ...fields, ...content].join(", ");
}

function sharingText(identity: Identity, { partition }: CacheRequest, { shared }: RouteCache): string {
  if (partition === "") return "everybody gets the same answers";
  const own = `kept for ${identityKey(identity)} with these scopes alone`;
  return shared === true ? `for everybody where the answer says \`public\` or \`s-maxage\`, else ${own}` : own;
}

function freshnessText({ ttlMs, override, staleWhileRevalidateMs, staleIfErrorMs }: RouteCache): string {
  const fresh =
    ttlMs === undefined
      ? "fresh for as long as the answer says"
      : `fresh for ${formatDuration(ttlMs)}${override === true ? ", whatever lifetime the answer says" : " where the answer does not say"}`;
  return [
    fresh,
    ...(staleWhileRevalidateMs ? [`${formatDuration(staleWhileRevalidateMs)} more while it is asked for again`] : []),
    ...(staleIfErrorMs ? [`${formatDuration(staleIfErrorMs)} more when the upstream fails`] : []),
  ].join(", ");
}
