/** An OpenID provider with real keys, and a browser that keeps cookies, for tests of logins. */
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import type { OidcProvider } from "../../../../shared/auth/providers.ts";
import type { Env } from "../../../../workers/gateway/env.ts";
import type { Gateway, Outside } from "./gateway.ts";
import { plan, route } from "./plans.ts";

export const bindings = env as unknown as Env;
export const HOST = "app.shop.example";
export const ORIGIN = `https://${HOST}`;
export const OP = "https://id.shop.example/";

export function web(more: Partial<OidcProvider> = {}): OidcProvider {
  return {
    kind: "oidc",
    name: "web",
    issuer: OP,
    clientId: "shop-web",
    clientAuth: "basic",
    clientSecret: "WEB_CLIENT",
    scopes: ["openid", "profile"],
    algorithms: ["ES256"],
    clockSkewMs: 10_000,
    path: "/.selvage/web",
    afterLogin: "/",
    afterLogout: "/bye",
    idleMs: 600_000,
    absoluteMs: 3_600_000,
    origins: [],
    ...more,
  };
}

export function webPlan(provider: OidcProvider = web(), ...others: OidcProvider[]) {
  const { identity } = plan([]);
  const providers = [provider, ...others].map((one) => [one.name, one]);
  return plan(
    [
      route("app", "/app/*", { auth: { any: [provider.name], scopes: [] } }),
      route("either", "/either/*", { auth: { any: [provider.name, "login"], scopes: [] } }),
      route("perhaps", "/perhaps/*", { auth: { any: [provider.name], scopes: [], optional: true } }),
      ...others.map((one) => route(one.name, `/${one.name}/*`, { auth: { any: [one.name], scopes: [] } })),
      route("open", "/open/*"),
    ],
    { hosts: [HOST, "other.shop.example"], identity: { ...identity, ...Object.fromEntries(providers) } },
  );
}

/** Of a token; undefined: not in it. */
type Claims = Readonly<Record<string, unknown>>;

export interface Op {
  /** Calls to the token endpoint. */
  readonly exchanges: { form: URLSearchParams; authorization: string | null }[];
  /** What is different from a good ID token: claims, header, another signing key. */
  wrong: { claims?: Claims; header?: Record<string, unknown>; key?: CryptoKey; answer?: () => Response };
  metadata: Record<string, unknown>;
  sub: string;
  sid: string;
  scope: string | undefined;
  extra: Claims;
  down: boolean;
  readonly publicJwk: JWK;
  /** The user agrees: where the browser is sent back to. */
  authorize(location: string): string;
  logoutToken(claims?: Claims, header?: Record<string, unknown>, key?: CryptoKey): Promise<string>;
  readonly outside: Outside;
}

