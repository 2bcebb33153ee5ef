import type { JwtProvider } from "../auth/providers.ts";
import type { Document, RouteConfig, ServiceConfig } from "../config/schema.ts";
import { inShadow } from "../config/shadow.ts";
import { compileClientIp } from "./compile-client-ip.ts";
import { compileCors } from "./compile-cors.ts";
import { compileProvider } from "./compile-identity.ts";
import { compileLimitRows } from "./compile-limit-rows.ts";
import { listOf } from "./compile-limits.ts";
import { identityHeaderNames } from "./compile-outward.ts";
import { compileRoute } from "./compile-route.ts";
import type { ExposePlan, RoutePlan } from "./plan.ts";
import { compileHosts, mapValues, sorted } from "./sorted.ts";

type ExposeConfig = NonNullable<ServiceConfig["expose"]>;

/**
 * What a service's agents show to the outside.
 * @param gateway of the document, for its identity providers: an agent gets those that its routes name
 */
export function compileExpose(service: string, config: ExposeConfig, gateway: Document["gateway"]): ExposePlan {
  const { listen, cors, clientIp, proxyProtocol } = config;
  const stated = config.routes.map((route) => ofAgent(route, service));
  const routes = stated.map((route) => compileRoute(route, config));
  const limitRows = compileLimitRows({ routes: stated }, routes);
  const headers = identityHeaderNames(config);
  return {
    ...(listen !== undefined && { listen: listen.toLowerCase() }),
    hosts: compileHosts(config.hosts),
    ...(cors !== undefined && { cors: compileCors(cors) }),
    ...(clientIp !== undefined && { clientIp: compileClientIp(clientIp) }),
    ...(proxyProtocol !== undefined && { proxyProtocol: sorted(proxyProtocol) }),
    identity: compileProviders(routes, gateway),
    ...(headers.length > 0 && { identityHeaders: headers }),
    ...(Object.keys(limitRows).length > 0 && { limitRows }),
    routes,
  };
}

/** A route of the gateway that leads to the service alone, and is counted where it stands. */
function ofAgent(route: RouteConfig, service: string): RouteConfig {
  if (route.rateLimit === undefined) return { ...route, to: service };
  const rateLimit = listOf(route.rateLimit).map((limit) =>
    typeof limit === "string" ? limit : { ...limit, mode: "local" as const, shadow: inShadow(limit) },
  );
  return { ...route, to: service, rateLimit };
}

function compileProviders(
  routes: readonly RoutePlan[],
  gateway: Document["gateway"],
): Readonly<Record<string, JwtProvider>> {
  const named = new Set(routes.flatMap(({ auth }) => [...(auth?.all ?? []), ...(auth?.any ?? [])]));
  const used = Object.entries(gateway?.identity ?? {}).filter(([name]) => named.has(name));
  return mapValues(Object.fromEntries(used), (provider, name) => {
    const compiled = compileProvider(provider, name);
    if (compiled.kind !== "jwt") throw new Error(`provider ${name}: an agent verifies JWTs alone`);
    return compiled;
  });
}
