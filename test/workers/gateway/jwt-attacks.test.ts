/** The published attacks on JWT verification, each against a gateway in workerd: 401, and nothing goes inside. */
import { base64url, exportJWK, exportPKCS8, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { AUDIENCE, createIssuer, ISSUER, type Issuer, times } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const routes = [route("orders", "/orders/*", { auth: { any: ["login"], scopes: [] } })];
const all = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"];
const withProvider = (more: Partial<JwtProvider>): GatewayPlan =>
  plan(routes, {
    identity: {
      login: { kind: "jwt", issuer: ISSUER, audiences: [AUDIENCE], algorithms: all, clockSkewMs: 0, ...more },
    },
  });

let issuer: Issuer;
let gateway: Gateway;
/** Keys that the issuer publishes beside its own. */
let extra: JWK[];
const asked: string[] = [];

async function start(provider: Partial<JwtProvider> = {}): Promise<void> {
  gateway = await startGateway(withProvider(provider), async ({ url }) => {
    asked.push(url);
    if (url === `${ISSUER}keys`) return Response.json({ keys: [issuer.publicJwk, ...extra] });
    return issuer.answer(url) ?? Response.json({ ok: true });
  });
}

beforeEach(async () => {
  issuer = await createIssuer();
  extra = [];
  asked.length = 0;
  await start();
});
afterEach(() => vi.restoreAllMocks());

/** Each in an isolate that has fetched no keys yet, so that none waits. */
const ask = (token: string): Promise<Response> => {
  gateway.restart();
  return gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${token}` } });
};
const encode = (value: unknown): string => base64url.encode(typeof value === "string" ? value : JSON.stringify(value));
const claims = (more: object = {}): Record<string, unknown> => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: "alice",
  ...times(),
  ...more,
});

async function expectRefused(token: string): Promise<void> {
  const response = await ask(token);
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, "credentials_invalid"]);
  expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example", error="invalid_token"');
  expect(gateway.sent.filter(({ url }) => !url.startsWith(ISSUER))).toEqual([]);
}

/** Signs whatever text the segments are, which no library would. */
async function signRaw(
  header: string,
  payload: string,
  key: CryptoKey,
  algorithm: { name: string; hash?: string },
): Promise<string> {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(input));
  return `${input}.${base64url.encode(new Uint8Array(signature))}`;
}
const ECDSA = { name: "ECDSA", hash: "SHA-256" };

/** A second key of the issuer whose private half is here, so that any text can be signed by it. */
async function ownKey(more: Partial<JWK> = {}): Promise<CryptoKey> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  extra.push({ ...(await exportJWK(pair.publicKey)), kid: "own", ...more });
  return pair.privateKey;
}

test("the issuer's own token passes, so that the refusals below mean something", async () => {
  expect((await ask(await issuer.sign())).status).toBe(200);
  const key = await ownKey();
  await start();
  const token = await signRaw(JSON.stringify({ alg: "ES256", kid: "own" }), JSON.stringify(claims()), key, ECDSA);
  expect((await ask(token)).status).toBe(200);
});

describe("algorithms", () => {
  test.each(["none", "None", "NONE", "nOnE", "", "ES256 ", "es256", "HS256", "HS512", "A128KW", "constructor"])(
    "%j with and without a signature",
    async (alg) => {
      const input = `${encode({ alg, kid: "key-1" })}.${encode(claims())}`;
      for (const signature of ["", "AAAA", (await issuer.sign()).split(".")[2]])
        await expectRefused(`${input}.${signature}`);
    },
  );

  test("HMAC under each spelling of the public key, for RSA and EC", async () => {
    const rsa = await generateKeyPair("RS256", { extractable: true });
    extra.push({ ...(await exportJWK(rsa.publicKey)), kid: "rsa" });
    await start();
    const spki = await exportSPKI(rsa.publicKey);
    const secrets = [
      spki,
      spki.trim(),
      JSON.stringify(extra[0]),
      JSON.stringify(issuer.publicJwk),
      String(extra[0]?.n),
    ];
    for (const alg of ["HS256", "HS384", "HS512"])
      for (const secret of secrets)
        for (const kid of ["rsa", "key-1", undefined]) {
          const header = { alg, ...(kid !== undefined && { kid }) };
          const signing = new SignJWT(claims()).setProtectedHeader(header);
          await expectRefused(await signing.sign(new TextEncoder().encode(secret.padEnd(64, "\0"))));
          await expectRefused(
            await signing.sign(new TextEncoder().encode(secret.length < 64 ? `${secret}${spki}` : secret)),
          );
        }
  });

  test("an algorithm that the document does not allow, by a good key", async () => {
    await start({ algorithms: ["RS256"] });
    await expectRefused(await issuer.sign());
  });

  test("an algorithm of another kind than the named key's", async () => {
    const { privateKey } = await generateKeyPair("RS256");
    await expectRefused(
      await new SignJWT(claims()).setProtectedHeader({ alg: "RS256", kid: "key-1" }).sign(privateKey),
    );
  });

  test("another curve than the algorithm's", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES384", { extractable: true });
    extra.push({ ...(await exportJWK(publicKey)), kid: "p384" });
    await start();
    for (const alg of ["ES256", "ES512"]) {
      const header = JSON.stringify({ alg, kid: "p384" });
      await expectRefused(
        await signRaw(header, JSON.stringify(claims()), privateKey, { name: "ECDSA", hash: "SHA-256" }),
      );
    }
  });
});

describe("keys that do not belong to the issuer", () => {
  test.each(["jwk", "jku", "x5u", "x5c"])("%s in the header is never used", async (member) => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    const value = {
      jwk,
      jku: "https://evil.example/keys",
      x5u: "https://evil.example/cert.pem",
      x5c: [encode("certificate")],
    }[member];
    for (const kid of ["key-1", "other", undefined]) {
      const header = { alg: "ES256", [member]: value, ...(kid !== undefined && { kid }) };
      await expectRefused(await new SignJWT(claims()).setProtectedHeader(header).sign(pair.privateKey));
    }
    expect(asked.every((url) => url.startsWith(ISSUER))).toBe(true);
  });

  test.each([
    "../../../../dev/null",
    "/dev/null",
    "file:///etc/passwd",
    "https://evil.example/keys",
    "' OR '1'='1",
    "x' UNION SELECT 'key';--",
    "key-1\u0000",
    "key-1 ",
    "KEY-1",
    "__proto__",
    "constructor",
    "$(id)|id",
    "0",
    "",
  ])("the kid %j", async (kid) => {
    const { privateKey } = await generateKeyPair("ES256");
    await expectRefused(await new SignJWT(claims()).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey));
  });

  test.each([
    ["a kid that is no text", 1],
    ["a kid that is a list", ["key-1"]],
    ["a kid that is a mapping", { toString: "key-1" }],
    ["a long kid", "k".repeat(limits.identity.nameCharsMax + 1)],
  ])("%s", async (_, kid) => {
    const key = await ownKey();
    await start();
    await expectRefused(await signRaw(JSON.stringify({ alg: "ES256", kid }), JSON.stringify(claims()), key, ECDSA));
  });
});

describe("keys that prove nothing, though they are published", () => {
  test("RSA with exponent 1: every signature is its own message", async () => {
    const pair = await generateKeyPair("RS256", { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    extra.push({ ...jwk, kid: "one", e: "AQ" });
    await start();
    const input = `${encode({ alg: "RS256", kid: "one" })}.${encode(claims())}`;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(input)));
    const prefix = Uint8Array.from([
      0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20,
    ]);
    const padded = new Uint8Array(256).fill(0xff);
    padded.set([0, 1]);
    padded.set([0], 256 - 32 - prefix.length - 1);
    padded.set(prefix, 256 - 32 - prefix.length);
    padded.set(digest, 256 - 32);
    await expectRefused(`${input}.${base64url.encode(padded)}`);
  });

  test("RSA of 1024 bits", async () => {
    const pair = (await crypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"],
    )) as CryptoKeyPair;
    extra.push({ ...((await crypto.subtle.exportKey("jwk", pair.publicKey)) as JWK), kid: "small", alg: "RS256" });
    await start();
    const header = JSON.stringify({ alg: "RS256", kid: "small" });
    await expectRefused(
      await signRaw(header, JSON.stringify(claims()), pair.privateKey, { name: "RSASSA-PKCS1-v1_5" }),
    );
  });

  test("a shared secret in the key set", async () => {
    const secret = new Uint8Array(64).fill(7);
    extra.push({ kty: "oct", k: base64url.encode(secret), kid: "shared", alg: "HS256" });
    await start();
    await expectRefused(await new SignJWT(claims()).setProtectedHeader({ alg: "HS256", kid: "shared" }).sign(secret));
  });

  test.each([
    ["for encryption", { use: "enc" }],
    ["for another operation", { key_ops: ["encrypt"] }],
    ["of another algorithm", { alg: "ES384" }],
  ])("a key %s", async (_, more) => {
    const key = await ownKey(more as Partial<JWK>);
    await start();
    await expectRefused(
      await signRaw(JSON.stringify({ alg: "ES256", kid: "own" }), JSON.stringify(claims()), key, ECDSA),
    );
  });

  test("a point that is not on its curve", async () => {
    const one = base64url.encode(new Uint8Array(32).fill(1));
    extra.push({ kty: "EC", crv: "P-256", x: one, y: one, kid: "off" });
    await start();
    await expectRefused(
      `${encode({ alg: "ES256", kid: "off" })}.${encode(claims())}.${base64url.encode(new Uint8Array(64).fill(1))}`,
    );
  });
});

describe("signatures", () => {
  test.each([
    ["r = s = 0 (psychic)", new Uint8Array(64)],
    ["r = 0", new Uint8Array(64).fill(1, 32)],
    ["s = 0", new Uint8Array(64).fill(1, 0, 32)],
    [
      "r = s = n",
      base64url.decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVH_____AAAAAP__________vOb6racXnoTzucrC_GMlUQ"),
    ],
    ["all ones", new Uint8Array(64).fill(255)],
    ["too short", new Uint8Array(63)],
    ["too long", new Uint8Array(65)],
    ["DER of zeros", Uint8Array.from([0x30, 6, 2, 1, 0, 2, 1, 0])],
  ])("%s", async (_, signature) => {
    await expectRefused(`${encode({ alg: "ES256", kid: "key-1" })}.${encode(claims())}.${base64url.encode(signature)}`);
  });

  test("stripped, with and without its dot", async () => {
    const [header, payload] = (await issuer.sign()).split(".");
    for (const token of [`${header}.${payload}.`, `${header}.${payload}`, `${header}.${payload}..`, `.${payload}.`])
      await expectRefused(token);
  });

  test("of another token", async () => {
    const [header, , signature] = (await issuer.sign()).split(".");
    await expectRefused(`${header}.${encode(claims({ sub: "mallory" }))}.${signature}`);
  });
});

describe("header members", () => {
  test.each([
    ["crit with a name we do not know", { crit: ["http://example.com/x"], "http://example.com/x": true }],
    ["crit with a name that is not there", { crit: ["exp"] }],
    ["an empty crit", { crit: [] }],
    ["crit that is no list", { crit: "exp" }],
    ["b64: false", { b64: false, crit: ["b64"] }],
    ["b64: false without crit", { b64: false }],
    ["zip", { crit: ["zip"], zip: "DEF" }],
    ["the type of a DPoP proof", { typ: "dpop+jwt" }],
    ["the type of a logout token", { typ: "logout+jwt" }],
    ["no algorithm", { alg: undefined }],
  ])("%s", async (_, more) => {
    const key = await ownKey();
    await start();
    const header = JSON.stringify({ alg: "ES256", kid: "own", ...more });
    await expectRefused(await signRaw(header, JSON.stringify(claims()), key, ECDSA));
  });

  test("an unencoded payload (RFC 7797)", async () => {
    const key = await ownKey();
    await start();
    const header = encode({ alg: "ES256", kid: "own", b64: false, crit: ["b64"] });
    const text = JSON.stringify(claims());
    const signature = await crypto.subtle.sign(ECDSA, key, new TextEncoder().encode(`${header}.${text}`));
    const encoded = base64url.encode(new Uint8Array(signature));
    for (const payload of [encode(text), ""]) await expectRefused(`${header}.${payload}.${encoded}`);
  });
});

describe("JSON that two readers read in two ways, signed by the issuer", () => {
  const good = JSON.stringify(claims());
  const header = JSON.stringify({ alg: "ES256", kid: "own" });
  test.each([
    ["a claim twice", header, good.replace("{", '{"sub":"mallory",')],
    ["a claim twice, once escaped", header, good.replace("{", '{"s\\u0075b":"mallory",')],
    ["a member of a claim twice", header, good.replace("{", '{"org":{"id":1,"id":2},')],
    ["a header member twice", '{"alg":"ES256","kid":"own","alg":"ES256"}', good],
    ["a kid twice", '{"alg":"ES256","kid":"own","kid":"own"}', good],
    ["something behind the claims", header, `${good} {}`],
    ["a byte order mark", header, `\ufeff${good}`],
    ["a list", header, `[${good}]`],
    ["deep nesting of lists", header, good.replace("{", `{"x":${"[".repeat(5_000)}${"]".repeat(5_000)},`)],
    ["deep nesting of mappings", header, good.replace("{", `{"x":${'{"a":'.repeat(900)}1${"}".repeat(900)},`)],
    ["a header nested deeply", `{"x":${"[".repeat(50)}${"]".repeat(50)},"alg":"ES256","kid":"own"}`, good],
  ])("%s", async (_, head, payload) => {
    const key = await ownKey();
    await start();
    await expectRefused(await signRaw(head, payload, key, ECDSA));
  });

  test("text that is not UTF-8", async () => {
    const key = await ownKey();
    await start();
    const bytes = new TextEncoder().encode(good.replace("alice", "al\u0001ce"));
    bytes[bytes.indexOf(1)] = 0xff;
    const input = `${encode(header)}.${base64url.encode(bytes)}`;
    const signature = await crypto.subtle.sign(ECDSA, key, new TextEncoder().encode(input));
    await expectRefused(`${input}.${base64url.encode(new Uint8Array(signature))}`);
  });
});

describe("times and size, signed by the issuer", () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  test.each([
    ["issued in the future", () => ({ iat: now() + 60 })],
    ["iat as text", () => ({ iat: String(now()) })],
    ["exp as text", () => ({ exp: String(now() + 60) })],
    ["exp beyond numbers", () => ({ exp: null })],
    ["nbf as text", () => ({ nbf: "0" })],
    ["expired", () => ({ exp: now() - 1 })],
    ["several issuers", () => ({ iss: [ISSUER] })],
    ["a subject that is no text", () => ({ sub: { name: "alice" } })],
    ["a long subject", () => ({ sub: "a".repeat(limits.identity.nameCharsMax + 1) })],
  ])("%s", async (_, more) => {
    const key = await ownKey();
    await start();
    const payload = JSON.stringify(claims(more()));
    await expectRefused(await signRaw(JSON.stringify({ alg: "ES256", kid: "own" }), payload, key, ECDSA));
  });

  test("larger than the bound, and up to it", async () => {
    const sized = (length: number): Promise<string> => issuer.sign({ pad: "x".repeat(length) });
    const small = (await sized(0)).length;
    const room = Math.floor(((limits.identity.tokenBytesMax - small) * 3) / 4) - 8;
    expect((await ask(await sized(room))).status).toBe(200);
    gateway.sent.length = 0;
    await expectRefused(await sized(room + 32));
  });
});

test("a private key in the key set is not used, and not told", async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  extra.push({ ...(await exportJWK(pair.privateKey)), kid: "leaked" });
  await start();
  await expectRefused(
    await new SignJWT(claims()).setProtectedHeader({ alg: "ES256", kid: "leaked" }).sign(pair.privateKey),
  );
  expect(JSON.stringify(gateway.logs)).not.toContain((await exportPKCS8(pair.privateKey)).slice(60, 100));
});
