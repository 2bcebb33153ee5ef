/**
 * From the document to the plan. Pure and canonical: defaults are filled in, sets are sorted, names that compare without
 * case are in lower case, so that documents of the same meaning have the same plan, byte for byte (`canonicalJson`).
 */
import type { Document } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import type { ArtifactTable } from "../wire/artifacts.ts";
import { compilePages, compileSecurity } from "./compile-answers.ts";
import { compileTerminator } from "./compile-bound.ts";
import { compileClientIp } from "./compile-client-ip.ts";
import { compileCors } from "./compile-cors.ts";
import { compileDecisionPoint } from "./compile-decision.ts";
import { compileExpose } from "./compile-expose.ts";
import { compileFederation } from "./compile-federation.ts";
import { compileProvider } from "./compile-identity.ts";
import { compileJoin, compileKeyLifetime, compileLives } from "./compile-join.ts";
import { compileVersioning } from "./compile-life-cycle.ts";
import { compileLimitRows, namedLimits } from "./compile-limit-rows.ts";
import { identityHeaderNames } from "./compile-outward.ts";
import { compileOwners } from "./compile-owners.ts";
import { compileResources } from "./compile-resources.ts";
import { compileRoute } from "./compile-route.ts";
import { compileService } from "./compile-service.ts";
import { compileShedding } from "./compile-shedding.ts";
import { compileTelemetry } from "./compile-telemetry.ts";
import { compileUpstream } from "./compile-upstreams.ts";
import { type GatewayPlan, type MeshPlan, PLAN_FORMAT, type Plan } from "./plan.ts";
import { routeFormat } from "./route-format.ts";
import { compileHosts, mapValues } from "./sorted.ts";

/**
 * @param document one that `checkDocument` or `loadDocument` has accepted
 * @param artifacts digests of what it needs beside the plan, by what they are in the document: `contracts.github`
 */
export function compile(document: Document, artifacts: ArtifactTable = {}): Plan {
  const trustDomain = document.mesh?.trustDomain ?? `${document.name}.internal`;
  const telemetry = document.telemetry && { telemetry: compileTelemetry(document.telemetry, document.name) };
  const mesh = { ...compileMesh(document, trustDomain), ...telemetry };
  return {
    format: PLAN_FORMAT,
    name: document.name,
    gateway: { ...compileGateway(document, trustDomain, mesh, artifacts), ...telemetry },
    mesh,
    ...(document.owners !== undefined && { owners: compileOwners(document, document.owners) }),
  };
}

function compileGateway(
  { gateway, mesh: stated }: Document,
  trustDomain: string,
  { services }: MeshPlan,
  artifacts: ArtifactTable,
): GatewayPlan {
  const identity = mapValues(gateway?.identity ?? {}, compileProvider);
  const named = gateway === undefined ? {} : namedLimits(gateway);
  const defaults = { ...gateway, services: stated?.services, artifacts };
  const routes = gateway?.routes.map((route) => compileRoute(route, defaults, named, services)) ?? [];
  const limitRows = gateway === undefined ? {} : compileLimitRows(gateway, routes);
  const headers = gateway === undefined ? [] : identityHeaderNames(gateway);
  return {
    format: routeFormat(routes),
    hosts: compileHosts(gateway?.hosts),
    trustDomain,
    ...(gateway?.cors !== undefined && { cors: compileCors(gateway.cors) }),
    ...(gateway?.tlsTerminator !== undefined && { tlsTerminator: compileTerminator(gateway.tlsTerminator) }),
    ...(gateway?.clientIp !== undefined && { clientIp: compileClientIp(gateway.clientIp) }),
    ...(gateway?.versioning !== undefined && { versioning: compileVersioning(gateway.versioning) }),
    ...compileShown(gateway),
    ...(gateway?.shedding !== undefined && { shedding: compileShedding(gateway.shedding) }),
    identity,
    ...(gateway?.decisions !== undefined && { decisions: mapValues(gateway.decisions, compileDecisionPoint) }),
    ...(headers.length > 0 && { identityHeaders: headers }),
    ...(gateway?.resources !== undefined && { resources: compileResources(gateway.resources, routes, identity) }),
    ...(Object.keys(limitRows).length > 0 && { limitRows }),
    ...(gateway?.upstreams !== undefined && { upstreams: mapValues(gateway.upstreams, compileUpstream) }),
    ...(Object.keys(artifacts).length > 0 && { artifacts: [...new Set(Object.values(artifacts))].sort() }),
    routes,
  };
}

function compileShown(gateway: Document["gateway"]): Pick<GatewayPlan, "errorPages" | "securityFields" | "via"> {
  const securityFields = compileSecurity(gateway?.securityHeaders);
  return {
    ...(gateway?.errorPages !== undefined && { errorPages: compilePages(gateway.errorPages) }),
    ...(securityFields !== undefined && { securityFields }),
    ...(gateway?.via === true && { via: true }),
  };
}

function compileMesh({ gateway, mesh }: Document, trustDomain: string): MeshPlan {
  const services = mapValues(mesh?.services ?? {}, (service, name) => ({
    ...compileService(service),
    ...(service.expose !== undefined && { expose: compileExpose(name, service.expose, gateway) }),
  }));
  const outageBudgetMs = mesh?.outageBudget === undefined ? undefined : parseDurationMs(mesh.outageBudget);
  const federation = compileFederation(mesh);
  return {
    trustDomain,
    ...compileJoining(mesh),
    ...(federation !== undefined && { federation }),
    ...(outageBudgetMs !== undefined && { outageBudgetMs }),
    services,
  };
}

function compileJoining(mesh: Document["mesh"]): Pick<MeshPlan, "join" | "enrolmentKeyMs" | "lives"> {
  const join = mesh?.join === undefined ? undefined : compileJoin(mesh.join);
  const enrolmentKeyMs = compileKeyLifetime(mesh?.join);
  const lives = mesh?.certificates === undefined ? undefined : compileLives(mesh.certificates);
  return {
    ...(join !== undefined && { join }),
    ...(enrolmentKeyMs !== undefined && { enrolmentKeyMs }),
    ...(lives !== undefined && { lives }),
  };
}
