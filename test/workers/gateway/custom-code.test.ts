import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { planOf } from "./support/reshaped.ts";

let issuer: Issuer;
let answer: (request: Request) => Response | Promise<Response>;
beforeEach(async () => {
  issuer = await createIssuer();
  answer = () => Response.json({ ok: true });
});
afterEach(() => vi.restoreAllMocks());

const start = (routes: string, more?: string): Promise<Gateway> =>
  startGateway(planOf(routes, more), (request) => issuer.answer(request.url) ?? answer(request));
const lastSent = (gateway: Gateway): Request => gateway.sent.at(-1) as Request;
const failure = (gateway: Gateway) => gateway.logs.findLast(({ kind }) => kind === "access");

describe("policies", () => {
  const route = `
    - name: orders
      match: { path: "/orders/*" }
      auth: login
      policies:
        - { use: policies/add-tenant.ts, with: { suffix: " of \${secret:UPSTREAM}" } }
        - { use: policies/add-tenant.ts, with: { header: x-second } }
      to: https://orders.example
  `;
  const ask = async (gateway: Gateway, path: string) =>
    gateway.fetch(path, { headers: { authorization: `Bearer ${await issuer.sign({})}`, "x-gone": "1" } });

  test("change the request that goes on and the answer that comes back, each by its own settings", async () => {
    const gateway = await start(route);
    const response = await ask(gateway, "/orders/1?a=b");
    expect(response.status).toBe(200);
    const { headers, url } = lastSent(gateway);
    expect(url).toBe("https://orders.example/orders/1?a=b");
    expect(headers.get("x-tenant")).toBe("alice of s3cret");
    expect(headers.get("x-second")).toBe("alice");
    expect(headers.get("x-gone")).toBeNull();
    expect(response.headers.get("x-answered")).toBe("200 with x-tenant");
    expect(await response.json()).toEqual({ ok: true });
    const lines = gateway.logs.filter(({ kind }) => kind === "code");
    expect(lines.map(({ message, route, code }) => [message, route, code])).toEqual([
      ["tenant", "orders", "policies/add-tenant.ts"],
      ["tenant", "orders", "policies/add-tenant.ts"],
      ["answered", "orders", "policies/add-tenant.ts"],
      ["answered", "orders", "policies/add-tenant.ts"],
    ]);
    expect(lines[0]?.traceId).toBe(failure(gateway)?.traceId);
  });

  test("answer themselves, and nothing goes on", async () => {
    const gateway = await start(route);
    const response = await ask(gateway, "/orders/1?tenant=none");
    expect(response.status).toBe(422);
    expect(await response.json()).toEqual({ error: "no tenant" });
    expect(gateway.sent).toHaveLength(0);
  });

  test("are not asked where the credentials are wrong", async () => {
    const gateway = await start(route);
    expect((await gateway.fetch("/orders/1?tenant=none")).status).toBe(401);
  });

  const body = `
    - name: upper
      match: { path: "/upper" }
      policies: [{ use: policies/upper.ts }]
      to: https://orders.example
  `;
  test("read content, and send the same on or other", async () => {
    answer = async (request) =>
      new Response(await request.text(), { headers: { "content-length": "5", etag: '"1"', "x-inner": "1" } });
    const gateway = await start(body);
    const post = (path: string) =>
      gateway.fetch(path, { method: "POST", body: '{"text":"abc"}', headers: { "content-type": "application/json" } });
    const changed = await post("/upper?query");
    expect(changed.status).toBe(201);
    expect(await changed.text()).toBe("<ABC>");
    expect([
      changed.headers.get("etag"),
      changed.headers.get("content-length"),
      changed.headers.get("x-inner"),
    ]).toEqual([null, null, "1"]);
    expect(lastSent(gateway).headers.get("content-type")).toBe("text/plain");
    expect(lastSent(gateway).url).toBe("https://orders.example/upper?a=1+2");
    expect(await (await post("/upper?keep")).text()).toBe('<{"text":"abc"}>');
    const wrong = await gateway.fetch("/upper", { method: "POST", body: "no" });
    expect([wrong.status, failure(gateway)?.error]).toEqual([500, "code_failed"]);
  });

  test("leave what they do not read to stream on", async () => {
    answer = async (request) => new Response(await request.text());
    const gateway = await start(`
      - name: orders
        match: { path: "/orders/*" }
        policies: [{ use: policies/add-tenant.ts }]
        to: https://orders.example
    `);
    const response = await gateway.fetch("/orders/1", { method: "POST", body: "abc" });
    expect(await response.text()).toBe("abc");
  });

  test("are any middleware of Hono", async () => {
    const gateway = await start(`
      - name: tagged
        match: { path: "/tagged" }
        policies: [{ use: policies/etag.ts }]
        to: https://orders.example
    `);
    const first = await gateway.fetch("/tagged");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"/);
    expect(await first.json()).toEqual({ ok: true });
    const second = await gateway.fetch("/tagged", { headers: { "if-none-match": etag } });
    expect(second.status).toBe(304);
  });

  test("stand around what the gateway answers itself", async () => {
    const gateway = await start(`
      - name: own
        match: { path: "/own" }
        policies: [{ use: policies/add-tenant.ts }]
        respond: { status: 203, body: text }
    `);
    const response = await gateway.fetch("/own");
    expect([response.status, response.headers.get("x-answered")]).toEqual([203, "203 with x-tenant"]);
  });

  test("tell kept answers apart by what they tell the upstream", async () => {
    const gateway = await start(
      `
      - name: kept
        match: { path: "/kept" }
        auth: { any: [login], optional: true }
        cache: { ttl: 1m, shared: true, override: true }
        policies: [{ use: policies/add-tenant.ts, with: { header: x-tenant } }]
        to: https://orders.example
    `,
    );
    answer = (request) =>
      Response.json(
        { tenant: request.headers.get("x-tenant") },
        { headers: { "cache-control": "public, max-age=60" } },
      );
    const as = async (sub: string) => {
      const token = await issuer.sign({ sub });
      const response = await gateway.fetch("/kept", { headers: { authorization: `Bearer ${token}` } });
      return ((await response.json()) as { tenant: string }).tenant;
    };
    expect([await as("alice"), await as("bob"), await as("alice"), await as("bob")]).toEqual([
      "alice",
      "bob",
      "alice",
      "bob",
    ]);
  });
});

