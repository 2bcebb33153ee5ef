import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { planOf } from "./support/reshaped.ts";

let issuer: Issuer;
let answer: (request: Request) => Response;
beforeEach(async () => {
  issuer = await createIssuer();
  answer = () => Response.json({ ok: true });
});
afterEach(() => vi.restoreAllMocks());

const start = (routes: string, more?: string): Promise<Gateway> =>
  startGateway(planOf(routes, more), (request) => issuer.answer(request.url) ?? answer(request));

test("what is made for one caller is for no shared cache", async () => {
  const gateway = await start(`
    - name: own
      match: { path: /own }
      respond: { headers: { cache-control: "public, max-age=60" }, body: "{client.ip} {header.x-a}" }
    - name: shown
      match: { path: /shown }
      errorPages: [{ on: [404], upstream: true, text: "{client.ip} {header.x-a}" }]
      to: https://orders.example
  `);
  const headers = { "cache-control": "public, max-age=60" };
  answer = () => new Response("none", { status: 404, headers });
  for (const path of ["/own", "/shown"]) {
    const response = await gateway.fetch(path, { headers: { accept: "text/plain" } });
    expect(response.headers.get("cache-control")).toBe("max-age=60, private");
    expect(response.headers.get("vary")).toMatch(/(^|, )x-a$/);
  }
});

