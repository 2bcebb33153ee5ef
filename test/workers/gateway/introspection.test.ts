/** Opaque tokens: whom the issuer is asked about, how, and what is made of its answers. */
import { base64url } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { IntrospectionProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";
import { createIssuer } from "./support/issuer.ts";
import {
  at,
  begin,
  CLIENT_SECRET,
  good,
  INTROSPECT,
  OPAQUE_ISSUER,
  OPAQUE_KEYS,
  OpaqueIssuer,
  opaquePlan,
  opaqueProvider,
} from "./support/opaque-issuer.ts";
import { plan, route } from "./support/plans.ts";

const exp = Math.floor(begin / 1000) + 600;
let issuer: OpaqueIssuer;

beforeEach(() => {
  issuer = new OpaqueIssuer();
});
afterEach(() => vi.restoreAllMocks());

describe("a question", () => {
  test("is the standard's, and what it says is an identity", async () => {
    await issuer.start({ claims: { plan: "tier" }, audiences: ["api"] });
    issuer.answers.set("good", () => ({ ...good, aud: ["x", "api"], exp, tier: "gold", groups: ["a"] }));
    expect(await issuer.status("good")).toBe(200);
    expect(Object.fromEntries(issuer.asked[0]?.form ?? [])).toEqual({ token: "good", token_type_hint: "access_token" });
    expect(issuer.asked[0]?.accept).toBe("application/json");
    // A redirect must not lead the token and our secret elsewhere.
    expect(issuer.gateway.sent[0]?.redirect).toBe("manual");
    expect(issuer.gateway.logs.at(-1)).toMatchObject({ sub: "alice" });
    expect(issuer.gateway.sent.at(-1)?.headers.has("authorization")).toBe(false);
  });

  test.each<[string, IntrospectionProvider["client"], string | null, Record<string, string>]>([
    [
      "Basic, form-encoded before base64",
      { method: "client_secret_basic", id: "gate way", secret: "CLIENT" },
      `Basic ${btoa("gate+way:a+b%3Ac%25d%2B%C3%A9")}`,
      {},
    ],
    [
      "the form",
      { method: "client_secret_post", id: "gate way", secret: "CLIENT" },
      null,
      { client_id: "gate way", client_secret: CLIENT_SECRET },
    ],
    ["a bearer token", { method: "bearer", secret: "BEARER" }, "Bearer gateway-token", {}],
  ])("shows who asks by %s", async (_, client, authorization, form) => {
    await issuer.start({ client });
    expect(await issuer.status("good")).toBe(200);
    expect(issuer.asked[0]?.authorization).toBe(authorization);
    expect(Object.fromEntries(issuer.asked[0]?.form ?? [])).toMatchObject(form);
  });

  test("is not put without the secret: 500, and the name of it in the log alone", async () => {
    await issuer.start({ client: { method: "bearer", secret: "NONE" } });
    const response = await issuer.get("good");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("NONE");
    expect(issuer.lastReason).toContain("NONE");
    expect(issuer.asked).toEqual([]);
  });

  test("goes where discovery says, which is asked once", async () => {
    const { url: _, ...discovered } = opaqueProvider();
    await issuer.start({}, { identity: { p: discovered } });
    const all = vi.mocked(fetch).mock.calls;
    expect([await issuer.status("good"), await issuer.status("other")]).toEqual([200, 401]);
    expect(all.filter(([url]) => String(url).includes(".well-known"))).toHaveLength(1);
    expect(issuer.asked).toHaveLength(2);
  });

  test.each<[string, object]>([
    ["another issuer", { issuer: "https://evil.example/", introspection_endpoint: INTROSPECT }],
    ["no endpoint", { issuer: OPAQUE_ISSUER, jwks_uri: OPAQUE_KEYS }],
    [
      "no TLS",
      { issuer: OPAQUE_ISSUER, jwks_uri: OPAQUE_KEYS, introspection_endpoint: "http://opaque.example/introspect" },
    ],
    ["no URL", { issuer: OPAQUE_ISSUER, jwks_uri: OPAQUE_KEYS, introspection_endpoint: ["x"] }],
  ])("is not put where discovery names %s: 503", async (_, document) => {
    const { url: __, ...discovered } = opaqueProvider();
    await issuer.startWith(opaquePlan({}, { identity: { p: discovered } }), async (request) =>
      request.url.includes(".well-known") ? Response.json(document) : issuer.outside(request),
    );
    expect(await issuer.status("good")).toBe(503);
    expect(issuer.asked).toEqual([]);
  });
});

const segment = (value: unknown): string => base64url.encode(JSON.stringify(value));
const jwtOf = (claims: object): string => `${segment({ alg: "ES256" })}.${segment(claims)}.c2ln`;

describe("a token that the issuer is not asked about", () => {
  test.each([
    ["empty", ""],
    ["two words", "a b"],
    ["unicode", "caf\u00e9"],
    ["a quote", 'a"b'],
    ["padding inside", "a=b"],
    ["padding alone", "="],
    ["a line's end, encoded", "a%0a"],
    ["a form's member", "a&token=good"],
    ["too long", "a".repeat(limits.identity.tokenBytesMax + 1)],
    ["a JWT of another issuer", jwtOf({ iss: "https://other.example/", sub: "x" })],
  ])("%s: 401", async (_, token) => {
    await issuer.start();
    expect(await issuer.status(token)).toBe(401);
    expect(issuer.asked).toEqual([]);
  });

  test("one without its prefix, and a JWT where those are not wanted", async () => {
    await issuer.start({ prefix: "shop_", jwts: false });
    issuer.answers.set("shop_a", () => good);
    expect([
      await issuer.status("good"),
      await issuer.status("shop_a"),
      await issuer.status(jwtOf({ sub: "x" })),
    ]).toEqual([401, 200, 401]);
    await issuer.start({ jwts: false });
    expect(await issuer.status(jwtOf({ iss: OPAQUE_ISSUER }))).toBe(401);
    expect(issuer.asked).toHaveLength(1);
  });

  test("a JWT of the issuer is asked about otherwise, and three words that are none", async () => {
    await issuer.start();
    expect([await issuer.status(jwtOf({ iss: OPAQUE_ISSUER })), await issuer.status("a.b.c")]).toEqual([401, 401]);
    expect(issuer.asked).toHaveLength(2);
  });

  test("one that another provider of the route has accepted; who refuses it leaves it to the next", async () => {
    const login = await createIssuer();
    const { identity } = plan([]);
    await issuer.startWith(
      plan([route("orders", "/orders/*", { auth: { any: ["login", "p"], scopes: [] } })], {
        identity: { ...identity, p: opaqueProvider({ jwts: false }) },
      }),
      async (request) => login.answer(request.url) ?? issuer.outside(request),
    );
    expect(await issuer.status(await login.sign())).toBe(200);
    expect(await issuer.status(await login.sign({ aud: "other" }))).toBe(401);
    expect(issuer.asked).toEqual([]);
    expect(await issuer.status("good")).toBe(200);
  });
});

describe("an answer", () => {
  const now = Math.floor(begin / 1000);
  test.each<[string, object]>([
    ["not active", { active: false }],
    ["not active, whatever else it says", { ...good, active: false }],
    ["of another issuer", { ...good, iss: "https://other.example/" }],
    ["with an iss that is no text", { ...good, iss: [OPAQUE_ISSUER] }],
    ["for others", { ...good, aud: "other" }],
    ["for nobody", { ...good, aud: undefined }],
    ["for a number", { ...good, aud: [1] }],
    ["that has ended", { ...good, exp: now - 1 }],
    ["whose exp is a text", { ...good, exp: String(exp) }],
    ["whose exp is null", { ...good, exp: null }],
    ["not valid yet", { ...good, nbf: now + 60 }],
    ["issued tomorrow", { ...good, iat: now + 86_400 }],
    ["without a subject", { ...good, sub: undefined }],
    ["whose subject is empty", { ...good, sub: "" }],
    ["whose subject is a list", { ...good, sub: ["alice"] }],
    ["whose subject is too long", { ...good, sub: "a".repeat(257) }],
    ["about a refresh token", { ...good, token_type: "refresh_token" }],
    ["about a refresh token, said otherwise", { ...good, token_use: "refresh_token" }],
    ["about an ID token", { ...good, typ: "ID" }],
    ["about a DPoP token", { ...good, token_type: "DPoP" }],
    ["whose token_type is no text", { ...good, token_type: 1 }],
  ])("%s: 401, remembered", async (_, answer) => {
    await issuer.start({ audiences: ["api"] });
    issuer.answers.set("t", () => ({ aud: "api", ...answer }));
    const response = await issuer.get("t");
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example", error="invalid_token"');
    expect(await issuer.status("t")).toBe(401);
    expect(issuer.asked).toHaveLength(1);
    issuer.answers.set("t", () => ({ ...good, aud: "api" }));
    at(Date.now() - begin + limits.introspection.refusedMs);
    expect(await issuer.status("t")).toBe(200);
  });

  const json = { "content-type": "application/json" };
  const text =
    (body: BodyInit, init: ResponseInit = { headers: json }) =>
    () =>
      new Response(body, init);
  test.each<[string, () => Response]>([
    ["nothing", text("")],
    ["no JSON", text("active")],
    ["cut off", text('{"active":true,"sub":"alice"')],
    ["a list", text('[{"active":true,"sub":"alice"}]')],
    ["null", text("null")],
    ["active twice", text('{"active":false,"active":true,"sub":"alice","scope":"orders:read"}')],
    ["active as text", text('{"active":"true","sub":"alice","scope":"orders:read"}')],
    ["active as number", text('{"active":1,"sub":"alice","scope":"orders:read"}')],
    ["active missing", text('{"sub":"alice","scope":"orders:read"}')],
    ["nested without end", text(`{"active":true,"sub":"alice","x":${"[".repeat(99)}${"]".repeat(99)}}`)],
    ["too long", text(JSON.stringify({ ...good, x: "x".repeat(limits.introspection.answerBytesMax) }))],
    ["not UTF-8", text(new Uint8Array([...new TextEncoder().encode('{"active":true,"sub":"'), 0xff, 0x22, 0x7d]))],
    ["HTML", text(JSON.stringify(good), { headers: { "content-type": "text/html" } })],
    ["a signed answer", text("e30.e30.e30", { headers: { "content-type": "application/token-introspection+jwt" } })],
    ["another status", text(JSON.stringify(good), { status: 201, headers: json })],
    ["a redirect", text("", { status: 302, headers: { location: "https://evil.example/" } })],
    ["that we are unknown", text('{"error":"invalid_client"}', { status: 401, headers: json })],
    ["that it is out of order", text("", { status: 500 })],
  ])("that is none, %s: 503, and nobody is let in", async (_, reply) => {
    await issuer.start();
    issuer.answers.set("t", reply);
    const response = await issuer.get("t");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "issuer_unavailable" });
    expect(issuer.asked).toHaveLength(1);
  });

  test("without scopes that the route asks for: 403", async () => {
    await issuer.start();
    issuer.answers.set("t", () => ({ ...good, scope: "other" }));
    expect(await issuer.status("t")).toBe(403);
  });

  test("names the subject by the first claim that is there, where the document says so", async () => {
    await issuer.start({ subject: ["sub", "client_id"] });
    issuer.answers.set("client", () => ({ ...good, sub: undefined, client_id: "robot" }));
    issuer.answers.set("both", () => ({ ...good, client_id: "robot" }));
    issuer.answers.set("wrong", () => ({ ...good, sub: 1, client_id: "robot" }));
    expect([await issuer.status("client"), await issuer.status("both"), await issuer.status("wrong")]).toEqual([
      200, 200, 401,
    ]);
    expect(issuer.gateway.logs.filter(({ sub }) => sub !== undefined).map(({ sub }) => sub)).toEqual([
      "robot",
      "alice",
    ]);
  });
});
