/**
 * A test identity provider: discovery, keys and tokens as OpenID Connect has them, but whoever asks gets a token.
 * For tests and demonstrations only.
 *
 *   GET  /.well-known/openid-configuration
 *   GET  /jwks
 *   POST /token   grant_type=client_credentials (client_id=shop-robot, client_secret=shop-robot-secret)
 *                 grant_type=urn:selvage:demo:subject (subject=alice): no proof asked
 *                 optional: scope, audience, token_format=opaque
 *   POST /introspect, /revoke   for resource servers (client_id=gateway, client_secret=shop-gateway-secret)
 *
 * PORT is where it listens, IDP_STATE the folder of its key.
 */
import { clientOf, isClient } from "./clients.ts";
import { TokenBook } from "./introspection.ts";
import { type Answer, type Call, methodNotAllowed, notFound, serve } from "./services/server.ts";
import { ALGORITHM, AUDIENCE, issuerOf, openKey, publicKeyOf, signToken, TOKEN_LIFETIME_SECONDS } from "./tokens.ts";

const issuer = issuerOf(Number(process.env.PORT ?? 8789));
const key = await openKey(process.env.IDP_STATE ?? ".selvage/idp");
const book = new TokenBook(issuer, key);
const SUBJECT_GRANT = "urn:selvage:demo:subject";
const clients: Readonly<Record<string, string>> = { "shop-robot": "shop-robot-secret" };

serve("idp", async (call) => {
  const post = posts[call.url.pathname];
  if (post !== undefined) return call.method === "POST" ? post(call) : methodNotAllowed("POST");
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
    jwks_uri: `${issuer}jwks`,
    token_endpoint: `${issuer}token`,
    introspection_endpoint: `${issuer}introspect`,
    revocation_endpoint: `${issuer}revoke`,
    grant_types_supported: ["client_credentials", SUBJECT_GRANT],
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
    response_types_supported: ["token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [ALGORITHM],
    scopes_supported: ["orders:read", "orders:write"],
  },
  "/jwks": { keys: [publicKeyOf(key)] },
};

/** RFC 6749 sections 4.4 and 5. */
async function token(call: Call): Promise<Answer> {
  const form = new URLSearchParams(await call.body());
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
  const accessToken = isOpaque ? book.issue(request, Date.now()) : await signToken(key, request, Date.now());
  return {
    status: 200,
    body: {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: TOKEN_LIFETIME_SECONDS,
      scope: scopes.join(" "),
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
