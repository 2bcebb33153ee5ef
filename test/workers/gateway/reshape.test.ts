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
const lastSent = (gateway: Gateway): Request => gateway.sent.at(-1) as Request;

describe("request headers", () => {
  test("are removed, renamed, set, added and appended, with templates and expressions", async () => {
    const gateway = await start(`
      - name: orders
        match: { path: "/orders/{id}/*" }
        auth: login
        transform:
          request:
            headers:
              remove: [x-gone]
              rename: { X-Old: X-New }
              set:
                x-order: "order {path.id} of {identity.sub}"
                x-plan: "{identity.plan}"
                x-q: "{query.q}"
                x-agent: "{header.user-agent}"
                x-ip: "{client.ip}"
                x-trace: "{trace.id}-{request.id}"
                x-target: "{request.method} {request.path}{request.query}"
                x-key: "Bearer \${secret:UPSTREAM}"
                x-cel: { cel: "identity.sub == 'alice' ? 'it is ' + request.method : 'no'" }
                x-json: '{"a":{"b":1}}'
              add: { x-tag: "{path.id}" }
              append: { x-list: "{path.id}", x-fresh: one }
        to: https://orders.example
    `);
    const token = await issuer.sign({ plan: "gold" });
    const response = await gateway.fetch("/orders/a%20b/c?q=x%20y", {
      headers: {
        authorization: `Bearer ${token}`,
        "x-gone": "1",
        "x-old": "2",
        "x-tag": "t",
        "x-list": "one, a%20b",
        "user-agent": "Mozilla/5.0 (X11; Linux), like",
        "cf-connecting-ip": "203.0.113.9",
      },
    });
    expect(response.status).toBe(200);
    const { headers } = lastSent(gateway);
    expect(headers.get("x-trace")).toMatch(/^[0-9a-f]{32}-[0-9a-f]{16}$/);
    expect(Object.fromEntries([...headers].filter(([name]) => /^x-(?!forwarded|trace)/.test(name)))).toEqual({
      "x-new": "2",
      "x-order": "order a%20b of alice",
      "x-plan": "gold",
      "x-q": "x%20y",
      "x-agent": "Mozilla/5.0 (X11; Linux), like",
      "x-ip": "203.0.113.9",
      "x-target": "GET /orders/a%2520b/c?q=x%2520y",
      "x-key": "Bearer s3cret",
      "x-cel": "it is GET",
      "x-json": '{"a":{"b":1}}',
      "x-tag": "t, a%20b",
      "x-list": "one, a%20b",
      "x-fresh": "one",
    });
  });

  test("what is set to a value that is not there is removed: a client's own word never stands for the gateway's", async () => {
    const gateway = await start(`
      - name: any
        match: { path: /any }
        auth: { any: [login], optional: true }
        transform:
          request:
            headers: { set: { x-user: "{identity.claims.email}", x-cel: { cel: "identity.claims.email" } }, add: { x-more: "{query.q}" } }
        to: https://orders.example
    `);
    await gateway.fetch("/any", { headers: { "x-user": "admin", "x-cel": "admin" } });
    const { headers } = lastSent(gateway);
    for (const name of ["x-user", "x-cel", "x-more"]) expect(headers.get(name)).toBeNull();
  });

  const hostile = [
    "a\r\nx-evil: 1",
    "a\nb",
    "a\u0000b",
    "é\u2028",
    "a, b",
    'a"; b=c',
    "\t x \t",
    "😀",
    "%0d%0a",
    "a\u007f",
  ];
  test.each(hostile)("a value of a client breaks no field: %j", async (value) => {
    const gateway = await start(`
      - name: any
        match: { path: "/any/{id}" }
        transform:
          request: { headers: { set: { x-q: "{query.q}", x-in: "for={query.q};by=us" }, append: { x-list: "{query.q}" } } }
          response: { headers: { set: { x-q: "{query.q}" }, add: { set-cookie: "q={query.q}" } } }
        to: https://orders.example
    `);
    const response = await gateway.fetch(`/any/1?q=${encodeURIComponent(value)}`);
    expect(response.status).toBe(200);
    const { headers } = lastSent(gateway);
    for (const sent of [headers.get("x-q"), headers.get("x-list"), response.headers.get("x-q")]) {
      expect(sent).toMatch(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]*$/);
      expect(decodeURIComponent(sent ?? "")).toBe(value);
    }
    expect(headers.get("x-in")).toBe(`for=${headers.get("x-q")};by=us`);
    expect(headers.get("x-evil")).toBeNull();
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("a value that is too long refuses the request", async () => {
    const gateway = await start(`
      - name: any
        match: { path: /any }
        transform: { request: { headers: { set: { x-q: "{query.q}" } } } }
        to: https://orders.example
    `);
    expect((await gateway.fetch(`/any?q=${"a".repeat(4096)}`)).status).toBe(200);
    expect((await gateway.fetch(`/any?q=${"a".repeat(4097)}`)).status).toBe(431);
    expect((await gateway.fetch("/any?q=%zz")).status).toBe(200);
    expect(lastSent(gateway).headers.get("x-q")).toBeNull();
  });
});

describe("response headers", () => {
  test("by status and by expression, with what the answer says", async () => {
    const gateway = await start(`
      - name: any
        match: { path: "/any/{id}" }
        transform:
          response:
            - { headers: { remove: [server], rename: { x-a: x-b }, append: { vary: accept-language } } }
            - { when: [404, 5xx], headers: { set: { x-failed: "{response.status} {path.id} {response.header.x-why}" } } }
            - { when: { cel: "response.status == 404 && request.method == 'GET'" }, headers: { set: { x-hint: { cel: "string(response.status) + '!'" } } } }
        to: https://orders.example
    `);
    answer = () =>
      new Response("no", { status: 404, headers: { server: "x", "x-a": "1", vary: "accept", "x-why": "not there" } });
    const missing = await gateway.fetch("/any/7");
    expect(Object.fromEntries([...missing.headers].filter(([name]) => /^(x-|vary|server)/.test(name)))).toEqual({
      "x-b": "1",
      "x-why": "not there",
      "x-failed": "404 7 not%20there",
      "x-hint": "404!",
      vary: "accept, accept-language",
    });
    answer = () => new Response("yes");
    const found = await gateway.fetch("/any/7");
    expect(found.headers.get("x-failed")).toBeNull();
    expect(found.headers.get("vary")).toBe("accept-language");
  });

  test("what was made for one caller is for no shared cache, and varies by the fields that it was made by", async () => {
    const gateway = await start(`
      - name: mine
        match: { path: /mine }
        auth: login
        transform: { response: { headers: { set: { x-user: "{identity.sub}", x-tenant: "{header.x-tenant}" } } } }
        to: https://orders.example
    `);
    const stated = { "cache-control": "public, max-age=60, s-maxage=90", "cdn-cache-control": "max-age=600" };
    answer = () => new Response("a", { headers: stated });
    const headers = { authorization: `Bearer ${await issuer.sign()}`, "x-tenant": "t" };
    const response = await gateway.fetch("/mine", { headers });
    expect(response.headers.get("x-user")).toBe("alice");
    expect(response.headers.get("cache-control")).toBe("max-age=60, private");
    expect(response.headers.get("cdn-cache-control")).toBeNull();
    expect(response.headers.get("vary")).toBe("x-tenant");
  });
});

describe("query and method", () => {
  const query = async (edits: string, sent: string): Promise<string> => {
    const gateway = await start(`
      - name: any
        match: { path: "/any/{id}" }
        transform: { request: { query: ${edits} } }
        to: https://orders.example
    `);
    expect((await gateway.fetch(`/any/a%26b=c${sent}`)).status).toBe(200);
    return new URL(lastSent(gateway).url).search;
  };

  test.each([
    ["{ set: { t: '{path.id}' } }", "?q=1&t=2&t=3&u=%41", "?q=1&t=a%26b%3Dc&u=%41"],
    ["{ set: { t: '{header.x-none}' } }", "?t=2&u=1", "?u=1"],
    ["{ add: { t: x y } }", "", "?t=x%20y"],
    ["{ remove: [admin] }", "?a=1&admin=1&adm%69n=2&+admin=3&%zz=1", "?a=1&+admin=3&%zz=1"],
    ["{ allow: [a, 'b c'] }", "?a=1&b+c=2&b%20c=3&d=4&%zz=1&a", "?a=1&b+c=2&b%20c=3&a"],
    ["{ rename: { a: 'b[]' } }", "?a=1&a&c=2", "?b%5B%5D=1&b%5B%5D&c=2"],
    ["{ remove: [a] }", "?a=1", ""],
    ["{ set: { __proto: x }, remove: [__proto__] }", "?__proto__=1&constructor=2", "?constructor=2&__proto=x"],
  ])("%s makes of %s %s", async (edits, sent, expected) => {
    expect(await query(edits, sent)).toBe(expected);
  });

  test("another method, without a body where it has none", async () => {
    const gateway = await start(`
      - { name: post, match: { path: /post, methods: [GET] }, transform: { request: { method: POST } }, to: "https://o.example" }
      - { name: get, match: { path: /get, methods: [POST] }, transform: { request: { method: GET } }, to: "https://o.example" }
    `);
    await gateway.fetch("/post");
    expect(lastSent(gateway).method).toBe("POST");
    const body = JSON.stringify({ a: 1 });
    expect(
      (await gateway.fetch("/get", { method: "POST", body, headers: { "content-type": "application/json" } })).status,
    ).toBe(200);
    expect(lastSent(gateway).method).toBe("GET");
    expect(lastSent(gateway).headers.get("content-type")).toBeNull();
  });
});

describe("statuses", () => {
  test("of the upstream stand for others; the gateway's own do not", async () => {
    const gateway = await start(`
      - name: any
        match: { path: /any }
        transform: { response: { statuses: { 404: 200, 5xx: 503, 410: 204 } } }
        to: https://orders.example
    `);
    for (const [status, expected] of [
      [404, 200],
      [500, 503],
      [502, 503],
      [410, 204],
      [403, 403],
    ] as const) {
      answer = () => new Response("body", { status });
      const response = await gateway.fetch("/any");
      expect(response.status).toBe(expected);
      expect(await response.text()).toBe(expected === 204 ? "" : "body");
    }
    answer = () => {
      throw new Error("gone");
    };
    const failed = await gateway.fetch("/any");
    expect(failed.status).toBe(502);
  });
});

describe("with a cache", () => {
  test("what edits tell the upstream belongs to the key, and edits of answers are made for each request", async () => {
    const gateway = await start(`
      - name: kept
        match: { path: "/kept/*" }
        cache: { ttl: 1m }
        transform:
          request: { headers: { set: { x-lang: "{header.x-lang}-{request.id}" } }, query: { set: { v: "2" } } }
          response: { headers: { set: { x-for: "{header.x-user} {request.id}" } } }
        to: https://orders.example
    `);
    answer = (request) => new Response(`for ${request.headers.get("x-lang")?.slice(0, 2)}`);
    const path = `/kept/${crypto.randomUUID()}`;
    const ask = async (lang: string, user: string) => {
      const response = await gateway.fetch(path, { headers: { "x-lang": lang, "x-user": user } });
      return {
        text: await response.text(),
        for: response.headers.get("x-for"),
        status: response.headers.get("cache-status"),
      };
    };
    const first = await ask("de", "ann");
    expect(first.text).toBe("for de");
    const other = await ask("en", "ann");
    expect(other.text).toBe("for en");
    expect(gateway.sent).toHaveLength(2);
    expect(new URL(lastSent(gateway).url).search).toBe("?v=2");
    const hit = await ask("de", "bob");
    expect(hit.status).toContain("hit");
    expect(gateway.sent).toHaveLength(2);
    expect(hit.text).toBe("for de");
    expect(hit.for).toMatch(/^bob [0-9a-f]{16}$/);
  });
});
