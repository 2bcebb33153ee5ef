/** Protected resource metadata (RFC 9728), the challenges that lead there, and what challenges do not tell (RFC 6750). */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { limits } from "../../../shared/limits.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, ISSUER, type Issuer, times } from "./support/issuer.ts";

const DOCUMENT = `selvage: 1
name: shop
gateway:
  hosts: [api.shop.example, other.example]
  cors: { origins: ["https://app.shop.example"] }
  identity:
    login: { jwt: { issuer: "${ISSUER}", audience: shop-api, clockSkew: 0s } }
    keys: { apiKey: { header: x-api-key, bearer: true } }
  resources:
    - { identifier: "https://api.shop.example", name: Shop }
    - { identifier: "https://api.shop.example/mcp" }
  routes:
    - { name: mcp, match: { path: /mcp/* }, auth: { any: [login], scopes: ["mcp:use"] }, to: "http://a.example" }
    - { name: orders, match: { path: /orders }, auth: { any: [login, keys], scopes: ["orders:read"] }, to: "http://a.example" }
    - { name: staff, match: { path: /staff }, auth: { any: [login], groups: [staff] }, to: "http://a.example" }
    - { name: keys, match: { path: /keys }, auth: keys, to: "http://a.example" }
    - { name: rest, match: { path: /* }, to: "http://a.example" }
`;
const WELL_KNOWN = "/.well-known/oauth-protected-resource";
const ROOT = "https://api.shop.example/.well-known/oauth-protected-resource";

let gateway: Gateway;
let issuer: Issuer;
let forwarded: string[];
beforeEach(async () => {
  issuer = await createIssuer();
  const { document, problems } = loadDocument(DOCUMENT, "f", () => undefined);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  forwarded = [];
  gateway = await startGateway(compile(document).gateway, ({ url }) => {
    if (url.startsWith("http://a.example/")) forwarded.push(url);
    return issuer.answer(url) ?? Response.json({});
  });
});
afterEach(() => vi.restoreAllMocks());

const get = (path: string, headers: Record<string, string> = {}, more: RequestInit & { host?: string } = {}) =>
  gateway.fetch(path, { headers, ...more });

