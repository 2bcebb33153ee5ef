/** Proofs of identity for `bench/identity.ts`: what the document says of one, and requests that carry it. */
import { appendFileSync } from "node:fs";
import path from "node:path";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { ControlClient } from "../../cli/control-client.ts";
import type { OpenSystem } from "../../cli/local/system.ts";
import { KEY_RANDOM_BYTES, keyOf } from "../../shared/auth/key-form.ts";
import { limits } from "../../shared/limits.ts";
import { logIn } from "./browser.ts";
import { newDevices } from "./devices.ts";
import { DpopClient } from "./dpop-client.ts";
import type { Fields } from "./load.ts";
import type { Running } from "./routes.ts";
import { newSigner, newWebhookKey } from "./signers.ts";
import { startIdp, startIntrospection } from "./stage.ts";

export interface ProofCase {
  /** Names its route and its figures: small letters and `_`. */
  readonly name: string;
  /** For people. */
  readonly what: string;
  /** Absent: a route without `auth`. What it needs besides (an issuer, a server) is started in the system. */
  readonly proof?: (system: OpenSystem) => Promise<Proof>;
}

export interface Proof {
  /** Providers of the document by name. */
  readonly identity: Readonly<Record<string, object>>;
  readonly auth: string | object;
  /** More of `gateway` in the document; every route has it, the floor too. */
  readonly gateway?: object;
  /** Fields of requests that are sent in turn, over and over; a function makes those of each. */
  readonly requests: (
    gateway: Running & { readonly control: ControlClient },
  ) => Promise<readonly Fields[] | (() => Fields)>;
  /** Runs before each load, outside of what is measured. */
  readonly prepare?: () => void;
}

/** More than an isolate remembers, so that none of them is known when its turn comes again. */
const COLD = limits.identity.rememberedTokensMax + 500;
const COLD_CERTIFICATES = limits.clientCertificate.rememberedMax + 500;

/** Tokens of one algorithm. @param count 1: one that repeats; absent: so many that each is new */
export async function jwtProof(name: string, algorithm: string, count: number = COLD): Promise<Proof> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const key: JWK = { ...(await exportJWK(publicKey)), kid: "bench" };
  const jwt = { issuer: "urn:bench", audience: "bench", algorithms: [algorithm], keys: [key] };
  return {
    identity: { [name]: { jwt } },
    auth: { any: [name], scopes: ["bench"] },
    requests: () => eachOf(count, async (at) => bearer(await signToken(algorithm, privateKey, at))),
  };
}

function signToken(algorithm: string, key: CryptoKey, number: number, more: object = {}): Promise<string> {
  const about = { iss: "urn:bench", aud: "bench", sub: `user-${number}`, scope: "bench", jti: crypto.randomUUID() };
  const claims = { ...about, ...more };
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: "bench" });
  return jwt.setIssuedAt().setExpirationTime("2h").sign(key);
}

/** API keys of the gateway's own store. @param count as for tokens */
export async function keyProof(name: string, prefix: string, count: number = COLD): Promise<Proof> {
  const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(KEY_RANDOM_BYTES));
  const keys = await eachOf(count, async () => keyOf(prefix, random()) ?? "");
  return {
    identity: { [name]: { apiKey: { header: `x-${name}`, prefix } } },
    auth: { any: [name], scopes: ["bench"] },
    requests: async ({ control }) => {
      const lines = keys.map((key) => JSON.stringify({ key, prefix, owner: "bench", scopes: ["bench"] }));
      const { refused } = await control.importKeys(`${lines.join("\n")}\n`);
      if (refused > 0) throw new Error(`${refused} keys were refused`);
      return keys.map((key) => ({ [`x-${name}`]: key }));
    },
  };
}

