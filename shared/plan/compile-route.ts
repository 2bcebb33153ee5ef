import type { AuthSettings } from "../auth/compose.ts";
import { dependenciesOf } from "../config/check-aggregate.ts";
import type { PartConfig, RouteConfig } from "../config/schema.ts";
import type { AuthConfig } from "../config/schema-auth.ts";
import type { CacheConfig } from "../config/schema-cache.ts";
import { parseTemplate, splitPartUrl } from "../config/template.ts";
import { parseDurationMs, parseSizeBytes } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { AggregatePart, UpstreamTarget } from "../policy/settings.ts";
import { parsePath } from "../route/parse-path.ts";
import { VERSION_FIELD } from "../route/requested-version.ts";
import type { RouteMatch } from "../route/route-match.ts";
import { compilePages, compileRedirect, compileRespond, compileSecurity } from "./compile-answers.ts";
import { compileCache } from "./compile-cache.ts";
import { compileDecision } from "./compile-decision.ts";
import { compileEdgeTraffic, targetsOf } from "./compile-edge-traffic.ts";
import { compileGraphql } from "./compile-graphql.ts";
import { compileIdempotency } from "./compile-idempotency.ts";
import { compileLifeCycle } from "./compile-life-cycle.ts";
import { compileLegacyHeaders, compileRateLimits, type NamedLimit } from "./compile-limits.ts";
import { compileContext, compileIdentityHeaders } from "./compile-outward.ts";
import { compileTransform } from "./compile-reshape.ts";
import { compileStreams } from "./compile-streams.ts";
import type { RoutePlan, RouteTarget, ServicePlan } from "./plan.ts";
import { compileHosts, lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

/** What a route has from the gateway where it says nothing itself. */
export type RouteDefaults = Pick<
  RouteConfig,
  "identityHeaders" | "context" | "legacyRateLimitHeaders" | "errorPages" | "securityHeaders"
> & {
  readonly cache?: CacheConfig | undefined;
};

/** @param traffic rules of the services that routes lead to */
export function compileRoute(
  route: RouteConfig,
  defaults: RouteDefaults = {},
  named: Readonly<Record<string, NamedLimit>> = {},
  traffic: Traffic = {},
): RoutePlan {
  const auth = compileAuth(route.auth);
  const identityHeaders = compileIdentityHeaders(route.identityHeaders ?? defaults.identityHeaders);
  const edits = compileTransform(route.transform);
  const ownFields = [...Object.keys(identityHeaders ?? {}), ...Object.keys(edits.transform.request.set)];
  const rules = targetsOf(route).flatMap((to) => traffic[to]?.traffic ?? []);
  const cache = compileCache(route.cache, defaults.cache, rules, ownFields);
  const context = compileContext(route.context ?? defaults.context);
  const rateLimitHeaders = route.legacyRateLimitHeaders ?? defaults.legacyRateLimitHeaders;
  const timeoutMs = durationOf(route.timeout) ?? limits.gateway.requestTimeoutMs;
  return {
    name: route.name,
    match: compileMatch(route),
    ...(auth !== undefined && { auth }),
    ...(identityHeaders !== undefined && { identityHeaders }),
    ...(context !== undefined && { context }),
    rateLimits: compileRateLimits(route, timeoutMs, named),
    ...compileLegacyHeaders(route.rateLimit === undefined ? undefined : rateLimitHeaders),
    ...(cache !== undefined && { cache }),
    ...(route.priority !== undefined && { priority: route.priority }),
    ...(route.idempotency !== undefined && { idempotency: compileIdempotency(route.idempotency) }),
    ...(route.graphql !== undefined && { graphql: compileGraphql(route.graphql) }),
    ...edits,
    ...compileShown(route, defaults),
    target: compileTarget(route),
    ...compileEdgeTraffic(route, targetOf),
    ...(route.lifecycle !== undefined && { lifeCycle: compileLifeCycle(route.lifecycle) }),
    timeoutMs,
    ...compileStreams(route),
    bodyBytesMax: (route.maxBody === undefined ? undefined : parseSizeBytes(route.maxBody)) ?? limits.http.bodyBytesMax,
  };
}

type Traffic = Readonly<Record<string, Pick<ServicePlan, "traffic">>>;

function compileMatch({ name, match }: RouteConfig): RouteMatch {
  const { pattern, fault } = parsePath(match.path);
  if (pattern === undefined) throw new Error(`route ${name}: ${fault}`);
  return {
    hosts: compileHosts(match.hosts),
    path: pattern,
    methods: sorted(match.methods ?? []),
    headers: lowerCaseKeys({
      ...match.headers,
      ...(match.version !== undefined && { [VERSION_FIELD]: match.version }),
    }),
  };
}

/** Providers stay in their order: the first that accepts names the identity. */
function compileAuth(auth: AuthConfig | undefined): AuthSettings | undefined {
  if (auth === undefined) return undefined;
  if (typeof auth === "string") return { any: [auth], scopes: [] };
  const { any = [], all = [], optional, scopes, claims, groups, when, decision } = auth;
  return {
    any: [...new Set(any)],
    ...(all.length > 0 && { all: [...new Set(all)] }),
    ...(optional === true && { optional }),
    scopes: sorted(scopes ?? []),
    ...(claims !== undefined && { claims: mapValues(claims, (value) => sortedValues(value)) }),
    ...(groups !== undefined && { groups: sorted(groups) }),
    ...(when !== undefined && { when }),
    ...(decision !== undefined && { decision: compileDecision(decision) }),
  };
}

type ClaimValue = string | number | boolean;

function sortedValues(stated: ClaimValue | readonly ClaimValue[]): ClaimValue[] {
  const all = Array.isArray(stated) ? (stated as readonly ClaimValue[]) : [stated as ClaimValue];
  const order = (value: ClaimValue): string => `${typeof value} ${value}`;
  return [...new Set(all)].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** What a route says on its answers where that is not what the gateway says. */
function compileShown(route: RouteConfig, defaults: RouteDefaults): Pick<RoutePlan, "errorPages" | "securityFields"> {
  const { errorPages, securityHeaders } = route;
  return {
    ...(errorPages !== undefined && { errorPages: compilePages([...errorPages, ...(defaults.errorPages ?? [])]) }),
    ...(securityHeaders !== undefined && {
      securityFields: compileSecurity(securityHeaders) ?? { fields: {}, remove: [] },
    }),
  };
}

function compileTarget(route: RouteConfig): RouteTarget {
  if (route.aggregate !== undefined) return { kind: "aggregate", parts: compileParts(route.aggregate) };
  if (route.respond !== undefined) return { kind: "respond", answer: compileRespond(route.respond) };
  if (route.redirect !== undefined) return { kind: "redirect", to: compileRedirect(route.redirect) };
  return {
    kind: "forward",
    to: targetOf(route.to ?? ""),
    ...(route.rewrite !== undefined && { rewrite: route.rewrite }),
  };
}

const targetOf = (to: string): UpstreamTarget =>
  /^https?:/.test(to) ? { origin: new URL(to).origin } : { service: to };

/** In the order of the document, which is the order of the answer's members. */
function compileParts(parts: Readonly<Record<string, PartConfig>>): AggregatePart[] {
  const names = Object.keys(parts);
  return Object.entries(parts).map(([name, part]) => compilePart(name, part, names));
}

function compilePart(name: string, part: PartConfig, names: readonly string[]): AggregatePart {
  const split = splitPartUrl(part.get);
  if (split === undefined) throw new Error(`part ${name}: not a target: ${part.get}`);
  return {
    name,
    method: "GET",
    target: split.target,
    path: parseTemplate(split.path).parts,
    dependsOn: dependenciesOf(part.get, names),
    optional: part.optional ?? false,
    timeoutMs: durationOf(part.timeout) ?? limits.gateway.partTimeoutMs,
    ...(part.pick !== undefined && { pick: sorted(part.pick) }),
  };
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
