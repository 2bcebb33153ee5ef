import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, ISSUER, type Issuer, times } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const routes = [
  route("orders", "/orders/*", { auth: { any: ["login"], scopes: ["orders:read"] } }),
  route("public", "/public/*"),
];
let issuer: Issuer;
let gateway: Gateway;
let issuerIsUp: boolean;

beforeEach(async () => {
  issuer = await createIssuer();
  issuerIsUp = true;
  gateway = await startGateway(plan(routes), ({ url }) => {
    if (url.startsWith(ISSUER)) return issuerIsUp ? issuer.answer(url) : undefined;
    return Response.json({ ok: true });
  });
});
afterEach(() => vi.restoreAllMocks());

const ask = (token?: string, path = "/orders/1"): Promise<Response> =>
  gateway.fetch(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

const encode = (value: unknown): string => base64url.encode(JSON.stringify(value));
const claims = (more: object = {}): object => ({
  iss: ISSUER,
  aud: "shop-api",
  sub: "alice",
  scope: "orders:read",
  ...times(),
  ...more,
});

async function expectRefused(token: string): Promise<void> {
  const response = await ask(token);
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example", error="invalid_token"');
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const { traceId, ...problem } = (await response.json()) as Record<string, unknown>;
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(problem).toEqual({
    type: "about:blank",
    title: "Unauthorized",
    status: 401,
    detail: "The credentials are not valid.",
    code: "credentials_invalid",
  });
  expect(gateway.sent).toEqual([]);
}

/** The keys are there, and so old that a token of an unknown one does not wait until its issuer may be asked again. */
async function askWithKeysAtHand(): Promise<void> {
  expect((await ask(await issuer.sign())).status).toBe(200);
  gateway.sent.length = 0;
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + limits.identity.jwksQuietMs);
}

describe("a good token", () => {
  test("passes, and does not go on inside", async () => {
    const response = await ask(await issuer.sign());
    expect(response.status).toBe(200);
    expect(gateway.sent[0]?.headers.get("authorization")).toBeNull();
    expect(gateway.sent[0]?.headers.get("txn-token")).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(gateway.logs.at(-1)).toMatchObject({ kind: "access", sub: "alice", status: 200, route: "orders" });
  });

  test("is verified once and remembered until it expires", async () => {
    const token = await issuer.sign();
    const verify = vi.spyOn(crypto.subtle, "verify");
    for (let at = 0; at < 3; at++) expect((await ask(token)).status).toBe(200);
    expect(verify).toHaveBeenCalledTimes(1);
    expect(issuer.asked).toHaveLength(2);
    const after = Date.now() + 601_000;
    vi.spyOn(Date, "now").mockReturnValue(after);
    expect((await ask(token)).status).toBe(401);
  });

  test("of another audience beside ours, with scp for scope", async () => {
    const token = await issuer.sign({ aud: ["other", "shop-api"], scope: undefined, scp: ["orders:read"] });
    expect((await ask(token)).status).toBe(200);
  });

  test("of a key that was published after the set was fetched", async () => {
    expect((await ask(await issuer.sign())).status).toBe(200);
    await issuer.rotate("key-2");
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + limits.identity.jwksQuietMs);
    expect((await ask(await issuer.sign())).status).toBe(200);
    expect(issuer.asked).toHaveLength(4);
  });

  test("is still checked while the issuer is away", async () => {
    expect((await ask(await issuer.sign())).status).toBe(200);
    issuerIsUp = false;
    const later = Date.now() + limits.identity.jwksFreshMs + 1;
    vi.spyOn(Date, "now").mockReturnValue(later);
    const exp = Math.floor(later / 1000) + 60;
    expect((await ask(await issuer.sign({ exp }))).status).toBe(200);
    expect((await ask(await issuer.sign({ exp, sub: "bob" }))).status).toBe(200);
  });
});