test("policies stand before WebSockets, and change nothing of one that was agreed on", async () => {
  answer = () => {
    const [near, far] = Object.values(new WebSocketPair());
    far?.accept();
    far?.addEventListener("message", ({ data }) => far.send(`echo ${data}`));
    return new Response(null, { status: 101, webSocket: near ?? null });
  };
  const gateway = await start(`
    - name: chat
      match: { path: /chat }
      upgrades: [websocket]
      policies: [{ use: policies/add-tenant.ts }]
      to: https://chat.example
  `);
  const headers = {
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
  };
  expect((await gateway.fetch("/chat?tenant=none", { headers })).status).toBe(422);
  const { status, webSocket } = await gateway.fetch("/chat", { headers });
  expect(status).toBe(101);
  expect(lastSent(gateway).headers.get("x-tenant")).toBe("anonymous");
  const said = new Promise((done) => webSocket?.addEventListener("message", ({ data }) => done(data)));
  webSocket?.accept();
  webSocket?.send("hello");
  expect(await said).toBe("echo hello");
});

test("of requests with the same idempotency key code runs once", async () => {
  const gateway = await start(`
    - name: once
      match: { path: /once, methods: [POST] }
      auth: login
      idempotency: { ttl: 1m }
      policies: [{ use: policies/add-tenant.ts }]
      handler: policies/own.ts
  `);
  const authorization = `Bearer ${await issuer.sign({})}`;
  const post = () => gateway.fetch("/once", { method: "POST", headers: { authorization, "idempotency-key": '"one"' } });
  const [first, second] = [await post(), await post()];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(await second.text()).toBe(await first.text());
  expect(gateway.logs.filter(({ kind, message }) => kind === "code" && message === "tenant")).toHaveLength(1);
});

