/**
 * A test identity provider: discovery, keys and tokens as OpenID Connect has them, but whoever asks gets a token.
 * For tests and demonstrations only.
 *
 *   GET  /.well-known/openid-configuration
 *   GET  /jwks
 *   POST /token   grant_type=client_credentials (client_id=shop-robot, client_secret=shop-robot-secret)
 *                 grant_type=urn:selvage:demo:subject (subject=alice): no proof asked
 *                 grant_type=authorization_code (client_id=shop-web, client_secret=shop-web-secret)
 *                 optional: scope, audience, token_format=opaque
 *   what a browser needs to log in: idp-login.ts
 *   POST /introspect, /revoke   for resource servers (client_id=gateway, client_secret=shop-gateway-secret)
 *
 * PORT is where it listens, IDP_STATE the folder of its key.
 */
import { clientOf, isClient } from "./clients.ts";
import { Logins, WEB_CLIENT } from "./idp-login.ts";
import { TokenBook } from "./introspection.ts";
import { type Answer, type Call, methodNotAllowed, notFound, serve } from "./services/server.ts";
import { ALGORITHM, AUDIENCE, issuerOf, openKey, publicKeyOf, signToken, TOKEN_LIFETIME_SECONDS } from "./tokens.ts";

const issuer = issuerOf(Number(process.env.PORT ?? 8789));
const key = await openKey(process.env.IDP_STATE ?? ".selvage/idp");
const book = new TokenBook(issuer, key);
const logins = new Logins(issuer, key);
const SUBJECT_GRANT = "urn:selvage:demo:subject";
const clients: Readonly<Record<string, string>> = { "shop-robot": "shop-robot-secret" };
const webClients: Readonly<Record<string, string>> = { [WEB_CLIENT]: "shop-web-secret" };

serve("idp", async (call) => {
  const post = posts[call.url.pathname];
  if (post !== undefined) return call.method === "POST" ? post(call) : methodNotAllowed("POST");
  const answer = await logins.answer(call);
  if (answer !== undefined) return answer;
  const document = documents[call.url.pathname];
  if (document === undefined) return notFound();
  if (call.method !== "GET" && call.method !== "HEAD") return methodNotAllowed("GET, HEAD");
  return { status: 200, body: document, headers: { "cache-control": "max-age=60" } };
});

const posts: Readonly<Record<string, (call: Call) => Promise<Answer>>> = {
  "/token": token,
  "/introspect": (call) => book.introspect(call),
  "/revoke": (call) => book.revoke(call),
};

const documents: Readonly<Record<string, unknown>> = {
  "/.well-known/openid-configuration": {
    issuer,
    ...logins.metadata,
    jwks_uri: `${issuer}jwks`,
    token_endpoint: `${issuer}token`,
    introspection_endpoint: `${issuer}introspect`,
    revocation_endpoint: `${issuer}revoke`,
    grant_types_supported: ["authorization_code", "client_credentials", SUBJECT_GRANT],
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [ALGORITHM],
    scopes_supported: ["openid", "profile", "orders:read", "orders:write"],
  },
  "/jwks": { keys: [publicKeyOf(key)] },
};

/** RFC 6749 sections 4.4 and 5. */
async function token(call: Call): Promise<Answer> {
  const form = new URLSearchParams(await call.body());
  if (form.get("grant_type") === "authorization_code") return codeToken(call, form);
  const subject = subjectOf(call, form);
  if ("error" in subject) return { status: subject.status, body: { error: subject.error } };
  const scopes = (form.get("scope") ?? "").split(" ").filter(Boolean);
  const request = {
    issuer,
    subject: subject.sub,
    audience: form.get("audience") ?? AUDIENCE,
    scopes,
    expiresInSeconds: TOKEN_LIFETIME_SECONDS,
  };
  const isOpaque = form.get("token_format") === "opaque";
  return granted(isOpaque ? book.issue(request, Date.now()) : await signToken(key, request, Date.now()), scopes);
}

/** Section 4.1.4, with the ID token of OpenID Connect Core section 3.1.3.3. */
async function codeToken(call: Call, form: URLSearchParams): Promise<Answer> {
  if (!isClient(webClients, clientOf(call, form))) return { status: 401, body: { error: "invalid_client" } };
  const grant = await logins.exchange(form);
  if (grant === undefined) return { status: 400, body: { error: "invalid_grant" } };
  const { sub: subject, scopes, idToken } = grant;
  const request = { issuer, subject, audience: AUDIENCE, scopes, expiresInSeconds: TOKEN_LIFETIME_SECONDS };
  return granted(await signToken(key, request, Date.now()), scopes, { id_token: idToken });
}

function granted(accessToken: string, scopes: readonly string[], more: Readonly<Record<string, string>> = {}): Answer {
  return {
    status: 200,
    body: {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: TOKEN_LIFETIME_SECONDS,
      scope: scopes.join(" "),
      ...more,
    },
    headers: { "cache-control": "no-store" },
  };
}

function subjectOf(call: Call, form: URLSearchParams): { sub: string } | { error: string; status: number } {
  const grant = form.get("grant_type");
  if (grant === SUBJECT_GRANT) {
    const sub = form.get("subject");
    return sub ? { sub } : { error: "invalid_request", status: 400 };
  }
  if (grant !== "client_credentials") return { error: "unsupported_grant_type", status: 400 };
  const client = clientOf(call, form);
  return isClient(clients, client) ? { sub: client[0] } : { error: "invalid_client", status: 401 };
}
