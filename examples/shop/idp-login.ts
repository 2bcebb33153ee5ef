/**
 * Logins at the test identity provider, for web applications: authorization code flow with PKCE, ends of sessions at its own
 * end and by back channel. For tests and demonstrations only: every name and password gets in.
 *
 *   GET  /authorize            a form that asks for a name; whoever has a session is not asked again
 *   POST /authorize            the form
 *   POST /token                grant_type=authorization_code (idp.ts passes it on)
 *   GET  /logout               ends the session here, tells every client of it, goes back
 *   POST /end-sessions?sub=SUB ends all sessions of a subject, as an administrator would
 *
 * The one client is `shop-web` with `shop-web-secret`; its pages are on loopback.
 */
import { createHash, randomBytes } from "node:crypto";
import { importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { type Answer, type Call, methodNotAllowed } from "./services/server.ts";
import { ALGORITHM } from "./tokens.ts";

/** The web application that people log in to. */
export const WEB_CLIENT = "shop-web";
const CODE_LIFETIME_MS = 60_000;
const ID_TOKEN_LIFETIME_SECONDS = 300;
const SCOPES = ["openid", "profile", "email", "orders:read", "orders:write"];
const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

interface Session {
  readonly sub: string;
  readonly sid: string;
  /** Where clients that have a session from this one are told of its end. */
  readonly clients: Set<string>;
}

interface Code {
  readonly sub: string;
  readonly sid: string;
  readonly nonce: string | null;
  readonly challenge: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly endsAtMs: number;
}

/** What a code was exchanged for. */
export interface Grant {
  readonly sub: string;
  readonly scopes: readonly string[];
  readonly idToken: string;
}

export class Logins {
  readonly #issuer: string;
  readonly #key: JWK;
  /** By the value of the cookie. */
  readonly #sessions = new Map<string, Session>();
  readonly #codes = new Map<string, Code>();

  constructor(issuer: string, key: JWK) {
    this.#issuer = issuer;
    this.#key = key;
  }

  /** What discovery says of all this. */
  get metadata(): Readonly<Record<string, unknown>> {
    return {
      authorization_endpoint: `${this.#issuer}authorize`,
      end_session_endpoint: `${this.#issuer}logout`,
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    };
  }

  /** @returns undefined for what is not its own */
  async answer(call: Call): Promise<Answer | undefined> {
    const { pathname } = call.url;
    if (pathname === "/authorize") return call.method === "POST" ? this.#enter(call) : this.#authorize(call);
    if (pathname === "/logout") return this.#logOut(call);
    if (pathname === "/end-sessions") return call.method === "POST" ? this.#endAll(call) : methodNotAllowed("POST");
    return undefined;
  }

  /** RFC 6749 section 4.1.3 with RFC 7636. @returns undefined when the code is not good */
  async exchange(form: URLSearchParams): Promise<Grant | undefined> {
    const name = form.get("code") ?? "";
    const code = this.#codes.get(name);
    this.#codes.delete(name);
    if (code === undefined || Date.now() >= code.endsAtMs || code.redirectUri !== form.get("redirect_uri"))
      return undefined;
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (challenge !== code.challenge) return undefined;
    const { sub, sid, nonce, scopes } = code;
    const about = scopes.includes("profile") ? { name: nameOf(sub), groups: sub === "olga" ? ["operators"] : [] } : {};
    const claims = { sub, sid, ...about, ...(nonce !== null && { nonce }) };
    return { sub, scopes, idToken: await this.#sign(claims, "JWT", ID_TOKEN_LIFETIME_SECONDS) };
  }

  #authorize(call: Call): Answer {
    const asked = call.url.searchParams;
    const fault = faultOf(asked);
    if (fault !== undefined) return page(400, `<h1>This login cannot be done</h1><p>${escapeHtml(fault)}</p>`);
    const session = this.#sessions.get(cookieOf(call) ?? "");
    return session === undefined || asked.get("prompt") === "login" ? form(asked) : this.#sendBack(session, asked);
  }

  async #enter(call: Call): Promise<Answer> {
    const asked = new URLSearchParams(await call.body());
    const sub = asked.get("username") ?? "";
    const fault = faultOf(asked);
    if (fault !== undefined || !/^[a-z0-9-]{1,64}$/.test(sub)) return page(400, "<h1>This login cannot be done</h1>");
    const name = randomBytes(16).toString("base64url");
    const session: Session = { sub, sid: randomBytes(12).toString("base64url"), clients: new Set() };
    this.#sessions.set(name, session);
    const answer = this.#sendBack(session, asked);
    const cookie = `idp_session=${name}; Path=/; HttpOnly; SameSite=Lax`;
    return { ...answer, headers: { ...answer.headers, "set-cookie": cookie } };
  }

  #sendBack({ sub, sid, clients }: Session, asked: URLSearchParams): Answer {
    const code = randomBytes(16).toString("base64url");
    const redirectUri = asked.get("redirect_uri") ?? "";
    const scopes = (asked.get("scope") ?? "").split(" ").filter((scope) => SCOPES.includes(scope));
    this.#codes.set(code, {
      ...{ sub, sid, scopes, redirectUri },
      nonce: asked.get("nonce"),
      challenge: asked.get("code_challenge") ?? "",
      endsAtMs: Date.now() + CODE_LIFETIME_MS,
    });
    clients.add(redirectUri.replace(/\/callback$/, "/backchannel-logout"));
    return redirect(redirectUri, { code, state: asked.get("state") ?? "", iss: this.#issuer });
  }

  async #logOut(call: Call): Promise<Answer> {
    const name = cookieOf(call) ?? "";
    const session = this.#sessions.get(name);
    this.#sessions.delete(name);
    if (session !== undefined) await this.#tellClients(session);
    const after = call.url.searchParams.get("post_logout_redirect_uri");
    if (after === null || !isLoopback(after)) return page(200, "<h1>You are logged out</h1>");
    const state = call.url.searchParams.get("state");
    return redirect(after, state === null ? {} : { state });
  }

  async #endAll(call: Call): Promise<Answer> {
    const sub = call.url.searchParams.get("sub") ?? "";
    const ended = [...this.#sessions].filter(([, session]) => session.sub === sub);
    for (const [name] of ended) this.#sessions.delete(name);
    const told = await Promise.all(ended.map(([, session]) => this.#tellClients(session)));
    return { status: 200, body: { ended: ended.length, told: told.flat() } };
  }

  /** OpenID Connect Back-Channel Logout 1.0. @returns the statuses that clients answered, 0: none */
  async #tellClients({ sub, sid, clients }: Session): Promise<number[]> {
    const told = [...clients].map(async (url) => {
      const claims = { sub, sid, jti: randomBytes(12).toString("base64url"), events: { [LOGOUT_EVENT]: {} } };
      const token = await this.#sign(claims, "logout+jwt", 120);
      const body = new URLSearchParams({ logout_token: token });
      const answered = await fetch(url, { method: "POST", body, redirect: "manual" }).catch(() => undefined);
      return answered?.status ?? 0;
    });
    return Promise.all(told);
  }

  async #sign(claims: JWTPayload, typ: string, lifetimeSeconds: number): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ, kid: this.#key.kid ?? "" })
      .setIssuer(this.#issuer)
      .setAudience(WEB_CLIENT)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(await importJWK(this.#key, ALGORITHM));
  }
}

/** Why an authorization request cannot be answered by a redirect, or undefined. */
function faultOf(asked: URLSearchParams): string | undefined {
  if (asked.get("client_id") !== WEB_CLIENT) return "unknown client";
  if (!isLoopback(asked.get("redirect_uri") ?? "")) return "unknown redirect_uri";
  if (asked.get("response_type") !== "code") return "response_type must be code";
  const isPkce = asked.get("code_challenge_method") === "S256" && /^[\w-]{43}$/.test(asked.get("code_challenge") ?? "");
  return isPkce ? undefined : "PKCE with S256 is needed";
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(localhost|127\.0\.0\.1)$/.test(new URL(url).hostname);
}

function cookieOf({ headers }: Call): string | undefined {
  return /(?:^|;\s*)idp_session=([\w-]+)/.exec(headers.cookie ?? "")?.[1];
}

function form(asked: URLSearchParams): Answer {
  const hidden = [...asked].map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  const fields = `<label>Name <input name="username" value="alice" autofocus></label>
    <label>Password <input name="password" type="password"></label>`;
  return page(
    200,
    `<h1>Log in to the shop</h1><form method="post" action="/authorize">${hidden.join("")}
    ${fields} <button>Log in</button></form>`,
  );
}

function redirect(url: string, parameters: Readonly<Record<string, string>>): Answer {
  const to = new URL(url);
  for (const [name, value] of Object.entries(parameters)) to.searchParams.set(name, value);
  return { status: 303, body: "", headers: { location: to.href, "cache-control": "no-store" } };
}

function page(status: number, html: string): Answer {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test identity provider</title>${html}</html>`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
  };
  return { status, body, headers };
}

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** `alice` is Alice. */
const nameOf = (sub: string): string => sub.charAt(0).toUpperCase() + sub.slice(1);
