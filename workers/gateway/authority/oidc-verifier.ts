/** Whom a browser's session names, or why it is refused; who has none is sent to the login. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import { loginChallenge } from "../../../shared/auth/login-places.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { judgeSession } from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { isNavigation, publicOrigin, refuseCrossSite } from "../../../shared/http/page-request.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { Logins } from "./logins.ts";
import type { TokenSignatures } from "./token-signatures.ts";
import type { ProofContext, Verifier } from "./verifier.ts";
import { type OpenedSession, WebSessions } from "./web-sessions.ts";

export class OidcVerifier implements Verifier<OidcProvider> {
  /** Services do not see the cookie, and one browser has many users. */
  readonly vary = "cookie";
  readonly #sessions = new WebSessions();
  readonly logins: Logins;

  constructor(signatures: TokenSignatures) {
    this.logins = new Logins(this.#sessions, signatures);
  }

  credentialOf(request: Request, provider: OidcProvider): string | undefined {
    return this.#sessions.cookieOf(request, provider);
  }

  /** Its cookies go nowhere, whatever a route asks for: `strip-fields.ts`. */
  fields(): readonly string[] {
    return [];
  }

  challenges(provider: OidcProvider, realm: string, error?: ChallengeError): readonly string[] {
    return [loginChallenge(realm, provider, error === "invalid_token" ? "invalid_session" : error)];
  }

  /** @throws SelvageError cross_site, sessions_unavailable, secret_missing */
  verify(
    cookie: string,
    provider: OidcProvider,
    context: ProofContext,
  ): Identity | string | Promise<Identity | string> {
    const opened = this.#sessions.open(cookie, provider, context);
    if (!(opened instanceof Promise)) return this.#accept(opened, provider, context);
    return opened.then((found) => (typeof found === "string" ? found : this.#accept(found, provider, context)));
  }

  #accept(
    opened: OpenedSession,
    provider: OidcProvider,
    context: ProofContext,
  ): Identity | string | Promise<Identity | string> {
    const verdict = judgeSession(opened.session, provider, context.nowMs);
    if (typeof verdict === "string") return verdict;
    const { request, target, connection } = context;
    const own = publicOrigin(target, connection.scheme);
    const crossSite = refuseCrossSite(request.method, (name) => request.headers.get(name), own, provider.origins);
    if (crossSite !== undefined) throw new SelvageError("cross_site", crossSite);
    const alive = this.#sessions.live.isAlive(opened.session.id, context);
    if (alive === true && !verdict.due && !opened.isOld) return opened.identity;
    return this.#renew(opened, provider, context, alive);
  }

  async #renew(
    opened: OpenedSession,
    provider: OidcProvider,
    context: ProofContext,
    alive: boolean | Promise<boolean>,
  ): Promise<Identity | string> {
    if (!(await alive)) return "the session was ended";
    const verdict = judgeSession(opened.session, provider, context.nowMs);
    if (typeof verdict === "string" || !(verdict.due || opened.isOld)) return opened.identity;
    context.answer("set-cookie", await this.#sessions.renew(opened, provider, context));
    // What sets a cookie of one person is stored for nobody else.
    context.answer("cache-control", "no-store");
    return opened.identity;
  }

  /** Who has just logged in and is refused all the same would go round in circles: revoked, for one. */
  async #isFresh(provider: OidcProvider, context: ProofContext): Promise<boolean> {
    const cookie = this.#sessions.cookieOf(context.request, provider);
    const opened = cookie === undefined ? undefined : await this.#sessions.open(cookie, provider, context);
    if (opened === undefined || typeof opened === "string") return false;
    if (context.nowMs - opened.session.startedAtMs >= limits.login.againMs) return false;
    return (await this.#sessions.refuse(opened, provider, context)) === undefined;
  }

  /** A page that a person asked for waits behind the login. @throws SelvageError issuer_unavailable, secret_missing */
  async begin(provider: OidcProvider, context: ProofContext): Promise<Response | undefined> {
    const { request, target } = context;
    if (!isNavigation(request.method, (name) => request.headers.get(name))) return undefined;
    if (await this.#isFresh(provider, context)) return undefined;
    return this.logins.begin(provider, target.path + target.query, context);
  }
}