export async function createOp(url: string = OP): Promise<Op> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid: "op-1", alg: "ES256", use: "sig" };
  const codes = new Map<string, { nonce: string; challenge: string; redirectUri: string }>();
  const sign = (claims: Claims, header: Record<string, unknown>, key = pair.privateKey): Promise<string> =>
    new SignJWT(claims as JWTPayload)
      .setProtectedHeader({ alg: "ES256", kid: "op-1", ...header })
      .sign(key, { crit: { exp: true } });
  const now = (): number => Math.floor(Date.now() / 1000);
  const op: Op = {
    exchanges: [],
    wrong: {},
    metadata: {
      issuer: url,
      authorization_endpoint: `${url}authorize`,
      token_endpoint: `${url}token`,
      end_session_endpoint: `${url}logout`,
      userinfo_endpoint: `${url}userinfo`,
      jwks_uri: `${url}keys`,
      authorization_response_iss_parameter_supported: true,
    },
    sub: "alice",
    sid: "op-session-1",
    scope: "openid profile",
    extra: { name: "Alice" },
    down: false,
    publicJwk,
    authorize(location) {
      const asked = new URL(location).searchParams;
      const code = crypto.randomUUID();
      const redirectUri = asked.get("redirect_uri") ?? "";
      codes.set(code, { nonce: asked.get("nonce") ?? "", challenge: asked.get("code_challenge") ?? "", redirectUri });
      return `${redirectUri}?${new URLSearchParams({ code, state: asked.get("state") ?? "", iss: url })}`;
    },
    logoutToken: (claims = {}, header = {}, key) => {
      const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
      const good = { iss: url, aud: "shop-web", iat: now(), exp: now() + 120, jti: crypto.randomUUID(), events };
      return sign({ ...good, sub: op.sub, sid: op.sid, ...claims }, { typ: "logout+jwt", ...header }, key);
    },
    async outside(request) {
      if (!request.url.startsWith(url)) return undefined;
      if (op.down) throw new Error("Network connection lost.");
      const path = request.url.slice(url.length);
      if (path === ".well-known/openid-configuration") return Response.json(op.metadata);
      if (path === "keys") return Response.json({ keys: [publicJwk] });
      if (path === "userinfo") return Response.json({ sub: op.sub, email: "alice@shop.example" });
      if (path !== "token") return new Response(null, { status: 404 });
      return exchange(request);
    },
  };
  async function exchange(request: Request): Promise<Response> {
    const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()));
    op.exchanges.push({ form, authorization: request.headers.get("authorization") });
    if (op.wrong.answer !== undefined) return op.wrong.answer();
    const code = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form.get("code_verifier") ?? ""));
    const challenge = btoa(String.fromCharCode(...new Uint8Array(digest)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace("=", "");
    if (code === undefined || code.challenge !== challenge || code.redirectUri !== form.get("redirect_uri"))
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    const good = { iss: url, aud: "shop-web", iat: now(), exp: now() + 300, nonce: code.nonce };
    const claims = { ...good, sub: op.sub, sid: op.sid, ...op.extra, ...op.wrong.claims };
    const idToken = await sign(claims, op.wrong.header ?? {}, op.wrong.key);
    const scope = op.scope === undefined ? {} : { scope: op.scope };
    return Response.json({ access_token: "at", token_type: "Bearer", id_token: idToken, ...scope });
  }
  return op;
}

/** Keeps cookies as a browser does for one host, and says of itself what browsers say. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #gateway: Gateway;
  readonly #host: string;

  constructor(gateway: Gateway, host: string = HOST) {
    this.#gateway = gateway;
    this.#host = host;
  }

  /** A page that a person asks for; redirects are not followed. */
  open(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.send(path, { headers: { "sec-fetch-mode": "navigate", accept: "text/html", ...headers } });
  }

  /** A script of the same origin. */
  call(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    return this.send(path, { ...init, headers: { "sec-fetch-site": "same-origin", ...init.headers } });
  }

  async send(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...(cookie !== "" && { cookie }), ...init.headers };
    const response = await this.#gateway.fetch(path, { host: this.#host, ...init, headers });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  #keep(line: string): void {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    if (/; Max-Age=0(;|$)/.test(line)) this.cookies.delete(pair.slice(0, at));
    else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }

  get session(): string | undefined {
    return this.cookies.get("__Host-selvage-session-web");
  }

  /** Goes through the whole login. @returns the answer of the callback */
  async logIn(op: Op, path = "/app/1"): Promise<Response> {
    const away = await this.open(path);
    const back = op.authorize(away.headers.get("location") ?? "");
    const { pathname, search } = new URL(back);
    return this.open(pathname + search);
  }
}

/** The objects of sessions, with every call counted. */
export class CountedSessions {
  readonly calls: Record<string, number> = { open: 0, ask: 0, confirm: 0, end: 0, endOrdered: 0 };
  mode: "up" | "down" | "silent" = "up";
  /** Shards that do not answer. */
  readonly lost = new Set<string>();

  get namespace(): Env["SESSIONS"] {
    const getByName = (name: string) => {
      const stub = bindings.SESSIONS.getByName(name) as unknown as Record<
        string,
        (...args: unknown[]) => Promise<unknown>
      >;
      const call =
        (method: string) =>
        (...args: unknown[]) => {
          this.calls[method] = (this.calls[method] ?? 0) + 1;
          if (this.mode === "down" || this.lost.has(name))
            return Promise.reject(new Error("Durable Object is overloaded."));
          if (this.mode === "silent") return new Promise(() => undefined);
          return stub[method]?.(...args);
        };
      return Object.fromEntries(Object.keys(this.calls).map((method) => [method, call(method)]));
    };
    return { getByName } as unknown as Env["SESSIONS"];
  }
}
