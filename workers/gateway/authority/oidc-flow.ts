/**
 * The authorization code flow with PKCE at an OpenID provider (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207) by
 * oauth4webapi. Loaded by the first login alone.
 */
import * as oauth from "oauth4webapi";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { scopesOf } from "../../../shared/auth/scopes.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";
import type { PendingLogin } from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { readText } from "../upstream/read-text.ts";
import { endpointOf } from "./provider-endpoints.ts";
import { secretText } from "./provider-secret.ts";
import { readSegment, type TokenSignatures } from "./token-signatures.ts";
import type { ProofContext } from "./verifier.ts";

type Metadata = Readonly<Record<string, unknown>>;

/** What a login at a provider needs to know of it. */
export interface AtProvider {
  readonly provider: OidcProvider;
  readonly metadata: Metadata;
  readonly signatures: TokenSignatures;
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string;
}

export interface Granted {
  readonly idToken: string;
  /** Of the ID token, and of UserInfo where that is asked. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly scopes: readonly string[];
}

/** Fresh secrets of one login. */
export function newPending(returnTo: string, nowMs: number): PendingLogin {
  return {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
    returnTo,
    startedAtMs: nowMs,
  };
}

/** Where the browser is sent. @throws SelvageError issuer_unavailable when the provider does not say where */
export async function authorizationUrl(at: AtProvider, { state, nonce, verifier }: PendingLogin): Promise<string> {
  const { provider, metadata, redirectUri } = at;
  const endpoint = endpointOf(provider, metadata, "authorization_endpoint");
  if (endpoint === undefined)
    throw new SelvageError("issuer_unavailable", `${provider.issuer} has no usable authorization_endpoint`);
  const parameters = {
    response_type: "code",
    client_id: provider.clientId,
    redirect_uri: redirectUri,
    scope: provider.scopes.join(" "),
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) endpoint.searchParams.set(name, value);
  return endpoint.href;
}

/**
 * From the answer that the browser brought to whom the provider named.
 * @throws SelvageError login_failed, issuer_unavailable, secret_missing
 */
export async function finishLogin(
  at: AtProvider,
  pending: PendingLogin,
  answer: URLSearchParams,
  context: Pick<ProofContext, "env" | "ctx" | "nowMs">,
): Promise<Granted> {
  try {
    const { provider, redirectUri } = at;
    const [server, client] = [serverOf(at), clientOf(provider)];
    const checked = oauth.validateAuthResponse(server, client, answer, pending.state);
    const showSecret = clientAuthOf(provider, context.env);
    const options = { ...httpOptions(provider) };
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      showSecret,
      checked,
      redirectUri,
      pending.verifier,
      options,
    );
    const expected = { expectedNonce: pending.nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, expected);
    const idToken = tokens.id_token ?? "";
    const claims = await provenClaims(idToken, at, context);
    const info = provider.userinfo ? await userInfo(server, client, tokens.access_token, claims, provider) : {};
    const scopes = tokens.scope === undefined ? [...provider.scopes] : scopesOf({ scope: tokens.scope });
    return { idToken, claims: { ...info, ...claims }, scopes };
  } catch (cause) {
    if (cause instanceof SelvageError) throw cause;
    // Whoever begins again meets the same: that is for operators to mend.
    if (isAboutClient(cause))
      throw new SelvageError("issuer_unavailable", `it does not take this client: ${reasonOf(cause)}`, { cause });
    throw new SelvageError("login_failed", reasonOf(cause), { cause });
  }
}

/** oauth4webapi has checked the claims; TLS alone would vouch for the token (Core section 3.1.3.7), its signature does, too. */
async function provenClaims(
  idToken: string,
  { provider, signatures }: AtProvider,
  context: Pick<ProofContext, "ctx" | "nowMs">,
): Promise<Readonly<Record<string, unknown>>> {
  const refused = (reason: string): never => {
    throw new SelvageError("login_failed", `the ID token: ${reason}`);
  };
  const malformed = refuseTokenForm(idToken);
  if (malformed !== undefined) return refused(malformed);
  const [first = "", second = ""] = idToken.split(".");
  const [header, claims] = [readSegment(first), readSegment(second)];
  if (typeof header === "string") return refused(`its header ${header}`);
  if (typeof claims === "string") return refused(`its payload ${claims}`);
  const fault = refuseTokenHeader(header, provider.algorithms);
  if (fault !== undefined) return refused(fault);
  const { alg, kid } = header as { alg: string; kid?: string };
  const proven = await signatures.prove({ token: idToken, alg, kid }, { name: provider.issuer }, context);
  return typeof proven === "string" ? refused(proven) : claims;
}

async function userInfo(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  accessToken: string,
  { sub }: Readonly<Record<string, unknown>>,
  provider: OidcProvider,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await oauth.userInfoRequest(server, client, accessToken, httpOptions(provider));
  return oauth.processUserInfoResponse(server, client, String(sub), response);
}

/** What is accepted of signatures is the document's word, not the provider's. */
function serverOf({ provider, metadata }: AtProvider): oauth.AuthorizationServer {
  return {
    ...metadata,
    issuer: provider.issuer,
    id_token_signing_alg_values_supported: [...provider.algorithms],
  };
}

function clientOf({ clientId, clockSkewMs }: OidcProvider): oauth.Client {
  return { client_id: clientId, [oauth.clockTolerance]: Math.floor(clockSkewMs / 1000) };
}

function clientAuthOf({ clientAuth, clientSecret }: OidcProvider, env: Env): oauth.ClientAuth {
  if (clientAuth === "none") return oauth.None();
  const secret = secretText(clientSecret ?? "", env);
  return clientAuth === "post" ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}

function httpOptions({ issuer }: OidcProvider) {
  return {
    [oauth.allowInsecureRequests]: issuer.startsWith("http:"),
    [oauth.customFetch]: boundedFetch,
  };
}

type Called = Pick<oauth.CustomFetchOptions<string, URLSearchParams | undefined>, "method" | "headers" | "body">;

/** Within the time and size that a call may take. @throws SelvageError issuer_unavailable */
async function boundedFetch(url: string, options: Called): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(limits.login.providerWaitMs);
    const { method, headers, body = null } = options;
    const response = await fetch(url, { method, headers, body, redirect: "manual", signal });
    const text = await readText(response, limits.login.providerBytesMax);
    if (response.status < 500) return new Response(text, { status: response.status, headers: response.headers });
    throw new Error(`answered ${response.status}`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SelvageError("issuer_unavailable", `${new URL(url).pathname}: ${reason}`, { cause });
  }
}

/** Whether the gateway itself is refused (RFC 6749 section 5.2), such as for a secret that is not good any more. */
function isAboutClient(cause: unknown): boolean {
  if (cause instanceof oauth.WWWAuthenticateChallengeError) return true;
  return cause instanceof oauth.ResponseBodyError && /^(invalid|unauthorized)_client$/.test(cause.error);
}

/** What the provider or the library said of it; never a code or a token. */
function reasonOf(cause: unknown): string {
  if (cause instanceof oauth.AuthorizationResponseError || cause instanceof oauth.ResponseBodyError) {
    const { error, error_description: description } = cause;
    return `the provider answered ${error}${description === undefined ? "" : `: ${description}`}`.slice(0, REASON_MAX);
  }
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, REASON_MAX);
}

const REASON_MAX = 500;
