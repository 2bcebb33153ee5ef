import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { TxnTokenMinter } from "../../../workers/gateway/authority/txn-token-minter.ts";
import { traceContextCases, wrongContext } from "../../support/trace-context-cases.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, ISSUER, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const none = { remove: [], set: {}, add: {} };
const toOrigin = { kind: "forward", to: { origin: "http://origin.example:8080" } } as const;
const routes = [
  route("mesh", "/mesh/*"),
  route("mine", "/mine/*", { auth: { any: ["login"], scopes: [] } }),
  route("origin", "/origin/*", { target: toOrigin }),
  route("rewritten", "/v2/items/{id}/*", { target: { ...toOrigin, rewrite: "/items/{id}/*" } }),
  route("small", "/small", { bodyBytesMax: 10, target: toOrigin }),
  route("quick", "/quick", { timeoutMs: 50 }),
  route("read", "/read", { match: { ...route("", "/read").match, methods: ["GET"] } }),
  route("edited", "/edited", {
    transform: {
      request: { remove: ["x-gone"], set: { "x-key": "Bearer ${secret:UPSTREAM}" }, add: { "x-source": "external" } },
      response: { remove: ["server"], set: { "x-frame-options": "DENY" }, add: {} },
    },
  }),
  route("secretless", "/secretless", {
    transform: { request: { ...none, set: { "x-key": "${secret:ABSENT}" } }, response: none },
  }),
];

let gateway: Gateway;
let issuer: Issuer;
let answer: (request: Request) => Response | undefined | Promise<Response | undefined>;

beforeEach(async () => {
  issuer = await createIssuer();
  answer = () => Response.json({ ok: true });
  gateway = await startGateway(plan(routes), (request) => issuer.answer(request.url) ?? answer(request));
});
afterEach(() => vi.restoreAllMocks());

const lastSent = (): Request => gateway.sent.at(-1) as Request;
const problemOf = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem.status).toBe(response.status);
  expect(problem.traceId).toMatch(/^[0-9a-f]{32}$/);
  return problem;
};

describe("to the mesh", () => {
  test("goes to the ingress agent with service, deadline, plan, trace and a token", async () => {
    expect((await gateway.fetch("/mesh/a%20b/c?x=1&x=%2F")).status).toBe(200);
    const { url, headers } = lastSent();
    expect(url).toBe("http://127.0.0.1:8790/mesh/a%20b/c?x=1&x=%2F");
    expect(headers.get("selvage-service")).toBe("orders");
    expect(headers.get("selvage-plan")).toBe("1");
    expect(Number(headers.get("selvage-deadline-ms"))).toBeGreaterThan(4000);
    expect(headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/);
    const token = headers.get("txn-token") as string;
    expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "txntoken+jwt", kid: "txn-1" });
    const { d: _, ...publicJwk } = gateway.control.signingKey as Record<string, unknown>;
    const { payload } = await jwtVerify(token, await importJWK(publicJwk, "ES256"), { audience: "shop.internal" });
    expect(payload).toMatchObject({
      sub: "anonymous",
      scope: "",
      req_wl: "spiffe://shop.internal/service/gateway",
      tctx: { route: "mesh" },
    });
  });

  test("one token for one identity and route, a new one when its life runs out", async () => {
    const authorization = `Bearer ${await issuer.sign()}`;
    const tokenOf = async (path: string): Promise<string> => {
      await gateway.fetch(path, { headers: { authorization } });
      return lastSent().headers.get("txn-token") as string;
    };
    const first = await tokenOf("/mine/1");
    expect(decodeJwt(first)).toMatchObject({
      sub: "alice",
      scope: "orders:read",
      rctx: { issuer: ISSUER, method: "jwt" },
    });
    expect(await tokenOf("/mine/2")).toBe(first);
    expect(await tokenOf("/mesh/2")).not.toBe(first);
    const later = Date.now() + limits.txnToken.lifetimeMs - limits.txnToken.reuseFloorMs + 1000;
    vi.spyOn(Date, "now").mockReturnValue(later);
    const second = await tokenOf("/mine/3");
    expect(second).not.toBe(first);
    expect((decodeJwt(second).exp as number) * 1000).toBeGreaterThan(later + limits.txnToken.reuseFloorMs);
  });

  test("without a signing key nothing goes to the mesh, but plain origins are served", async () => {
    gateway.control.signingKey = undefined;
    gateway.restart();
    expect(await problemOf(await gateway.fetch("/mesh/1"))).toMatchObject({ status: 503, code: "plan_missing" });
    expect((await gateway.fetch("/origin/1")).status).toBe(200);
  });
});

