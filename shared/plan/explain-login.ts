import type { Proof } from "../auth/compose.ts";
import { type LoginPlace, loginPlaceOf, loginPlaces, sessionCookieName } from "../auth/login-places.ts";
import type { OidcProvider } from "../auth/providers.ts";
import { identityOfSession } from "../auth/web-session.ts";
import { SelvageError } from "../errors.ts";
import { cookieValues } from "../http/cookies.ts";
import { isNavigation, publicOrigin, refuseCrossSite } from "../http/page-request.ts";
import type { Identity } from "../identity/identity.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import { type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { GatewayPlan } from "./plan.ts";

/** Claim of an identity whose session nobody has opened. */
const UNCHECKED = "session_not_opened";

/** A session of the request, of which only its presence is judged and where the request comes from, or who is assumed. */
export function proofOfLogin(provider: OidcProvider, request: ExplainRequest): Proof {
  const { credential, method, host } = request;
  const { issuer } = provider;
  if (credential.kind === "assumed") {
    const { sub, scopes, claims } = credential;
    return proven(provider, { ...claims, sub, iss: issuer, scope: scopes.join(" ") });
  }
  const header = (name: string): string | undefined => request.headers.find(([known]) => known === name)?.[1];
  const cookies = cookieValues(header("cookie"), sessionCookieName(provider));
  if (cookies.length === 0) return { kind: "absent" };
  if (cookies.length > 1) return { kind: "refused", reason: "two session cookies" };
  const target = { host: hostWithoutPort(host) ?? host, authority: host, path: "/", query: "" };
  const crossSite = refuseCrossSite(method, header, publicOrigin(target, "http"), provider.origins);
  if (crossSite !== undefined) return { kind: "failed", cause: new SelvageError("cross_site", crossSite) };
  return proven(provider, { sub: "whoever logged in", iss: issuer, [UNCHECKED]: true });
}

function proven(provider: OidcProvider, claims: Readonly<Record<string, unknown>>): Proof {
  const identity = identityOfSession({ id: "", startedAtMs: 0, renewedAtMs: 0, claims }, provider);
  return typeof identity === "string" ? { kind: "refused", reason: identity } : { kind: "proven", identity };
}

/** What is said beside an identity whose session was not opened. */
export function sessionNote({ claims }: Identity): string {
  return claims[UNCHECKED] === true ? " (the session WAS NOT OPENED, its scopes are those that are asked for)" : "";
}

/** What becomes of a browser without a session. */
export function loginHint({ path }: OidcProvider, { method, headers }: ExplainRequest): string {
  const header = (name: string): string | undefined => headers.find(([known]) => known === name)?.[1];
  return isNavigation(method, header)
    ? `; a browser is sent to the login (302) and comes back by ${path}/callback`
    : `; a script hears 401 and may send the browser to ${path}/login`;
}

/** Endpoints of logins are no routes. */
export function explainLogin(plan: GatewayPlan, request: ExplainRequest): ExplainStep | undefined {
  const host = hostWithoutPort(request.host);
  const place = host === undefined ? undefined : loginPlaceOf(loginPlaces(plan), host, request.path);
  if (place === undefined) return undefined;
  return step("login", "pass", describe(place), ["gateway", "identity", place.provider.name, "oidc"]);
}

function describe({ provider, endpoint }: LoginPlace): string {
  const { name, issuer, afterLogout } = provider;
  const texts = {
    login: `begins a login of ${name}: 302 to ${issuer}`,
    callback: `ends a login of ${name} that began in the same browser`,
    logout: `POST from a page of this host ends the session of ${name}, here and at ${issuer}, then ${afterLogout}`,
    "backchannel-logout": `POST of a logout token by ${issuer} ends sessions of ${name}`,
    session: `tells a page who is logged in by ${name}`,
  };
  return texts[endpoint];
}