describe("respond", () => {
  test("text and JSON with templates; values keep their type and stay data", async () => {
    const gateway = await start(`
      - name: text
        match: { path: "/hello/{who}" }
        respond: { status: 418, headers: { x-who: "{path.who}" }, body: "Hello {path.who}, {query.q}!" }
      - name: page
        match: { path: "/page/{who}" }
        respond: { headers: { content-type: text/html }, body: "<b>{path.who}</b>" }
      - name: json
        match: { path: "/json/{who}" }
        auth: login
        respond:
          json:
            who: "{path.who}"
            text: "is {path.who}"
            claims: "{identity.claims.org}"
            scopes: "{identity.scopes}"
            none: "{query.q}"
            long: { cel: "size(identity.sub)" }
            plain: [1, true, null, "{x}"]
    `);
    const text = await gateway.fetch("/hello/a%22b?q=%0d%0a");
    expect(text.status).toBe(418);
    expect(text.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(text.headers.get("x-who")).toBe("a%22b");
    expect(await text.text()).toBe('Hello a"b, \r\n!');
    const page = await gateway.fetch("/page/%3Cscript%3E");
    expect(await page.text()).toBe("<b>&lt;script&gt;</b>");
    const token = await issuer.sign({ org: { id: 7, names: ["a"] } });
    const json = await gateway.fetch("/json/%7Bidentity.sub%7D", { headers: { authorization: `Bearer ${token}` } });
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(json.headers.get("cache-control")).toBe("private");
    expect(await json.json()).toEqual({
      who: "{identity.sub}",
      text: "is {identity.sub}",
      claims: { id: 7, names: ["a"] },
      scopes: ["orders:read"],
      none: null,
      long: 5,
      plain: [1, true, null, "{x}"],
    });
    expect(gateway.sent).toHaveLength(0);
    const head = await gateway.fetch("/hello/a", { method: "HEAD" });
    expect([head.status, head.body]).toEqual([418, null]);
  });

  test("stands behind everything that refuses", async () => {
    const gateway = await start(`
      - { name: mine, match: { path: /mine }, auth: login, respond: { body: secret } }
    `);
    expect((await gateway.fetch("/mine")).status).toBe(401);
  });
});

describe("redirect", () => {
  test.each([
    ["{ scheme: https }", "/old/a?x=1", 302, "https://api.shop.example/old/a?x=1"],
    ["{ status: 301, host: www.example.org }", "/old/a", 301, "http://www.example.org/old/a"],
    ["{ status: 308, path: '/new/*' }", "/old/a/b%20c?x=1", 308, "http://api.shop.example/new/a/b%20c?x=1"],
    ["{ status: 307, path: '/*' }", "/old", 307, "http://api.shop.example/"],
    ["{ path: '/x', query: drop }", "/old/a?x=1", 302, "http://api.shop.example/x"],
    ["{ scheme: https, port: 8443 }", "/old", 302, "https://api.shop.example:8443/old"],
    ["{ scheme: https, port: 443 }", "/old", 302, "https://api.shop.example/old"],
    ["{ status: 303, port: 80, host: '[2001:db8::1]' }", "/old", 303, "http://[2001:db8::1]/old"],
  ])("%s", async (redirect, path, status, location) => {
    const gateway = await start(`- { name: old, match: { path: "/old/*" }, redirect: ${redirect} }`);
    const response = await gateway.fetch(path);
    expect([response.status, response.headers.get("location")]).toEqual([status, location]);
    expect(gateway.sent).toHaveLength(0);
  });

  test("the port of the request stays unless the scheme is another", async () => {
    const gateway = await start(`
      - { name: a, match: { path: /a }, redirect: { path: /b } }
      - { name: s, match: { path: /s }, redirect: { scheme: https } }
    `);
    const host = "api.shop.example:8080";
    expect((await gateway.fetch("/a", { host })).headers.get("location")).toBe("http://api.shop.example:8080/b");
    expect((await gateway.fetch("/s", { host })).headers.get("location")).toBe("https://api.shop.example/s");
  });

  test.each([
    "/old//evil.example",
    "/old/%2f/evil.example",
    "/old/..//evil.example",
    "/old/\\evil.example",
    "/old/%5cevil",
  ])("%s leads to no other host", async (path) => {
    const gateway = await start(`- { name: old, match: { path: "/old/*" }, redirect: { path: "/*" } }`);
    const response = await gateway.fetch(path);
    const location = response.headers.get("location");
    if (location === null) expect(response.status).toBe(400);
    else expect(new URL(location).host).toBe("api.shop.example");
  });
});

describe("rewrite by a regular expression", () => {
  const rewritten = async (regex: string, to: string, path: string): Promise<string | number> => {
    const gateway = await start(`
      - { name: any, match: { path: "/*" }, rewrite: { regex: '${regex}', to: '${to}' }, to: "https://o.example" }
    `);
    const { status } = await gateway.fetch(path);
    return status === 200 ? new URL((gateway.sent.at(-1) as Request).url).pathname : status;
  };
  test.each([
    ["^/v([0-9]+)/(.*)$", "/api/$2/$1", "/v2/orders/7", "/api/orders/7/2"],
    ["^/(?P<who>[^/]+)/", "/users/$<who>/", "/ann/orders", "/users/ann/orders"],
    ["^/none", "/x", "/orders", "/orders"],
    ["^/a", "", "/ab", 400],
    ["x", "..", "/x/y", 400],
    ["/a", "/", "/b/a/c", 400],
  ])("%s to %s makes of %s %s", async (regex, to, path, expected) => {
    expect(await rewritten(regex, to, path)).toBe(expected);
  });
});

describe("error pages", () => {
  const pages = `
    errorPages:
      - { on: [no_route], html: "<h1>{error.status} {error.title}</h1><p>{request.path}</p><i>{trace.id}</i>", text: "no {request.path}" }
      - { on: [404, 5xx], upstream: true, html: "<h1>{error.status}</h1>", json: { error: { status: "{error.status}", code: "{error.code}" } } }
  `;
  const routes = `
    - { name: any, match: { path: "/any/*" }, to: "https://o.example" }
    - { name: own, match: { path: /own }, auth: login, errorPages: [{ on: [401], text: "log in, please" }], to: "https://o.example" }
  `;
  const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  const ask = async (gateway: Gateway, path: string, accept?: string) => {
    const response = await gateway.fetch(path, { headers: accept === undefined ? {} : { accept } });
    const { headers } = response;
    return { status: response.status, type: headers.get("content-type"), headers, text: await response.text() };
  };

  test("by what the client would rather have; the problem document is the default", async () => {
    const gateway = await start(routes, pages);
    const page = await ask(gateway, "/%3Cx%3E", html);
    expect([page.status, page.type]).toEqual([404, "text/html; charset=utf-8"]);
    expect(page.text).toMatch(/^<h1>404 Not found<\/h1><p>\/%3Cx%3E<\/p><i>[0-9a-f]{32}<\/i>$/);
    expect(page.headers.get("vary")).toBe("accept");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect((await ask(gateway, "/x", "text/plain")).text).toBe("no /x");
    for (const accept of [
      undefined,
      "*/*",
      "application/json",
      "application/problem+json, text/html;q=0.5",
      "image/png",
      "",
    ])
      expect((await ask(gateway, "/x", accept)).type).toBe("application/problem+json");
    const own = await ask(gateway, "/own", "text/plain");
    expect([own.status, own.text]).toEqual([401, "log in, please"]);
    expect(own.headers.get("www-authenticate")).not.toBeNull();
  });

  test("do not stand for what the document says itself, but for refusals before it", async () => {
    const gateway = await start(
      `
      - { name: gone, match: { path: /gone }, respond: { status: 404, body: "moved out" } }
      - { name: closed, match: { path: /closed }, auth: login, respond: { status: 404, body: "moved out" } }
    `,
      `errorPages: [{ on: [4xx], upstream: true, text: "page {error.status}" }]`,
    );
    const text = async (path: string) => (await gateway.fetch(path, { headers: { accept: "text/plain" } })).text();
    expect([await text("/gone"), await text("/closed")]).toEqual(["moved out", "page 401"]);
  });

  test("of upstreams where the page says so, without a word of what was there", async () => {
    const gateway = await start(routes, pages);
    answer = () =>
      new Response("stack trace", {
        status: 500,
        headers: { etag: '"a"', "content-disposition": "attachment", "x-a": "1" },
      });
    const page = await ask(gateway, "/any/1", html);
    expect([page.status, page.text]).toEqual([500, "<h1>500</h1>"]);
    expect([page.headers.get("etag"), page.headers.get("content-disposition"), page.headers.get("x-a")]).toEqual([
      null,
      null,
      "1",
    ]);
    expect((await ask(gateway, "/any/1", "application/json")).text).toBe('{"error":{"status":500,"code":null}}');
    answer = () => new Response("teapot", { status: 418 });
    expect((await ask(gateway, "/any/1", html)).text).toBe("teapot");
    answer = () => {
      throw new Error("gone");
    };
    expect(JSON.parse((await ask(gateway, "/any/1", "application/json")).text)).toEqual({
      error: { status: 502, code: "upstream_unreachable" },
    });
  });

  test("callers by gRPC keep their form", async () => {
    const gateway = await start(routes, pages);
    const response = await gateway.fetch("/none", {
      method: "POST",
      headers: { "content-type": "application/grpc", accept: "text/html" },
      body: "a",
    });
    expect(response.headers.get("grpc-status")).toBe("12");
  });
});

describe("security headers and Via", () => {
  const routes = `
    - { name: any, match: { path: "/any" }, to: "https://o.example" }
    - { name: none, match: { path: "/none" }, securityHeaders: false, to: "https://o.example" }
  `;

  test("on every answer; an upstream's own word on its pages stays", async () => {
    const gateway = await start(routes, "securityHeaders: true\nvia: true");
    answer = () =>
      new Response("a", {
        headers: { server: "nginx/1", "x-powered-by": "PHP", "x-frame-options": "SAMEORIGIN", via: "1.1 origin" },
      });
    const { headers } = await gateway.fetch("/any");
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-frame-options": "SAMEORIGIN",
      "x-content-type-options": "nosniff",
      "referrer-policy": "strict-origin-when-cross-origin",
      via: "1.1 origin, 1.1 selvage",
    });
    for (const name of ["server", "x-powered-by", "strict-transport-security"]) expect(headers.get(name)).toBeNull();
    const refused = await gateway.fetch("/nowhere");
    expect([refused.status, refused.headers.get("x-frame-options")]).toEqual([404, "DENY"]);
    const none = await gateway.fetch("/none");
    expect([none.headers.get("server"), none.headers.get("x-content-type-options")]).toEqual(["nginx/1", null]);
  });

  test("HSTS for clients who come by https alone", async () => {
    const settings =
      "{ hsts: { maxAge: 1d, includeSubDomains: true, preload: true }, frame: false, contentSecurityPolicy: \"default-src 'self'\" }";
    const gateway = await start(routes, `securityHeaders: ${settings}`);
    const plain = await gateway.fetch("/any");
    expect(plain.headers.get("strict-transport-security")).toBeNull();
    expect(plain.headers.get("content-security-policy")).toBe("default-src 'self'");
    expect(plain.headers.get("x-frame-options")).toBeNull();
  });

  test("a request that comes back again and again is a loop", async () => {
    const gateway = await start(routes);
    let via = "";
    let status = 200;
    let passes = 0;
    for (; status === 200 && passes < 20; passes++) {
      ({ status } = await gateway.fetch("/any", { headers: via === "" ? {} : { via } }));
      via = (gateway.sent.at(-1) as Request).headers.get("via") ?? "";
    }
    expect([status, passes]).toEqual([508, 9]);
    const others = Array(20).fill("1.1 someone").join(", ");
    expect((await gateway.fetch("/any", { headers: { via: others } })).status).toBe(200);
    expect((gateway.sent.at(-1) as Request).headers.get("via")).toBe("1.1 selvage");
  });
});