describe("fields of the request", () => {
  test("what a client forges is gone, the rest arrives", async () => {
    await gateway.fetch("/mesh/1", {
      headers: {
        "txn-token": "forged",
        "selvage-service": "users",
        "selvage-deadline-ms": "999999999",
        "selvage-attempt": "1",
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-proto": "https",
        "x-real-ip": "10.0.0.1",
        forwarded: "for=10.0.0.1",
        via: "1.1 evil",
        "cf-connecting-ip": "192.0.2.7",
        connection: "x-hop, keep-alive",
        "x-hop": "1",
        te: "trailers",
        "proxy-authorization": "Basic x",
        "x-mine": "yes",
        cookie: "a=1",
        authorization: "Basic kept",
      },
    });
    const { headers } = lastSent();
    for (const name of ["x-hop", "te", "proxy-authorization", "selvage-attempt", "x-real-ip"])
      expect(headers.get(name), name).toBeNull();
    expect(headers.get("selvage-service")).toBe("orders");
    expect(Number(headers.get("selvage-deadline-ms"))).toBeLessThanOrEqual(5000);
    expect(headers.get("x-forwarded-for")).toBe("192.0.2.7");
    expect(headers.get("x-forwarded-proto")).toBe("http");
    expect(headers.get("x-forwarded-host")).toBe("api.shop.example");
    expect(headers.get("forwarded")).toBe('for=192.0.2.7;host="api.shop.example";proto=http');
    expect(headers.get("via")).toBe("1.1 selvage");
    expect(headers.get("x-mine")).toBe("yes");
    expect(headers.get("cookie")).toBe("a=1");
    expect(headers.get("authorization")).toBe("Basic kept");
  });

  test("a plain origin hears nothing of the mesh", async () => {
    await gateway.fetch("/origin/1", { headers: { "txn-token": "forged" } });
    expect(lastSent().url).toBe("http://origin.example:8080/origin/1");
    const names = [...lastSent().headers.keys()];
    expect(names.filter((name) => name.startsWith("selvage-") || name === "txn-token")).toEqual([]);
  });

  test("a rewrite replaces the path and keeps the query", async () => {
    await gateway.fetch("/v2/items/a%20b/c/d?e=f");
    expect(lastSent().url).toBe("http://origin.example:8080/items/a%20b/c/d?e=f");
  });

  test("edits of the document, with secrets", async () => {
    answer = () => new Response("x", { headers: { server: "secret/1.0" } });
    const response = await gateway.fetch("/edited", { headers: { "x-gone": "1", "x-key": "client's" } });
    expect(lastSent().headers.get("x-gone")).toBeNull();
    expect(lastSent().headers.get("x-key")).toBe("Bearer s3cret");
    expect(lastSent().headers.get("x-source")).toBe("external");
    expect(response.headers.get("server")).toBeNull();
    expect(response.headers.get("x-frame-options")).toBe("DENY");
  });

  test("a secret that is not there: 500, its name in the log alone", async () => {
    const response = await gateway.fetch("/secretless");
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 500, code: "secret_missing" });
    expect(JSON.stringify(problem)).not.toContain("ABSENT");
    expect(gateway.logs.at(-1)).toMatchObject({ reason: "secret ABSENT is not set" });
    expect(gateway.sent).toEqual([]);
  });
});

