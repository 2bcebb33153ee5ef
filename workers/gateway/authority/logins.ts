/** What the gateway's own endpoints of logins do; every answer is of one person and is stored by nobody. */
import { isPendingCookie, pendingCookieName, sessionCookieName } from "../../../shared/auth/login-places.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { type RevocationIndex, revocationOf } from "../../../shared/auth/revocations.ts";
import { livePending, type PendingLogin, sessionClaims } from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { cookieValues, namedCookies, setOwnCookie } from "../../../shared/http/cookies.ts";
import { publicOrigin, refuseCrossSite } from "../../../shared/http/page-request.ts";
import { returnPath } from "../../../shared/http/return-path.ts";
import { limits } from "../../../shared/limits.ts";
import { endByProvider } from "./backchannel-logout.ts";
import type { AtProvider } from "./oidc-flow.ts";
import { endpointOf } from "./provider-endpoints.ts";
import { open, seal } from "./session-cookie.ts";
import type { TokenSignatures } from "./token-signatures.ts";
import { type LoginCall, type OpenedSession, scopeOf, type WebSessions } from "./web-sessions.ts";

export class Logins {
  readonly #sessions: WebSessions;
  readonly #signatures: TokenSignatures;

  constructor(sessions: WebSessions, signatures: TokenSignatures) {
    this.#sessions = sessions;
    this.#signatures = signatures;
  }

  /**
   * Sends a browser to the provider.
   * @param returnTo where it wants to be afterwards; believed only as far as it stays here
   * @throws SelvageError issuer_unavailable, secret_missing
   */
  async begin(provider: OidcProvider, returnTo: string | null, call: LoginCall): Promise<Response> {
    const flow = await import("./oidc-flow.ts");
    const pending = flow.newPending(returnPath(returnTo, provider.path, provider.afterLogin), call.nowMs);
    const location = await flow.authorizationUrl(await this.#at(provider, call), pending);
    const name = pendingCookieName(provider, pending.state);
    const value = await seal(pending, scopeOf("login", provider, call), call.env);
    return redirect(302, location, [
      ...surplusPending(provider, [name, value], call).map(takeAway),
      setOwnCookie(name, value, limits.login.pendingMs),
    ]);
  }

  /**
   * The browser is back with the provider's answer.
   * @throws SelvageError login_failed, issuer_unavailable, sessions_unavailable, secret_missing
   */
  async finish(provider: OidcProvider, call: LoginCall): Promise<Response> {
    const answer = new URLSearchParams(call.target.query);
    const pending = await this.#pending(provider, answer.getAll("state"), call);
    const flow = await import("./oidc-flow.ts");
    const at = await this.#at(provider, call);
    const { claims, idToken, scopes } = await flow.finishLogin(at, pending, answer, call);
    const kept = sessionClaims(claims, scopes, provider);
    // Whatever session the browser had is another one: an id that somebody may know is never taken over.
    const cookie = await this.#sessions.start(kept, idToken, provider, call);
    await this.#endEarlier(provider, call);
    return redirect(303, pending.returnTo, [takeAway(pendingCookieName(provider, pending.state)), cookie]);
  }

  /**
   * Ends the session of the browser, here and at the provider.
   * @throws SelvageError cross_site, sessions_unavailable
   */
  async logOut(provider: OidcProvider, call: LoginCall): Promise<Response> {
    const header = (name: string): string | null => call.request.headers.get(name);
    const crossSite = refuseCrossSite(call.request.method, header, originOf(call), provider.origins);
    if (crossSite !== undefined) throw new SelvageError("cross_site", crossSite);
    const opened = await this.#opened(provider, call);
    const idToken = opened === undefined ? undefined : await this.#sessions.end(opened.session, provider, call);
    const location = opened === undefined ? undefined : await this.#providerLogout(provider, opened, idToken, call);
    const next = location ?? provider.afterLogout;
    const cookies = [takeAway(sessionCookieName(provider))];
    const isPage = header("sec-fetch-mode") === "navigate" || /\btext\/html\b/.test(header("accept") ?? "");
    return isPage ? redirect(303, next, cookies) : json({ location: next }, cookies);
  }

  /** Ends sessions that the provider orders to end. @throws as `endByProvider` */
  endByProvider(provider: OidcProvider, call: LoginCall): Promise<Response> {
    return endByProvider(provider, this.#sessions.live, this.#signatures, call);
  }

  /** For the pages themselves: who is logged in. @throws SelvageError sessions_unavailable */
  async tell(provider: OidcProvider, call: LoginCall, revocations: RevocationIndex): Promise<Response> {
    const opened = await this.#opened(provider, call);
    const refused =
      opened === undefined ||
      revocationOf(revocations, opened.identity, call.nowMs) !== undefined ||
      (await this.#sessions.refuse(opened, provider, call)) !== undefined;
    if (refused) return json({ authenticated: false, login: `${provider.path}/login` });
    const { session, identity } = opened;
    const { sub, issuer, scopes, groups, claims } = identity;
    const endsAt = new Date(session.startedAtMs + provider.absoluteMs).toISOString();
    return json({
      authenticated: true,
      sub,
      issuer,
      scopes,
      groups,
      claims,
      endsAt,
      logout: `${provider.path}/logout`,
    });
  }

  /** Nobody could log out of it any more. Where that fails its times end it. */
  async #endEarlier(provider: OidcProvider, call: LoginCall): Promise<void> {
    const earlier = await this.#opened(provider, call);
    if (earlier !== undefined) await this.#sessions.end(earlier.session, provider, call).catch(() => undefined);
  }

  async #opened(provider: OidcProvider, call: LoginCall): Promise<OpenedSession | undefined> {
    const cookie = this.#sessions.cookieOf(call.request, provider);
    const opened = cookie === undefined ? undefined : await this.#sessions.open(cookie, provider, call);
    return typeof opened === "string" ? undefined : opened;
  }

  /** The login that this browser began with that state. */
  async #pending(provider: OidcProvider, states: readonly string[], call: LoginCall): Promise<PendingLogin> {
    const [state, ...others] = states;
    if (state === undefined || others.length > 0) throw new SelvageError("login_failed", "not exactly one state");
    const values = cookieValues(call.request.headers.get("cookie"), pendingCookieName(provider, state));
    const [value, ...more] = values;
    if (value === undefined || more.length > 0)
      throw new SelvageError("login_failed", "this browser began no such login, or ended it already");
    const opened = await open(value, scopeOf("login", provider, call), call.env);
    const pending = opened?.content as PendingLogin | undefined;
    if (pending === undefined || pending.state !== state)
      throw new SelvageError("login_failed", "the cookie of the login is of another login, or was changed");
    const live = livePending(pending, call.nowMs);
    if (live === undefined) throw new SelvageError("login_failed", "the login took too long");
    return live;
  }

