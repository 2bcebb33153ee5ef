import { limits } from "../../../../shared/limits.ts";
import type { GatewayPlan, RoutePlan } from "../../../../shared/plan/plan.ts";
import type { AggregatePart } from "../../../../shared/policy/aggregate-settings.ts";
import type { RateLimitSettings } from "../../../../shared/policy/settings.ts";
import { parsePath } from "../../../../shared/route/parse-path.ts";
import { AUDIENCE, ISSUER } from "./issuer.ts";

const none = { remove: [], set: {}, add: {} };

export function route(name: string, path: string, more: Partial<RoutePlan> = {}): RoutePlan {
  const { pattern } = parsePath(path);
  if (pattern === undefined) throw new Error(path);
  return {
    name,
    match: { hosts: [], path: pattern, methods: [], headers: {} },
    rateLimits: [],
    transform: { request: none, response: none },
    target: { kind: "forward", to: { service: "orders" } },
    timeoutMs: 5000,
    bodyBytesMax: limits.http.bodyBytesMax,
    ...more,
  };
}

export function plan(routes: readonly RoutePlan[], more: Partial<GatewayPlan> = {}): GatewayPlan {
  return {
    hosts: ["api.shop.example"],
    format: 1,
    trustDomain: "shop.internal",
    identity: {
      login: { kind: "jwt", issuer: ISSUER, audiences: [AUDIENCE], algorithms: ["ES256", "RS256"], clockSkewMs: 0 },
    },
    routes,
    ...more,
  };
}

export function limit(name: string, quota: number, more: Partial<RateLimitSettings> = {}): RateLimitSettings {
  return { name, limit: quota, windowMs: 60_000, by: "ip", mode: "exact", onFailure: "closed", ...more };
}

export function part(name: string, path: AggregatePart["path"], more: Partial<AggregatePart> = {}): AggregatePart {
  const target = { service: name };
  return { name, method: "GET", target, path, dependsOn: [], optional: false, timeoutMs: 1000, ...more };
}
