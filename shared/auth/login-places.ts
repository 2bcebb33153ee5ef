/** Logins of browsers at an OpenID provider: the gateway's own endpoints for them, and its cookies. */
import { hostRank } from "../route/compare-routes.ts";
import type { AuthSettings } from "./compose.ts";
import type { IdentityProvider, OidcProvider } from "./providers.ts";

export const loginEndpoints = ["login", "callback", "logout", "backchannel-logout", "session"] as const;
export type LoginEndpoint = (typeof loginEndpoints)[number];

export interface LoginPlace {
  readonly provider: OidcProvider;
  readonly endpoint: LoginEndpoint;
  /** Empty: every host. */
  readonly hosts: readonly string[];
}

/** What of a plan says where the endpoints are. */
interface Places {
  readonly hosts: readonly string[];
  readonly identity: Readonly<Record<string, IdentityProvider>>;
  readonly routes: readonly { readonly match: { readonly hosts: readonly string[] }; readonly auth?: AuthSettings }[];
}

/** The gateway's own endpoints by their path. A provider has them on the hosts of the routes that name it. */
export function loginPlaces({ hosts, identity, routes }: Places): ReadonlyMap<string, LoginPlace> {
  const places = new Map<string, LoginPlace>();
  for (const provider of Object.values(identity)) {
    if (provider.kind !== "oidc") continue;
    const using = routes.filter(({ auth }) => [...(auth?.any ?? []), ...(auth?.all ?? [])].includes(provider.name));
    if (using.length === 0) continue;
    const everywhere = using.some(({ match }) => match.hosts.length === 0);
    const own = everywhere ? hosts : [...new Set(using.flatMap(({ match }) => match.hosts))];
    for (const endpoint of loginEndpoints)
      places.set(`${provider.path}/${endpoint}`, { provider, endpoint, hosts: own });
  }
  return places;
}

/** @param host lower case, without port @param path as sent */
export function loginPlaceOf(
  places: ReadonlyMap<string, LoginPlace>,
  host: string,
  path: string,
): LoginPlace | undefined {
  const place = places.get(path);
  return place !== undefined && hostRank(place.hosts, host) !== undefined ? place : undefined;
}

/** Names of its cookies. */
export const sessionCookieName = ({ name }: OidcProvider): string => `__Host-selvage-session-${name}`;
/** @param state of the login that is under way; several tabs have one each */
export const pendingCookieName = ({ name }: OidcProvider, state: string): string =>
  `__Host-selvage-login-${name}-${state.slice(0, 8)}`;
export const isPendingCookie = ({ name }: OidcProvider, cookie: string): boolean =>
  cookie.startsWith(`__Host-selvage-login-${name}-`) && cookie.length === `__Host-selvage-login-${name}-`.length + 8;

/** Challenge for scripts (RFC 9110 section 11.6.1); no scheme is registered for this. It says where a login begins. */
export function loginChallenge(realm: string, { path }: OidcProvider, error?: string): string {
  const parts = [`realm="${realm}"`, `path="${path}/login"`];
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Login ${parts.join(", ")}`;
}
