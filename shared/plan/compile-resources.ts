/** Protected resource metadata (RFC 9728) from the document: what it does not say itself is gathered from its routes. */
import { proofAlgorithms } from "../auth/dpop-proof.ts";
import type { IdentityProvider, IntrospectionProvider, JwtProvider } from "../auth/providers.ts";
import { isAuthorizationServer, type ProtectedResource, RESOURCE_METADATA } from "../auth/resource.ts";
import type { ResourceConfig } from "../config/schema-outward.ts";
import { isRouteOf, type ResourcePlace, resourcePlace } from "../route/resource-place.ts";
import type { RoutePlan } from "./plan.ts";
import { sorted } from "./sorted.ts";

export function compileResources(
  resources: readonly ResourceConfig[],
  routes: readonly RoutePlan[],
  providers: Readonly<Record<string, IdentityProvider>>,
): ProtectedResource[] {
  const places = resources.map(({ identifier }) => resourcePlace(identifier));
  return resources.map((resource, at) => {
    const place = places[at] as ResourcePlace;
    const own = routes.filter(({ match }) => isRouteOf(match.path, match.hosts, place, places));
    const { origin, pathname } = new URL(resource.identifier);
    const suffix = pathname === "/" ? "" : pathname;
    return {
      ...place,
      metadataPath: RESOURCE_METADATA + place.path,
      metadataUrl: origin + RESOURCE_METADATA + suffix,
      metadata: metadataOf(resource, own, providers),
    };
  });
}

/** Members without a value are left out, also empty lists (section 3.2). */
function metadataOf(
  resource: ResourceConfig,
  routes: readonly RoutePlan[],
  providers: Readonly<Record<string, IdentityProvider>>,
): Record<string, unknown> {
  const auths = routes.flatMap(({ auth }) => auth ?? []);
  const names = new Set(auths.flatMap(({ any, all = [] }) => [...any, ...all]));
  const used = [...names].flatMap((name) => (Object.hasOwn(providers, name) ? (providers[name] ?? []) : []));
  const servers = resource.authorizationServers ?? used.flatMap((provider) => authorizationServerOf(provider) ?? []);
  const scopes = resource.scopes ?? auths.flatMap((auth) => auth.scopes);
  return {
    resource: resource.identifier,
    ...(servers.length > 0 && { authorization_servers: sorted(servers) }),
    ...(scopes.length > 0 && { scopes_supported: sorted(scopes) }),
    ...tokenMembers(used),
    ...(resource.name !== undefined && { resource_name: resource.name }),
    ...(resource.documentation !== undefined && { resource_documentation: resource.documentation }),
    ...(resource.policy !== undefined && { resource_policy_uri: resource.policy }),
    ...(resource.terms !== undefined && { resource_tos_uri: resource.terms }),
  };
}

/** How tokens are shown, and what they are bound to, by the providers that take any (section 2, RFC 9449, RFC 8705). */
function tokenMembers(providers: readonly IdentityProvider[]): Record<string, unknown> {
  const tokens = providers.filter(takesTokens);
  const bound = tokens.filter(({ binding }) => binding?.dpop === "required");
  return {
    ...(tokens.length > bound.length && { bearer_methods_supported: ["header"] }),
    ...(tokens.some(({ binding }) => binding?.dpop !== undefined) && {
      dpop_signing_alg_values_supported: sorted(proofAlgorithms),
    }),
    ...(bound.length > 0 && bound.length === tokens.length && { dpop_bound_access_tokens_required: true }),
    ...(tokens.some(({ binding }) => binding?.certificate === "required") && {
      tls_client_certificate_bound_access_tokens: true,
    }),
  };
}

const takesTokens = (provider: IdentityProvider): provider is JwtProvider | IntrospectionProvider =>
  provider.kind === "jwt" || provider.kind === "introspection";

function authorizationServerOf(provider: IdentityProvider): string | undefined {
  return takesTokens(provider) && isAuthorizationServer(provider.issuer) ? provider.issuer : undefined;
}
