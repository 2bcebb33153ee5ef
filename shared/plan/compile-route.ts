import type { AuthSettings } from "../auth/compose.ts";
import type { RouteConfig } from "../config/schema.ts";
import type { AuthConfig } from "../config/schema-auth.ts";
import type { CacheConfig } from "../config/schema-cache.ts";
import { parseDurationMs, parseSizeBytes } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import { compileAggregate, type TrafficOf } from "./compile-aggregate.ts";
import { compilePages, compileRedirect, compileRespond, compileSecurity } from "./compile-answers.ts";
import { compileCache } from "./compile-cache.ts";
import { compileCode, compileHandler } from "./compile-code.ts";
import { compileDecision } from "./compile-decision.ts";
import { compileEdgeTraffic, targetsOf } from "./compile-edge-traffic.ts";
import { compileGraphql } from "./compile-graphql.ts";
import { compileIdempotency } from "./compile-idempotency.ts";
import { compileLifeCycle } from "./compile-life-cycle.ts";
import { compileLegacyHeaders, compileRateLimits, type NamedLimit } from "./compile-limits.ts";
import { compileMatch } from "./compile-match.ts";
import { compileContext, compileIdentityHeaders } from "./compile-outward.ts";
import { compileTransform } from "./compile-reshape.ts";
import { compileStreams } from "./compile-streams.ts";
import { compileTranscode } from "./compile-transcode.ts";
import { compileValidation, type ValidationDefaults } from "./compile-validation.ts";
import type { RoutePlan, RouteTarget, ServicePlan } from "./plan.ts";
import { mapValues, sorted, sortedValues } from "./sorted.ts";
import { targetOf, type UpstreamNames } from "./target-of.ts";

/** What a route has from the gateway where it says nothing itself. */
export type RouteDefaults = Pick<
  RouteConfig,
  "identityHeaders" | "context" | "legacyRateLimitHeaders" | "errorPages" | "securityHeaders"
> & {
  readonly cache?: CacheConfig | undefined;
  /** By name: what is not one of them is a service. */
  readonly upstreams?: (UpstreamNames & ValidationDefaults["upstreams"]) | undefined;
  readonly services?: ValidationDefaults["services"];
  readonly artifacts?: ArtifactTable;
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
    ...(route.owner !== undefined && { owner: route.owner }),
    ...(route.quarantine !== undefined && { quarantine: route.quarantine }),
    match: compileMatch(route.name, route.match),
    ...(auth !== undefined && { auth }),
    ...(identityHeaders !== undefined && { identityHeaders }),
    ...(context !== undefined && { context }),
    rateLimits: compileRateLimits(route, timeoutMs, named),
    ...compileLegacyHeaders(route.rateLimit === undefined ? undefined : rateLimitHeaders),
    ...(cache !== undefined && { cache }),
    ...(route.priority !== undefined && { priority: route.priority }),
    ...(route.idempotency !== undefined && { idempotency: compileIdempotency(route.idempotency) }),
    ...(route.graphql !== undefined && { graphql: compileGraphql(route.graphql) }),
    ...compileValidation(route, defaults),
    ...edits,
    ...(route.transcode !== undefined && { transcode: compileTranscode(route.transcode, defaults.artifacts ?? {}) }),
    ...compileShown(route, defaults),
    ...compileCode(route, defaults.upstreams),
    target: compileTarget(route, defaults, (to) => traffic[to]?.traffic ?? []),
    ...compileEdgeTraffic(route, (to) => targetOf(to, defaults.upstreams)),
    ...(route.lifecycle !== undefined && { lifeCycle: compileLifeCycle(route.lifecycle) }),
    timeoutMs,
    ...compileStreams(route),
    bodyBytesMax: (route.maxBody === undefined ? undefined : parseSizeBytes(route.maxBody)) ?? limits.http.bodyBytesMax,
  };
}

type Traffic = Readonly<Record<string, Pick<ServicePlan, "traffic">>>;

/** Providers stay in their order: the first that accepts names the identity. */
function compileAuth(auth: AuthConfig | undefined): AuthSettings | undefined {
  if (auth === undefined) return undefined;
  if (typeof auth === "string") return { any: [auth], scopes: [] };
  const { any = [], all = [], optional, scopes, claims, groups, when, decision, mode } = auth;
  return {
    any: [...new Set(any)],
    ...(all.length > 0 && { all: [...new Set(all)] }),
    ...(optional === true && { optional }),
    scopes: sorted(scopes ?? []),
    ...(claims !== undefined && { claims: mapValues(claims, (value) => sortedValues(value)) }),
    ...(groups !== undefined && { groups: sorted(groups) }),
    ...(when !== undefined && { when }),
    ...(decision !== undefined && { decision: compileDecision(decision) }),
    ...(mode === "shadow" && { mode }),
  };
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

function compileTarget(route: RouteConfig, defaults: RouteDefaults, trafficOf: TrafficOf): RouteTarget {
  if (route.respond !== undefined) return { kind: "respond", answer: compileRespond(route.respond) };
  if (route.redirect !== undefined) return { kind: "redirect", to: compileRedirect(route.redirect) };
  if (route.handler !== undefined) return compileHandler(route.handler);
  if (route.aggregate !== undefined) return compileAggregate(route.aggregate, route.answer, defaults, trafficOf);
  if (route.to === undefined) return { kind: "aggregate", parts: [] };
  return {
    kind: "forward",
    to: targetOf(route.to, defaults.upstreams),
    ...(route.rewrite !== undefined && { rewrite: route.rewrite }),
  };
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