describe("trace", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";

  test("is continued with a span of our own", async () => {
    await gateway.fetch("/mesh/1", {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-00`, tracestate: "a=b" },
    });
    const sent = lastSent().headers.get("traceparent") as string;
    expect(sent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(sent).not.toContain("b7ad6b7169203331");
    expect(lastSent().headers.get("tracestate")).toBe("a=b");
    expect(gateway.logs.at(-1)).toMatchObject({ traceId, spanId: sent.slice(36, 52) });
  });

  test.each(traceContextCases)("$name", async (one) => {
    const headers = new Headers();
    for (const value of one.traceparent) headers.append("traceparent", value);
    for (const value of one.tracestate ?? []) headers.append("tracestate", value);
    expect((await gateway.fetch("/mesh/1", { headers })).status).toBe(200);
    const of = (name: string): string | undefined => lastSent().headers.get(name) ?? undefined;
    expect(wrongContext(one, { traceparent: of("traceparent"), tracestate: of("tracestate") })).toBeUndefined();
  });

  test.each([
    ["garbage"],
    [`00-${traceId.toUpperCase()}-b7ad6b7169203331-01`],
    [`00-${"0".repeat(32)}-b7ad6b7169203331-01`],
    [`00-${traceId}-${"0".repeat(16)}-01`],
    [`ff-${traceId}-b7ad6b7169203331-01`],
    [`00-${traceId}-b7ad6b7169203331-01-extra`],
    [`00-${traceId}-b7ad6b7169203331-01, 00-${traceId}-b7ad6b7169203331-01`],
    ["x".repeat(5000)],
  ])("%s starts a new one, without its state", async (traceparent) => {
    expect((await gateway.fetch("/mesh/1", { headers: { traceparent, tracestate: "a=b" } })).status).toBe(200);
    expect(lastSent().headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-03$/);
    expect(lastSent().headers.get("traceparent")).not.toContain(traceId);
    expect(lastSent().headers.get("tracestate")).toBeNull();
  });
});

describe("the answer", () => {
  test("passes with status, fields and body; what is between us and them does not", async () => {
    answer = () => {
      const headers = new Headers({
        connection: "x-hop",
        "x-hop": "1",
        "keep-alive": "timeout=5",
        "selvage-sent": "none",
      });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      headers.set("x-kept", "yes");
      return new Response("made", { status: 201, headers });
    };
    const response = await gateway.fetch("/mesh/1", { method: "POST", body: "x" });
    expect(response.status).toBe(201);
    expect(await response.text()).toBe("made");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("x-kept")).toBe("yes");
    for (const name of ["connection", "x-hop", "keep-alive", "selvage-sent"])
      expect(response.headers.get(name), name).toBeNull();
  });

  test("a redirect is the client's to follow", async () => {
    answer = () => new Response(null, { status: 302, headers: { location: "/elsewhere" } });
    const response = await gateway.fetch("/origin/1");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("/elsewhere");
    expect(gateway.sent).toHaveLength(1);
  });

  test("an error of the application is its own", async () => {
    answer = () => new Response("mine", { status: 500 });
    const response = await gateway.fetch("/mesh/1");
    expect(response.status).toBe(500);
    expect(await response.text()).toBe("mine");
  });

  test.each([
    ["access_denied", 403, 403, "access_denied"],
    ["no_healthy_endpoint", 503, 503, "no_healthy_endpoint"],
    ["breaker_open", 503, 503, "breaker_open"],
    ["upstream_timeout", 504, 504, "upstream_timeout"],
    ["app_reset", 502, 502, "app_reset"],
    ["txn_token_invalid", 401, 500, "internal"],
    ["txn_token_missing", 401, 500, "internal"],
    ["credentials_invalid", 401, 500, "internal"],
    ["peer_not_trusted", 403, 502, "upstream_unreachable"],
    ["unknown_service", 404, 502, "upstream_unreachable"],
    ["constructor", 503, 502, "upstream_invalid"],
    ["<script>", 503, 502, "upstream_invalid"],
  ])("an agent's %s (%i) becomes %i %s", async (code, from, status, told) => {
    answer = () =>
      Response.json(
        { code, detail: "10.0.0.7 refused" },
        { status: from, headers: { "selvage-error": code, "selvage-sent": "none" } },
      );
    const response = await gateway.fetch("/mesh/1");
    expect(response.headers.get("selvage-error")).toBeNull();
    expect(response.headers.get("www-authenticate")).toBeNull();
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status, code: told });
    expect(JSON.stringify(problem)).not.toContain("10.0.0.7");
    expect(gateway.logs.at(-1)).toMatchObject({ error: told });
  });

  test("nobody there: 502 that tells nothing", async () => {
    answer = () => undefined;
    const problem = await problemOf(await gateway.fetch("/mesh/1"));
    expect(problem).toMatchObject({ status: 502, code: "upstream_unreachable" });
    expect(JSON.stringify(problem)).not.toContain("127.0.0.1");
  });

  test("no answer in time: 504", async () => {
    answer = () => new Promise(() => undefined);
    expect(await problemOf(await gateway.fetch("/quick"))).toMatchObject({ status: 504, code: "upstream_timeout" });
  });
});

describe("bodies", () => {
  const stream = (chunks: readonly string[]): ReadableStream =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    });

  test("pass in both directions", async () => {
    answer = async (request) => new Response((await request.text()).toUpperCase());
    expect(await (await gateway.fetch("/origin/1", { method: "PUT", body: "text" })).text()).toBe("TEXT");
    expect(await (await gateway.fetch("/origin/1", { method: "PUT", body: stream(["a", "b"]) })).text()).toBe("AB");
  });

  test("a stated length over the bound: 413 before anything is sent", async () => {
    const headers = { "content-length": "11" };
    const response = await gateway.fetch("/small", { method: "POST", body: "x".repeat(11), headers });
    expect(await problemOf(response)).toMatchObject({ status: 413, code: "body_too_large" });
    expect(gateway.sent).toEqual([]);
  });

  test("a streamed body over the bound: 413 and a broken call", async () => {
    answer = async (request) => new Response(await request.text());
    const response = await gateway.fetch("/small", { method: "POST", body: stream(["12345", "67890", "1"]) });
    expect(await problemOf(response)).toMatchObject({ status: 413, code: "body_too_large" });
    const exact = await gateway.fetch("/small", { method: "POST", body: stream(["12345", "67890"]) });
    expect(await exact.text()).toBe("1234567890");
  });

  test("an answer that came before the body was too long is taken back whole", async () => {
    answer = async (request) => {
      await request.text().catch(() => undefined);
      return new Response("early", { headers: { "content-length": "5", "x-early": "1" } });
    };
    const response = await gateway.fetch("/small", { method: "POST", body: stream(["x".repeat(20)]) });
    expect(response.headers.get("x-early")).toBeNull();
    expect(response.headers.get("content-length")).not.toBe("5");
    expect(await problemOf(response)).toMatchObject({ status: 413 });
  });
});

describe("requests that are refused before anything is decided", () => {
  test.each([
    ["an encoded slash", "/mesh/a%2fb", 400, "ambiguous_path"],
    ["an empty segment", "/mesh//a", 400, "ambiguous_path"],
    ["no route", "/nothing", 404, "no_route"],
    ["a target that is too long", `/mesh/${"a".repeat(limits.http.targetBytesMax)}`, 414, "uri_too_long"],
  ])("%s", async (_, path, status, code) => {
    expect(await problemOf(await gateway.fetch(path))).toMatchObject({ status, code });
    expect(gateway.sent).toEqual([]);
    expect(gateway.logs.at(-1)).toMatchObject({ kind: "access", status, error: code });
  });

  test("TRACE, which would mirror what was added for the inside: 501", async () => {
    expect(await problemOf(await gateway.fetch("/mesh/1", { method: "TRACE" }))).toMatchObject({
      status: 501,
      code: "not_implemented",
    });
    expect(gateway.sent).toEqual([]);
  });

  test("another host: 421", async () => {
    expect(await problemOf(await gateway.fetch("/mesh/1", { host: "other.example" }))).toMatchObject({
      status: 421,
      code: "unknown_host",
    });
  });

  test("a port of the host does not matter", async () => {
    expect((await gateway.fetch("/mesh/1", { host: "API.shop.example:8787" })).status).toBe(200);
  });

  test("another method: 405 with those allowed", async () => {
    const response = await gateway.fetch("/read", { method: "POST", body: "x" });
    expect(response.headers.get("allow")).toBe("GET");
    expect(await problemOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
  });

  test("a head that is too large: 431", async () => {
    const response = await gateway.fetch("/mesh/1", { headers: { "x-big": "a".repeat(limits.http.headBytesMax) } });
    expect(await problemOf(response)).toMatchObject({ status: 431, code: "header_too_large" });
  });
});

describe("log", () => {
  test("one line a request, without query, body or credentials", async () => {
    const token = await issuer.sign();
    await gateway.fetch("/mine/1?secret=hush", { headers: { authorization: `Bearer ${token}`, cookie: "c=hush" } });
    const lines = gateway.logs.filter(({ kind }) => kind === "access");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ hop: "gateway", service: "gateway", method: "GET", path: "/mine/1", plan: 1 });
    expect(JSON.stringify(lines)).not.toMatch(/hush|eyJ/);
  });

  test("a crash is a problem for the client and a reason for the operator", async () => {
    vi.spyOn(TxnTokenMinter.prototype, "mint").mockImplementation(() => {
      throw new TypeError("broken inside");
    });
    const response = await gateway.fetch("/mesh/1");
    expect(gateway.logs.at(-1)).toMatchObject({ error: "internal", reason: expect.stringContaining("broken inside") });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 500, code: "internal" });
    expect(JSON.stringify(problem)).not.toContain("broken inside");
  });
});
