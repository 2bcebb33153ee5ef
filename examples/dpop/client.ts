/**
 * A client of a gateway that asks for DPoP proofs (RFC 9449), and in one file the authorization server, which here only signs
 * a token for the client's key. Prints what becomes of each call.
 *
 *   node examples/dpop/client.ts http://127.0.0.1:8787/orders/1
 */
import { createHash, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";

const url = process.argv[2] ?? "http://127.0.0.1:8787/orders/1";
const secret = process.env.SECRET_LOGIN_JWT;
if (secret === undefined) throw new Error("SECRET_LOGIN_JWT: set it to the same text as for the gateway");

const { privateKey, publicKey } = await generateKeyPair("ES256");
const jwk = await exportJWK(publicKey);
const token = await new SignJWT({ scope: "orders:read", cnf: { jkt: await calculateJwkThumbprint(jwk) } })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuer(process.env.LOGIN_ISSUER ?? "https://login.example.com/")
  .setAudience("orders")
  .setSubject("ann")
  .setIssuedAt()
  .setExpirationTime("5m")
  .sign(new TextEncoder().encode(secret));

/** One proof for one request: its method, its URL without query, the token's hash, and the gateway's nonce. */
function prove(method: string, target: string, nonce?: string): Promise<string> {
  const ath = createHash("sha256").update(token).digest("base64url");
  const htu = target.split(/[?#]/, 1)[0];
  return new SignJWT({ jti: randomUUID(), htm: method, htu, ath, ...(nonce !== undefined && { nonce }) })
    .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk })
    .setIssuedAt()
    .sign(privateKey);
}

async function call(what: string, headers: Record<string, string>): Promise<Response> {
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  const error = /error="([a-z_]+)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
  console.log(`${what}: ${response.status}${error === undefined ? "" : ` ${error}`}`);
  return response;
}

const authorization = `DPoP ${token}`;
const first = await call("without a nonce", { authorization, dpop: await prove("GET", url) });
const nonce = first.headers.get("dpop-nonce") ?? undefined;
const proof = await prove("GET", url, nonce);
await call("with the nonce of that answer", { authorization, dpop: proof });
await call("the same proof again", { authorization, dpop: proof });
await call("the token alone", { authorization });
await call("the token as Bearer", { authorization: `Bearer ${token}` });
await call("a proof for another method", { authorization, dpop: await prove("POST", url, nonce) });