test("a token that is remembered past the end of its issuer's keys is one refusal, and no failure that nobody awaits", async () => {
  const later = Date.now() + limits.identity.jwksStaleMs + 60_000;
  const token = await issuer.sign({ exp: Math.floor(later / 1000) + 600 });
  expect((await ask(token)).status).toBe(200);
  issuerIsUp = false;
  vi.spyOn(Date, "now").mockReturnValue(later);
  const asked = vi.mocked(fetch).mock.calls.length;
  expect((await ask(token)).status).toBe(503);
  expect(vi.mocked(fetch).mock.calls.length - asked).toBe(1);
});

describe("refusals", () => {
  test("no token: 401 without an error code", async () => {
    const response = await ask();
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example"');
    expect(await response.json()).toMatchObject({ code: "credentials_missing" });
  });

  test("another scheme: 401", async () => {
    const response = await gateway.fetch("/orders/1", { headers: { authorization: "Basic YTpi" } });
    expect(response.status).toBe(401);
  });

  test("a scope is missing: 403 that names it", async () => {
    const response = await ask(await issuer.sign({ scope: "orders:write" }));
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer realm="api.shop.example", error="insufficient_scope", scope="orders:read"',
    );
    expect(await response.json()).toMatchObject({ code: "scope_missing" });
    expect(gateway.logs.at(-1)).toMatchObject({ sub: "alice", error: "scope_missing" });
  });

  test("alg none", async () => {
    await expectRefused(`${encode({ alg: "none" })}.${encode(claims())}.`);
    await expectRefused(`${encode({ alg: "none" })}.${encode(claims())}.AAAA`);
  });

  test("HS256 with the public key as the secret", async () => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    const texts = [JSON.stringify(issuer.publicJwk), await exportSPKI(pair.publicKey), issuer.publicJwk.x as string];
    for (const text of texts) {
      const token = new SignJWT({ ...claims() }).setProtectedHeader({ alg: "HS256", kid: "key-1" });
      await expectRefused(await token.sign(new TextEncoder().encode(text)));
    }
  });

  test("a key that the token brings along", async () => {
    await askWithKeysAtHand();
    const pair = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    for (const kid of ["key-1", "mine", undefined]) {
      const header = { alg: "ES256", jwk, jku: "https://evil.example/keys", ...(kid !== undefined && { kid }) };
      await expectRefused(await new SignJWT({ ...claims() }).setProtectedHeader(header).sign(pair.privateKey));
    }
    expect(issuer.asked.every((url) => url.startsWith(ISSUER))).toBe(true);
  });

  test.each([
    ["another issuer", { iss: "https://evil.example/" }],
    ["the issuer without its slash", { iss: ISSUER.slice(0, -1) }],
    ["no issuer", { iss: undefined }],
    ["another audience", { aud: "other" }],
    ["no audience", { aud: undefined }],
    ["an expiry in the past", { exp: Math.floor(Date.now() / 1000) - 1 }],
    ["no expiry", { exp: undefined }],
    ["an expiry that is no number", { exp: "tomorrow" as unknown as number }],
    ["a beginning in the future", { nbf: Math.floor(Date.now() / 1000) + 60 }],
    ["no subject", { sub: undefined }],
  ])("%s", async (_, more) => {
    await expectRefused(await issuer.sign(more as JWTPayload));
  });

  test.each([
    ["crit", { crit: ["exp"], exp: 1 }],
    ["b64", { crit: ["b64"], b64: true }],
    ["the type of another kind of token", { typ: "txntoken+jwt" }],
  ])("%s in the header", async (_, header) => {
    await expectRefused(await issuer.sign({}, header));
  });

  test("a changed payload, header or signature", async () => {
    const [header = "", payload = "", signature = ""] = (await issuer.sign()).split(".");
    await expectRefused(`${header}.${encode(claims({ sub: "mallory" }))}.${signature}`);
    await expectRefused(`${encode({ alg: "ES256", kid: "key-1", x: 1 })}.${payload}.${signature}`);
    const flipped = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
    await expectRefused(`${header}.${payload}.${flipped}`);
    await expectRefused(`${header}.${payload}.${signature.slice(0, 43)}`);
  });

  test("other spellings of a good token", async () => {
    const token = await issuer.sign();
    expect((await ask(token)).status).toBe(200);
    gateway.sent.length = 0;
    const [header = "", payload = "", signature = ""] = token.split(".");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet[alphabet.indexOf(signature.slice(-1)) + 1] as string;
    for (const other of [
      `${token}=`,
      `${token}==`,
      `${header}.${payload}.${signature.slice(0, -1)}${last}`,
      `${header}. ${payload}.${signature}`,
      `${header}.${payload.slice(0, 8)}\t${payload.slice(8)}.${signature}`,
      `${token}.`,
      `${token}, ${token}`,
    ])
      await expectRefused(other);
  });

  test("segments that are no JSON", async () => {
    await expectRefused("AAAA.AAAA.AAAA");
    await expectRefused(`${encode([])}.${encode(1)}.AAAA`);
    await expectRefused(`${encode({ alg: "ES256", kid: "key-1" })}.${encode("text")}.AAAA`);
  });

  test("a token of 20 KiB", async () => {
    await expectRefused(await issuer.sign({ pad: "x".repeat(20 * 1024) }));
  });

  test("unknown kids ask the issuer once in the time of cooling down", async () => {
    await askWithKeysAtHand();
    const { privateKey } = await generateKeyPair("ES256");
    for (let at = 0; at < 5; at++) {
      const header = { alg: "ES256", kid: `unknown-${at}` };
      await expectRefused(await new SignJWT({ ...claims() }).setProtectedHeader(header).sign(privateKey));
    }
    expect(issuer.asked).toHaveLength(4);
  });
});

