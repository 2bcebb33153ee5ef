/** A provider ends sessions: OpenID Connect Back-Channel Logout 1.0. */

import type { LogoutOrder } from "../../../shared/auth/logout-token.ts";
import { logoutTokenEndMs, readLogoutClaims, refuseLogoutHeader } from "../../../shared/auth/logout-token.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { refuseTokenForm } from "../../../shared/auth/token-form.ts";
import { shardOfSubject } from "../../../shared/auth/web-session.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import { readText } from "../upstream/read-text.ts";
import type { LiveSessions } from "./live-sessions.ts";
import { readSegment, type TokenSignatures } from "./token-signatures.ts";
import { type LoginCall, sidHash, subjectHash, tokenHash } from "./web-sessions.ts";

/**
 * Ends what the logout token of a request names (sections 2.5 to 2.8): 200, or 400 where the token is refused.
 * @throws SelvageError bad_request, issuer_unavailable, sessions_unavailable
 */
export async function endByProvider(
  provider: OidcProvider,
  live: LiveSessions,
  signatures: TokenSignatures,
  call: LoginCall,
): Promise<Response> {
  const order = await provenOrder(await tokenOf(call.request), provider, signatures, call);
  const { jti, sub, sid } = order;
  const subject = sub === undefined ? undefined : await subjectHash(provider, sub);
  const logout = {
    ...(subject !== undefined && { subject: hex(subject) }),
    ...(sid !== undefined && { sid: hex(await sidHash(provider, sid)) }),
    token: hex(await tokenHash(provider, jti)),
    tokenEndsAtMs: logoutTokenEndMs(provider, call.nowMs),
  };
  const shards = subject === undefined ? everyShard : [shardOfSubject(subject)];
  if (!(await live.endOrdered(logout, shards, call.env))) throw refused("the token was used before");
  return new Response(null, { status: 200, headers: { "cache-control": "no-store" } });
}

const everyShard = Array.from({ length: limits.login.shards }, (_, shard) => shard);

async function tokenOf(request: Request): Promise<string> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers.get("content-type") ?? ""))
    throw refused("the content is no form");
  const text = await readText(new Response(request.body), limits.login.logoutBodyBytesMax).catch((cause: unknown) => {
    throw refused(String(cause));
  });
  const [token, ...others] = new URLSearchParams(text).getAll("logout_token");
  if (token === undefined || others.length > 0) throw refused("not exactly one logout_token");
  return token;
}

async function provenOrder(
  token: string,
  provider: OidcProvider,
  signatures: TokenSignatures,
  call: LoginCall,
): Promise<LogoutOrder> {
  const malformed = refuseTokenForm(token);
  if (malformed !== undefined) throw refused(malformed);
  const [first = "", second = ""] = token.split(".");
  const [header, claims] = [readSegment(first), readSegment(second)];
  if (typeof header === "string") throw refused(`the header ${header}`);
  if (typeof claims === "string") throw refused(`the payload ${claims}`);
  const fault = refuseLogoutHeader(header, provider);
  if (fault !== undefined) throw refused(fault);
  const order = readLogoutClaims(claims, provider, call.nowMs);
  if (typeof order === "string") throw refused(order);
  const { alg, kid } = header as { alg: string; kid?: string };
  const proven = await signatures.prove({ token, alg, kid }, { name: provider.issuer }, call);
  if (typeof proven === "string") throw refused(proven);
  return order;
}

const refused = (reason: string): SelvageError => new SelvageError("bad_request", `logout token: ${reason}`);
