/**
 * From the document to the plan. Pure and canonical: defaults are filled in, sets are sorted, names that compare without
 * case are in lower case, so that documents of the same meaning have the same plan, byte for byte (`canonicalJson`).
 */
import type { Document } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { CorsSettings } from "../policy/settings.ts";
import { compileTerminator } from "./compile-bound.ts";
import { compileClientIp } from "./compile-client-ip.ts";
import { compileDecisionPoint } from "./compile-decision.ts";
import { compileProvider } from "./compile-identity.ts";
import { compileLimitRows, namedLimits } from "./compile-limit-rows.ts";
import { compileResources } from "./compile-resources.ts";
import { compileRoute } from "./compile-route.ts";
import { compileService } from "./compile-service.ts";
import { compileShedding } from "./compile-shedding.ts";
import { type GatewayPlan, type MeshPlan, PLAN_FORMAT, type Plan } from "./plan.ts";
import { compileHosts, mapValues, sorted } from "./sorted.ts";

/** @param document one that `checkDocument` or `loadDocument` has accepted */
export function compile(document: Document): Plan {
  const trustDomain = document.mesh?.trustDomain ?? `${document.name}.internal`;
  const mesh = compileMesh(document, trustDomain);
  return { format: PLAN_FORMAT, name: document.name, gateway: compileGateway(document, trustDomain, mesh), mesh };
}

function compileGateway({ gateway }: Document, trustDomain: string, { services }: MeshPlan): GatewayPlan {
  const identity = mapValues(gateway?.identity ?? {}, compileProvider);
  const named = gateway === undefined ? {} : namedLimits(gateway);
  const routes = gateway?.routes.map((route) => compileRoute(route, gateway, named, services)) ?? [];
  const limitRows = gateway === undefined ? {} : compileLimitRows(gateway, routes);
  const headers = identityHeaderNames(gateway);
  return {
    format: PLAN_FORMAT,
    hosts: compileHosts(gateway?.hosts),
    trustDomain,
    ...(gateway?.cors !== undefined && { cors: compileCors(gateway.cors) }),
    ...(gateway?.tlsTerminator !== undefined && { tlsTerminator: compileTerminator(gateway.tlsTerminator) }),
    ...(gateway?.clientIp !== undefined && { clientIp: compileClientIp(gateway.clientIp) }),
    ...(gateway?.shedding !== undefined && { shedding: compileShedding(gateway.shedding) }),
    identity,
    ...(gateway?.decisions !== undefined && { decisions: mapValues(gateway.decisions, compileDecisionPoint) }),
    ...(headers.length > 0 && { identityHeaders: headers }),
    ...(gateway?.resources !== undefined && { resources: compileResources(gateway.resources, routes, identity) }),
    ...(Object.keys(limitRows).length > 0 && { limitRows }),
    routes,
  };
}

/** Every name that is one anywhere: on the other routes no client may say it either. */
function identityHeaderNames(gateway: Document["gateway"]): string[] {
  const all = [gateway?.identityHeaders, ...(gateway?.routes.map((route) => route.identityHeaders) ?? [])];
  return sorted(all.flatMap((headers) => Object.keys(headers ?? {})).map((name) => name.toLowerCase()));
}

function compileMesh({ mesh }: Document, trustDomain: string): MeshPlan {
  return { trustDomain, services: mapValues(mesh?.services ?? {}, compileService) };
}

type GatewayConfig = NonNullable<Document["gateway"]>;
function compileCors(cors: NonNullable<GatewayConfig["cors"]>): CorsSettings {
  const lower = (names: readonly string[] | undefined): string[] =>
    sorted((names ?? []).map((name) => name.toLowerCase()));
  return {
    origins: sorted(cors.origins.map((origin) => (origin === "*" ? origin : new URL(origin).origin))),
    methods: sorted(cors.methods ?? ["GET", "HEAD", "POST"]),
    allowHeaders: lower(cors.allowHeaders),
    exposeHeaders: lower(cors.exposeHeaders),
    credentials: cors.credentials ?? false,
    maxAgeMs: (cors.maxAge === undefined ? undefined : parseDurationMs(cors.maxAge)) ?? limits.document.corsMaxAgeMs,
  };
}