/** One token that is bound to a key and known, each time with a new proof. */
export async function dpopProof(): Promise<Proof> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const client = new DpopClient();
  const token = await signToken("ES256", privateKey, 0, { cnf: { jkt: await client.thumbprint() } });
  const key: JWK = { ...(await exportJWK(publicKey)), kid: "bench" };
  const jwt = { issuer: "urn:bench", audience: "bench", algorithms: ["ES256"], keys: [key], dpop: "required" };
  return {
    identity: { dpop: { jwt } },
    auth: { any: ["dpop"], scopes: ["bench"] },
    requests: async ({ port }) => {
      client.use(token, `http://127.0.0.1:${port}/dpop/42`);
      return client.next;
    },
    prepare: client.prepare,
  };
}

/** Opaque tokens about which an issuer is asked. @param count as for tokens */
export async function introspectionProof(system: OpenSystem, name: string, count: number = COLD): Promise<Proof> {
  const port = await startIntrospection(system, name, { active: true, sub: "bench", scope: "bench" });
  const introspection = { issuer: "bench", url: `http://127.0.0.1:${port}/`, bearer: addSecret(system, name) };
  return {
    identity: { [name]: { introspection } },
    auth: { any: [name], scopes: ["bench"] },
    requests: () => eachOf(count, async () => bearer(crypto.randomUUID())),
  };
}

/** Certificates that a terminator of TLS passes on. @param count as for tokens */
export async function certificateProof(name: string, count: number = COLD_CERTIFICATES): Promise<Proof> {
  const devices = await newDevices();
  return {
    identity: { [name]: { certificate: { subject: "uri" } } },
    auth: name,
    gateway: { tlsTerminator: { addresses: ["127.0.0.1"] } },
    requests: () => eachOf(count, async (at) => ({ "client-cert": `:${await devices.certificate(at)}:` })),
  };
}

/** One session of a browser. Its cookie is not due to be renewed while it is measured. */
export async function sessionProof(system: OpenSystem): Promise<Proof> {
  const issuer = `http://127.0.0.1:${await startIdp(system)}/`;
  const client = { clientId: "shop-web", clientSecret: addSecret(system, "session", "shop-web-secret") };
  const oidc = { issuer, ...client, scopes: ["openid", "orders:read"], session: { idle: "12h", absolute: "12h" } };
  return {
    identity: { session: { oidc } },
    auth: { any: ["session"], scopes: ["orders:read"] },
    requests: async ({ port }) => [{ cookie: await logIn(`http://127.0.0.1:${port}`, "session") }],
  };
}

/** One signature, checked each time. */
export async function signatureProof(): Promise<Proof> {
  const signer = newSigner();
  const signature = { keys: [{ keyid: "bench", jwk: signer.jwk }], maxAge: "1d", scopes: ["bench"] };
  return {
    identity: { signature: { signature } },
    auth: { any: ["signature"], scopes: ["bench"] },
    requests: async ({ port }) => [signer.headers(`127.0.0.1:${port}`, "/signature/42")],
  };
}

/** One webhook, checked each time. */
export async function webhookProof(): Promise<Proof> {
  const sender = newWebhookKey();
  const webhook = { publicKeys: sender.publicKey, tolerance: "1h", scopes: ["bench"] };
  return {
    identity: { webhook: { webhook } },
    auth: { any: ["webhook"], scopes: ["bench"] },
    requests: async () => [sender.headers()],
  };
}

/** Before the gateway starts. @returns its reference for the document */
function addSecret(system: OpenSystem, provider: string, value = "bench"): string {
  const name = provider.toUpperCase();
  appendFileSync(path.join(system.state, "secrets"), `${name}=${value}\n`, { mode: 0o600 });
  return `\${secret:${name}}`;
}

const bearer = (token: string): Fields => ({ authorization: `Bearer ${token}` });

/** Many at once: signing runs on other threads. */
async function eachOf<Value>(count: number, make: (at: number) => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  while (values.length < count) {
    const batch = Math.min(BATCH, count - values.length);
    const from = values.length;
    values.push(...(await Promise.all(Array.from({ length: batch }, (_, at) => make(from + at)))));
  }
  return values;
}
const BATCH = 500;