describe("metadata", () => {
  test("stands where the identifier says, for everybody", async () => {
    const root = await get(WELL_KNOWN);
    expect([root.status, root.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await root.json()).toEqual({
      resource: "https://api.shop.example",
      resource_name: "Shop",
      authorization_servers: [ISSUER],
      scopes_supported: ["orders:read"],
      bearer_methods_supported: ["header"],
    });
    const mcp = await get(`${WELL_KNOWN}/mcp`);
    expect(await mcp.json()).toMatchObject({ resource: "https://api.shop.example/mcp", scopes_supported: ["mcp:use"] });
    expect(forwarded).toEqual([]);
  });

  test.each([`${WELL_KNOWN}/`, `${WELL_KNOWN}/mcp/`, `${WELL_KNOWN}/orders`, `${WELL_KNOWN}s`, "/.well-known/"])(
    "%s is for routes",
    async (path) => {
      await get(path);
      expect(forwarded).toHaveLength(1);
    },
  );

  test("other spellings of the same path are the same; another host has none", async () => {
    expect((await get("/.well-known/oauth%2Dprotected-resource")).status).toBe(200);
    expect(forwarded).toEqual([]);
    await get(WELL_KNOWN, {}, { host: "other.example" });
    expect(forwarded).toHaveLength(1);
  });

  test("can be kept and asked for again", async () => {
    const first = await get(WELL_KNOWN);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(first.headers.get("cache-control")).toBe(`max-age=${limits.resource.maxAgeMs / 1000}`);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await get(WELL_KNOWN, { "if-none-match": tag });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect((await get(WELL_KNOWN, { "if-none-match": '"other"' })).status).toBe(200);
  });

  test("may be read by scripts of every origin, with any header", async () => {
    const origin = "https://inspector.example";
    expect((await get(WELL_KNOWN, { origin })).headers.get("access-control-allow-origin")).toBe("*");
    const headers = {
      origin,
      "access-control-request-method": "GET",
      "access-control-request-headers": "mcp-protocol-version",
    };
    const preflight = await get(WELL_KNOWN, headers, { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toBe("mcp-protocol-version");
    expect((await get("/orders", { origin })).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("HEAD has no body, other methods are not allowed", async () => {
    const head = await get(WELL_KNOWN, {}, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const post = await get(WELL_KNOWN, {}, { method: "POST", body: "x" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });
});

describe("challenges", () => {
  const challenge = async (path: string, token?: string, host = "api.shop.example") => {
    const response = await get(path, token === undefined ? {} : { authorization: `Bearer ${token}` }, { host });
    return [response.status, response.headers.get("www-authenticate")];
  };
  const bearer = 'Bearer realm="api.shop.example"';

  test("lead to the metadata of the resource that was asked for, and say what it takes", async () => {
    expect(await challenge("/mcp/x")).toEqual([401, `${bearer}, scope="mcp:use", resource_metadata="${ROOT}/mcp"`]);
    expect(await challenge("/mcp/x", await issuer.sign())).toEqual([
      403,
      `${bearer}, error="insufficient_scope", scope="mcp:use", resource_metadata="${ROOT}/mcp"`,
    ]);
    expect(await challenge("/staff")).toEqual([401, `${bearer}, resource_metadata="${ROOT}"`]);
  });

  test("of other schemes stay as they are", async () => {
    expect(await challenge("/orders")).toEqual([
      401,
      `${bearer}, scope="orders:read", resource_metadata="${ROOT}", ` +
        'ApiKey realm="api.shop.example", in="header", name="x-api-key"',
    ]);
  });

  test("of a host without a resource tell neither", async () => {
    expect(await challenge("/mcp/x", undefined, "other.example")).toEqual([401, 'Bearer realm="other.example"']);
  });

  test("a refusal for another reason than a scope has none: a new token would not help", async () => {
    expect(await challenge("/staff", await issuer.sign())).toEqual([403, null]);
  });

  test("every bad token gets the same words", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const stranger = await generateKeyPair("ES256", { extractable: true });
    const good = await issuer.sign();
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: "shop-api", sub: "alice", ...times() };
    const forged = (header: object) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", ...header }).sign(privateKey);
    const bad = {
      expired: await issuer.sign({ exp: now - 10 }),
      "not valid yet": await issuer.sign({ nbf: now + 600 }),
      "of another issuer": await issuer.sign({ iss: "https://evil.example/" }),
      "for another audience": await issuer.sign({ aud: "other" }),
      "without a subject": await issuer.sign({ sub: "" }),
      "of another key": await forged({ kid: "key-1" }),
      "with its own key": await forged({ kid: "key-1", jwk: await exportJWK(stranger.publicKey) }),
      "of another type": await issuer.sign({}, { typ: "dpop+jwt" }),
      truncated: good.slice(0, -8),
      twice: `${good} ${good}`,
      "no token": "x",
      empty: "",
    };
    const answers = await Promise.all(
      Object.values(bad).map(async (token) => {
        const response = await get("/staff", { authorization: `Bearer ${token}` });
        const { traceId: _, ...problem } = (await response.json()) as Record<string, unknown>;
        return { challenge: response.headers.get("www-authenticate"), problem };
      }),
    );
    const expected = {
      challenge: `${bearer}, error="invalid_token", resource_metadata="${ROOT}"`,
      problem: {
        type: "about:blank",
        title: "Unauthorized",
        status: 401,
        detail: "The credentials are not valid.",
        code: "credentials_invalid",
      },
    };
    expect(Object.fromEntries(Object.keys(bad).map((name, at) => [name, answers[at]]))).toEqual(
      Object.fromEntries(Object.keys(bad).map((name) => [name, expected])),
    );
  });
});