  /** Where the session at the provider ends (RP-Initiated Logout 1.0 section 2); undefined: it has no such place now. */
  async #providerLogout(
    provider: OidcProvider,
    { identity }: OpenedSession,
    idToken: string | undefined,
    call: LoginCall,
  ): Promise<string | undefined> {
    const at = await this.#at(provider, call).catch(() => undefined);
    const endpoint = at === undefined ? undefined : endpointOf(provider, at.metadata, "end_session_endpoint");
    if (endpoint === undefined) return undefined;
    const who = idToken === undefined ? { logout_hint: identity.sub } : { id_token_hint: idToken };
    const after = originOf(call) + provider.afterLogout;
    const parameters = { ...who, client_id: provider.clientId, post_logout_redirect_uri: after };
    for (const [name, value] of Object.entries(parameters)) endpoint.searchParams.set(name, value);
    return endpoint.href;
  }

  /** @throws SelvageError issuer_unavailable */
  async #at(provider: OidcProvider, call: LoginCall): Promise<AtProvider> {
    const { metadata } = await this.#signatures.keySets.keysOf({ name: provider.issuer }, call.ctx, call.nowMs);
    const redirectUri = `${originOf(call)}${provider.path}/callback`;
    return { provider, metadata: metadata ?? {}, signatures: this.#signatures, redirectUri };
  }
}

const originOf = ({ target, connection }: LoginCall): string => publicOrigin(target, connection.scheme);

/** Browsers send older cookies first (RFC 6265 section 5.4): of too many logins, or too much of them, the first are given up. */
function surplusPending(provider: OidcProvider, added: [string, string], { request }: LoginCall): string[] {
  const begun = namedCookies(request.headers.get("cookie"), (name) => isPendingCookie(provider, name));
  const { pendingMax, pendingBytesMax } = limits.login;
  let bytes = sentBytes(added);
  const fits = (cookie: [string, string], at: number): boolean => {
    bytes += sentBytes(cookie);
    return at + 1 < pendingMax && bytes <= pendingBytesMax;
  };
  const kept = begun.toReversed().findIndex((cookie, at) => !fits(cookie, at));
  return kept < 0 ? [] : begun.slice(0, begun.length - kept).map(([name]) => name);
}

/** In a `Cookie` field, with what stands around it. */
const sentBytes = ([name, value]: [string, string]): number => name.length + value.length + "=; ".length;

const takeAway = (name: string): string => setOwnCookie(name, "", 0);

function redirect(status: 302 | 303, location: string, cookies: readonly string[]): Response {
  return new Response(null, { status, headers: [["location", location], ...fields(cookies)] });
}

function json(content: unknown, cookies: readonly string[] = []): Response {
  return Response.json(content, { headers: [["x-content-type-options", "nosniff"], ...fields(cookies)] });
}

/** A code or token in the URL of a page must not be told to others. */
function fields(cookies: readonly string[]): [string, string][] {
  return [
    ["cache-control", "no-store"],
    ["referrer-policy", "no-referrer"],
    ...cookies.map((cookie): [string, string] => ["set-cookie", cookie]),
  ];
}