describe("handlers", () => {
  const routes = `
    - name: quote
      match: { path: "/quotes/{id}" }
      auth: login
      policies: [{ use: policies/add-tenant.ts }]
      handler: { use: policies/quote.ts, with: { currency: "\${secret:UPSTREAM}" } }
      calls: { orders: https://orders.example, rates: rates }
    - { name: own, match: { path: "/own/*" }, handler: policies/own.ts }
    - { name: echo, match: { path: /echo }, maxBody: 10B, handler: policies/echo.ts }
    - { name: self, match: { path: "/self/*" }, handler: policies/through.ts, calls: { self: "http://api.shop.example" } }
  `;
  const upstreams = "upstreams: { rates: { targets: [{ url: https://rates.example }] } }";

  test("answer by calls with the route's time and identity, and none of the client's own word to the outside", async () => {
    answer = ({ url }) =>
      url.startsWith("https://orders.example") ? Response.json({ price: 10 }) : Response.json({ rate: 2 });
    const gateway = await start(routes, upstreams);
    const token = await issuer.sign({});
    const response = await gateway.fetch("/quotes/7", {
      headers: { authorization: `Bearer ${token}`, cookie: "a=b", "x-client": "1", "accept-language": "de" },
    });
    expect(await response.json()).toEqual({ price: 20, tenant: "tenant of alice", for: "alice" });
    expect(response.headers.get("x-own")).toBe("yes");
    expect(response.headers.get("selvage-load")).toBeNull();
    const [orders, rates] = gateway.sent as [Request, Request];
    expect(orders.url).toBe("https://orders.example/orders/7");
    expect(rates.url).toBe("https://rates.example/rates?to=EUR");
    expect(rates.method).toBe("POST");
    expect(await rates.json()).toEqual({ currency: "s3cret" });
    expect(rates.headers.get("x-api-key")).toBe("s3cret");
    for (const { headers } of [orders, rates]) {
      expect(headers.get("traceparent")).toContain(String(failure(gateway)?.traceId));
      expect(headers.get("accept-language")).toBe("de");
      for (const name of ["authorization", "cookie", "x-client", "x-tenant"]) expect(headers.get(name)).toBeNull();
    }
  });

  test.each([
    ["a service that does not answer", () => undefined as unknown as Response, 502, "upstream_unreachable"],
    ["a status that is no success", () => new Response("no", { status: 404 }), 502, "upstream_invalid"],
    ["content that is no JSON", () => new Response("no"), 502, "upstream_invalid"],
    [
      "content that is too long",
      () => new Response(" ".repeat(limits.gateway.partBodyBytesMax + 1)),
      502,
      "upstream_invalid",
    ],
  ])("%s is the upstream's fault, where code does not see to it", async (_, given, status, error) => {
    answer = given;
    const gateway = await start(routes, upstreams);
    const response = await gateway.fetch("/quotes/7", {
      headers: { authorization: `Bearer ${await issuer.sign({})}` },
    });
    expect([response.status, failure(gateway)?.error]).toEqual([status, error]);
  });

  test("that wait for a call until the route's time is over are the upstream's fault, too", async () => {
    answer = () => new Promise<Response>(() => undefined);
    const gateway = await start(`
      - { name: slow, match: { path: /slow }, timeout: 100ms, handler: policies/through.ts, calls: { self: https://a.example } }
    `);
    expect((await gateway.fetch("/slow")).status).toBe(504);
    // The second where nothing was left of the time when the call began: modules are loaded by the first request.
    expect(["upstream_timeout", "deadline_exceeded"]).toContain(failure(gateway)?.error);
  });

  test("say nothing in the gateway's fields, and see none of its bindings", async () => {
    const gateway = await start(routes, upstreams);
    const response = await gateway.fetch("/own/a%20b?x=1");
    expect(await response.text()).toBe("GET http://api.shop.example/own/a%20b?x=1 0");
    for (const name of ["connection", "x-gone", "selvage-error"]) expect(response.headers.get(name)).toBeNull();
    expect(response.headers.get("set-cookie")).toBe("a=1");
    const head = await gateway.fetch("/own/1", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const nothing = await gateway.fetch("/own/1?do=nothing");
    expect([nothing.status, failure(gateway)?.error]).toEqual([500, "code_failed"]);
    expect(String(failure(gateway)?.reason)).toContain("no Response");
  });

  test("read bodies within the route's bound", async () => {
    const gateway = await start(routes, upstreams);
    const post = (body: string) =>
      gateway.fetch("/echo", { method: "POST", body, headers: { "content-type": "text/x" } });
    expect(await (await post("0123456789")).text()).toBe("text/x 0123456789");
    const stream = new Blob(["0123456789a"]).stream();
    const response = await gateway.fetch("/echo", {
      method: "POST",
      body: stream,
      headers: { "content-type": "text/x" },
    });
    expect([response.status, failure(gateway)?.error]).toEqual([413, "body_too_large"]);
  });

  test("that call their own gateway end where every loop does", async () => {
    const gateway = await start(routes, upstreams);
    let depth = 0;
    answer = (request) => {
      depth++;
      const { pathname } = new URL(request.url);
      return gateway.fetch(pathname, { headers: request.headers, whole: false });
    };
    const response = await gateway.fetch("/self/1", { whole: false });
    expect(response.status).toBe(508);
    expect(depth).toBe(limits.reshape.viaHopsMax);
  });
});

describe("code that does what it may not", () => {
  const routes = `
    - name: hostile
      match: { path: "/hostile" }
      timeout: 300ms
      auth: { any: [login], optional: true }
      identityHeaders: { x-user: "{identity.sub}" }
      policies: [{ use: policies/hostile.ts }]
      to: https://orders.example
      calls: { orders: https://orders.example, rates: https://rates.example }
  `;
  type Case = [what: string, status: number, error: string | undefined, reason: string | undefined];
  test.each<Case>([
    ["throw", 500, "code_failed", "secret reason"],
    ["throw-text", 500, "code_failed", "it threw a text"],
    ["refuse", 418, undefined, undefined],
    ["hang", 504, "code_timeout", "in time"],
    ["nothing", 500, "code_failed", "has not waited for `next()`"],
    ["text", 500, "code_failed", "no Response"],
    ["identity", 500, "code_failed", "selvage-identity belongs to the gateway"],
    ["underscore", 500, "code_failed", "belongs to the gateway"],
    ["token", 500, "code_failed", "txn-token belongs to the gateway"],
    ["forwarded", 500, "code_failed", "x-forwarded-for belongs to the gateway"],
    ["user", 500, "code_failed", "x-user belongs to the gateway"],
    ["user-away", 500, "code_failed", "x-user belongs to the gateway"],
    ["host", 500, "code_failed", "host belongs to the gateway"],
    ["crlf", 500, "code_failed", "one line of visible ASCII"],
    ["name", 500, "code_failed", "no field name"],
    ["query", 500, "code_failed", "without #"],
    ["twice", 500, "code_failed", "Body has already been used"],
    ["stranger", 500, "code_failed", 'may not call "inventory": `calls` names orders, rates'],
    ["path", 500, "code_failed", "is no path"],
    ...["up", "up-encoded", "backslash"].map((what): Case => [what, 500, "code_failed", "leads elsewhere"]),
    ["dots", 200, undefined, undefined],
    ["call-field", 500, "code_failed", "selvage-priority belongs to the gateway"],
    ["too-many", 500, "code_failed", "at most 100 calls"],
    ["bad-status", 500, "code_failed", "status 101"],
    ["error-response", 500, "code_failed", "status 0"],
    ["next-twice", 500, "code_failed", "multiple times"],
    ["not-awaited", 500, "code_failed", "has not waited for `next()`"],
    ["read-answer", 500, "code_failed", "nothing was put in its place"],
    ["late", 500, "code_failed", "gone on already"],
    ["well", 200, undefined, undefined],
  ])("%s: %i", async (what, status, error, reason) => {
    const gateway = await start(routes);
    const response = await gateway.fetch(`/hostile?do=${what}`, {
      method: "POST",
      body: "abc",
      headers: { "x-user": "admin" },
    });
    expect(response.status).toBe(status);
    const line = failure(gateway);
    expect(line?.error).toBe(error);
    const text = await response.text();
    if (error === undefined) return;
    expect(String(line?.reason)).toContain(reason);
    expect(text).not.toContain("secret reason");
    expect(JSON.parse(text).code).toBe(error);
    const reached = gateway.sent.filter(({ url }) => url.startsWith("https://orders.example"));
    for (const { headers } of reached) expect(headers.get("x-user")).toBeNull();
  });

  test.each([
    ["handler: policies/not-there.ts", 503, "route_quarantined", "deployed without the code policies/not-there.ts"],
    ["handler: policies/broken.ts", 500, "code_failed", "it cannot be loaded"],
    ["handler: policies/no-function.ts", 500, "code_failed", "no function"],
    ["handler: policies/upper.ts", 500, "code_failed", "it is a policy, and the route names it as its handler"],
    ["handler: { use: policies/quote.ts, with: { currency: 1 } }", 500, "code_failed", "settings: currency:"],
    ['handler: { use: policies/own.ts, with: { a: ["${secret:NOT_SET}"] } }', 500, "secret_missing", "NOT_SET"],
  ])("%s: %i %s", async (target, status, error, reason) => {
    const gateway = await start(`
      - name: other
        match: { path: "/other" }
        handler: policies/own.ts
      - name: wrong
        match: { path: "/wrong" }
        ${target}
    `);
    const response = await gateway.fetch("/wrong");
    expect([response.status, failure(gateway)?.error]).toEqual([status, error]);
    expect(String(failure(gateway)?.reason)).toContain(reason);
    expect((await gateway.fetch("/other")).status).toBe(200);
  });
});