describe("an issuer that cannot be believed", () => {
  const withDiscovery = async (answer: (url: string) => Response | undefined): Promise<Response> => {
    gateway = await startGateway(plan(routes), ({ url }) =>
      url.startsWith(ISSUER) ? answer(url) : Response.json({ ok: true }),
    );
    return ask(await issuer.sign());
  };
  const discovery = `${ISSUER}.well-known/openid-configuration`;

  test.each([
    ["is not there", () => undefined],
    ["answers with an error", () => new Response("no", { status: 500 })],
    ["redirects", () => Response.redirect("https://evil.example/", 302)],
    ["names another issuer", () => Response.json({ issuer: "https://evil.example/", jwks_uri: `${ISSUER}keys` })],
    ["has no keys", () => Response.json({ issuer: ISSUER })],
    ["has keys without TLS", () => Response.json({ issuer: ISSUER, jwks_uri: "http://login.shop.example/keys" })],
    ["sends no JSON", () => new Response("<html>")],
    ["sends too much", () => new Response(`{"issuer":"${"x".repeat(limits.identity.jwksBytesMax)}"}`)],
  ])("one that %s: 503, and nothing told", async (_, answer) => {
    const response = await withDiscovery((url) => (url === discovery ? answer() : issuer.answer(url)));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "issuer_unavailable" });
    expect(gateway.sent).toEqual([]);
  });

  test("keys are asked for again after a failure, not at each request", async () => {
    let asked = 0;
    const response = await withDiscovery(() => {
      asked++;
      return undefined;
    });
    expect(response.status).toBe(503);
    for (let at = 0; at < 5; at++) expect((await ask(await issuer.sign())).status).toBe(503);
    expect(asked).toBe(1);
    const later = Date.now() + limits.identity.jwksRetryMs;
    vi.spyOn(Date, "now").mockReturnValue(later);
    await ask(await issuer.sign());
    expect(asked).toBe(2);
  });
});

test("a public route needs no token and reads none", async () => {
  expect((await ask("garbage", "/public/1")).status).toBe(200);
  expect(gateway.logs.at(-1)).toMatchObject({ sub: "anonymous" });
});
