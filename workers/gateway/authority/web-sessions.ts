/** Sessions of browsers: opened from their cookies, believed while their object says so, renewed, begun and ended. */
import { base64url } from "jose";
import { sessionCookieName } from "../../../shared/auth/login-places.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import {
  cookieLifeMs,
  identityOfSession,
  judgeSession,
  providerSessionOf,
  sessionId,
  shardOfSubject,
  type WebSession,
} from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { cookieValues, setOwnCookie } from "../../../shared/http/cookies.ts";
import { hex } from "../../../shared/http/hex.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { LiveSessions } from "./live-sessions.ts";
import { type CookieScope, open, seal } from "./session-cookie.ts";
import type { ProofContext } from "./verifier.ts";

export type SessionCall = Pick<ProofContext, "env" | "ctx" | "nowMs" | "target">;

export type LoginCall = SessionCall & Pick<ProofContext, "request" | "connection">;

/** A session whose cookie was good; whether it still lives is another question. */
export interface OpenedSession {
  readonly session: WebSession;
  readonly identity: Identity;
  /** It was sealed under the secret before. */
  readonly isOld: boolean;
}

export class WebSessions {
  readonly live = new LiveSessions();
  /** By provider, so that another plan's settings never meet what an older one let in; then by host and cookie. */
  readonly #opened = new WeakMap<OidcProvider, BoundedMap<OpenedSession>>();

  /** The session cookie of a request; undefined: none. Two are none of ours: an empty text. */
  cookieOf({ headers }: Request, provider: OidcProvider): string | undefined {
    const values = cookieValues(headers.get("cookie"), sessionCookieName(provider));
    return values.length > 1 ? "" : values[0];
  }

  /** What was sealed here for this provider and host, or why it is refused. @throws SelvageError secret_missing */
  open(cookie: string, provider: OidcProvider, call: SessionCall): OpenedSession | Promise<OpenedSession | string> {
    return this.#memory(provider).get(`${call.target.host} ${cookie}`) ?? this.#openAnew(cookie, provider, call);
  }

  async #openAnew(cookie: string, provider: OidcProvider, call: SessionCall): Promise<OpenedSession | string> {
    if (cookie.length > limits.login.cookieBytesMax) return "the session cookie is too long";
    const opened = await open(cookie, scopeOf("session", provider, call), call.env);
    if (opened === undefined) return "the session cookie was not made here for this host, or was changed";
    const session = opened.content as WebSession;
    const identity = identityOfSession(session, provider);
    if (typeof identity === "string") return identity;
    const entry = { session, identity, isOld: opened.isOld };
    this.#memory(provider).set(`${call.target.host} ${cookie}`, entry);
    return entry;
  }

  /** `Set-Cookie` of a session that goes on. */
  async renew({ session }: OpenedSession, provider: OidcProvider, call: SessionCall): Promise<string> {
    return this.#cookie({ ...session, renewedAtMs: call.nowMs }, provider, call);
  }

  /**
   * A new session with an id that nobody has seen before. @returns its `Set-Cookie`
   * @throws SelvageError login_failed when what is known of the person does not fit into a cookie, sessions_unavailable
   */
  async start(
    claims: Readonly<Record<string, unknown>>,
    idToken: string,
    provider: OidcProvider,
    call: SessionCall,
  ): Promise<string> {
    const { nowMs, env } = call;
    const subject = await subjectHash(provider, String(claims.sub));
    const sid = providerSessionOf(claims);
    const id = sessionId(shardOfSubject(subject), base64url.encode(crypto.getRandomValues(new Uint8Array(16))));
    const session = { id, startedAtMs: nowMs, renewedAtMs: nowMs, claims };
    const identity = identityOfSession(session, provider);
    if (typeof identity === "string") throw new SelvageError("login_failed", `the ID token: ${identity}`);
    const cookie = await this.#cookie(session, provider, call);
    const keepsToken = idToken.length <= limits.login.hintBytesMax;
    const stored = {
      id,
      subject: hex(subject),
      ...(sid !== undefined && { sid: hex(await sidHash(provider, sid)) }),
      startedAtMs: nowMs,
      endsAtMs: nowMs + provider.absoluteMs,
      ...(keepsToken && { hint: await seal(idToken, { kind: "hint", provider, host: id }, env) }),
    };
    await this.live.open(stored, env);
    return cookie;
  }

  /** Ends a session. @returns its ID token where that was kept @throws SelvageError sessions_unavailable */
  async end({ id }: WebSession, provider: OidcProvider, { env }: SessionCall): Promise<string | undefined> {
    const hint = await this.live.end(id, env);
    const opened = hint === undefined ? undefined : await open(hint, { kind: "hint", provider, host: id }, env);
    return typeof opened?.content === "string" ? opened.content : undefined;
  }

  /** Whether a session is within its times and lives; else why not. @throws SelvageError sessions_unavailable */
  async refuse({ session }: OpenedSession, provider: OidcProvider, call: SessionCall): Promise<string | undefined> {
    const verdict = judgeSession(session, provider, call.nowMs);
    if (typeof verdict === "string") return verdict;
    return (await this.live.isAlive(session.id, call)) ? undefined : "the session was ended";
  }

  async #cookie(session: WebSession, provider: OidcProvider, call: SessionCall): Promise<string> {
    const name = sessionCookieName(provider);
    const value = await seal(session, scopeOf("session", provider, call), call.env);
    const line = setOwnCookie(name, value, cookieLifeMs(session, provider, call.nowMs));
    if (line.length > limits.login.cookieBytesMax) {
      const claims = Object.keys(session.claims).join(", ");
      const reason = `a session cookie of ${line.length} bytes; \`keep\` fewer claims of ${claims}`;
      throw new SelvageError("login_failed", reason);
    }
    return line;
  }

  #memory(provider: OidcProvider): BoundedMap<OpenedSession> {
    const known = this.#opened.get(provider);
    if (known !== undefined) return known;
    const { rememberedMax, rememberedCookieBytesMax } = limits.login;
    const memory = new BoundedMap<OpenedSession>(rememberedMax, rememberedCookieBytesMax);
    this.#opened.set(provider, memory);
    return memory;
  }
}

export const scopeOf = (kind: CookieScope["kind"], provider: OidcProvider, call: SessionCall): CookieScope => ({
  kind,
  provider,
  host: call.target.host,
});

type Names = Pick<OidcProvider, "issuer" | "clientId">;
export const subjectHash = ({ issuer, clientId }: Names, sub: string) => digest(["sub", issuer, clientId, sub]);
export const sidHash = ({ issuer, clientId }: Names, sid: string) => digest(["sid", issuer, clientId, sid]);
export const tokenHash = ({ issuer, clientId }: Names, jti: string) => digest(["jti", issuer, clientId, jti]);

async function digest(parts: readonly string[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts))));
}
