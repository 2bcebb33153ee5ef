import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
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
const { bodyBytesMax, depthMax } = limits.reshape;

describe("of requests", () => {
  const routes = `
    - name: any
      match: { path: "/any/{id}" }
      auth: { any: [login], optional: true }
      transform:
        request:
          json:
            remove: [/admin, "$..secret"]
            rename: { /old: new }
            set: { /tenant: "{identity.claims.tenant}", /id: "{path.id}", /meta/from: "{header.x-from}" }
      to: https://orders.example
    - name: strict
      match: { path: /strict }
      transform: { request: { json: { pick: [/a], others: refuse } } }
      to: https://orders.example
    - name: held
      match: { path: /held }
      transform: { request: { json: { set: { /all: "{body.a}" } } } }
      to: https://orders.example
  `;
  const send = (gateway: Gateway, path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    gateway.fetch(path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

  test("members are set, renamed and removed; ids of 64 bits survive", async () => {
    const gateway = await start(routes);
    const token = await issuer.sign({ tenant: { id: "t" } });
    const headers = { authorization: `Bearer ${token}`, "x-from": "test", "content-digest": "sha-256=:a:", etag: "x" };
    const body = '{"old":12345678901234567890,"admin":true,"list":[{"secret":1,"a":1.10}]}';
    expect((await send(gateway, "/any/7", body, headers)).status).toBe(200);
    const sent = lastSent(gateway);
    expect(await sent.text()).toBe(
      '{"new":12345678901234567890,"list":[{"a":1.10}],"id":"7","meta":{"from":"test"},"tenant":{"id":"t"}}',
    );
    expect(sent.headers.get("content-digest")).toBeNull();
    expect(sent.headers.get("content-type")).toBe("application/json");
  });

  test("what is no JSON passes, or is refused where the document says so", async () => {
    const gateway = await start(routes);
    expect(
      (await send(gateway, "/any/7", "admin=1", { "content-type": "application/x-www-form-urlencoded" })).status,
    ).toBe(200);
    expect(await lastSent(gateway).text()).toBe("admin=1");
    for (const type of ["text/plain", "application/json; charset=utf-16", ""])
      expect((await send(gateway, "/strict", '{"a":1,"b":2}', { "content-type": type })).status).toBe(415);
    for (const type of ["application/problem+json", 'application/json; charset="UTF-8"', "APPLICATION/JSON"]) {
      expect((await send(gateway, "/strict", '{"a":1,"b":2}', { "content-type": type })).status).toBe(200);
      expect(await lastSent(gateway).text()).toBe('{"a":1}');
    }
  });

  test("encoded content is decoded, within the bound", async () => {
    const gateway = await start(routes);
    const gzip = async (text: string): Promise<ArrayBuffer> => {
      const encoded = new Response(text).body?.pipeThrough(new CompressionStream("gzip"));
      return new Response(encoded).arrayBuffer();
    };
    const headers = { "content-encoding": "gzip" };
    expect((await send(gateway, "/strict", await gzip('{"a":1,"b":2}'), headers)).status).toBe(200);
    expect(await lastSent(gateway).text()).toBe('{"a":1}');
    expect(lastSent(gateway).headers.get("content-encoding")).toBeNull();
    const bomb = await gzip(`"${"a".repeat(bodyBytesMax)}"`);
    expect(bomb.byteLength).toBeLessThan(10_000);
    expect((await send(gateway, "/held", bomb, headers)).status).toBe(413);
    expect((await send(gateway, "/strict", "{}", headers)).status).toBe(400);
    expect((await send(gateway, "/strict", "{}", { "content-encoding": "br" })).status).toBe(415);
  });

  test.each<[name: string, body: BodyInit, status: number]>([
    ["nothing of a kind", "{a:1}", 400],
    ["two values", "{} {}", 400],
    ["a name twice", '{"a":1,"a":2}', 400],
    ["bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), 400],
    ["too deep", "[".repeat(depthMax + 1) + "]".repeat(depthMax + 1), 413],
    ["a byte order mark", '\ufeff{"a":1}', 200],
    ["prototypes", '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}', 200],
    ["a lone surrogate", '{"a":"\\ud800"}', 200],
    ["a scalar", "1", 200],
  ])("hostile: %s", async (_, body, status) => {
    const gateway = await start(routes);
    expect((await send(gateway, "/strict", body)).status).toBe(status);
    expect((await send(gateway, "/any/1", body)).status).toBe(status);
    expect((await send(gateway, "/held", body)).status).toBe(status);
  });

  test.each<[name: string, body: BodyInit]>([
    ["a bomb of brackets", "[".repeat(900_000)],
    ["too many values", `[${"0,".repeat(limits.reshape.nodesMax)}0]`],
    ["too many bytes", `"${"a".repeat(bodyBytesMax)}"`],
  ])("too large to be held: %s", async (_, body) => {
    const gateway = await start(routes);
    expect((await send(gateway, "/held", body)).status).toBe(413);
  });

  test("without content nothing is edited", async () => {
    const gateway = await start(routes);
    for (const path of ["/any/7", "/strict"]) {
      expect((await send(gateway, path, "")).status).toBe(200);
      expect(await lastSent(gateway).text()).toBe("");
    }
  });

  test("a line of JSON after another", async () => {
    const gateway = await start(routes);
    const type = { "content-type": "application/x-ndjson" };
    expect((await send(gateway, "/strict", '{"a":1,"b":2}\n\n{"a":2}\n', type)).status).toBe(200);
    expect(await lastSent(gateway).text()).toBe('{"a":1}\n\n{"a":2}\n');
    expect((await send(gateway, "/strict", '{"a":1}\n{"a"', type)).status).toBe(400);
  });
});

describe("of answers", () => {
  const routes = `
    - name: picked
      match: { path: "/picked/*" }
      transform:
        response:
          - { when: [2xx], json: { pick: ["$.items[*].id"], set: { /for: "{path.none}", /status: "{response.status}" } } }
      to: https://orders.example
    - name: strict
      match: { path: /strict }
      transform: { response: { json: { remove: [/secret], others: refuse } } }
      to: https://orders.example
    - name: held
      match: { path: /held }
      transform: { response: { json: { template: { all: "{body.a}" }, others: refuse } } }
      to: https://orders.example
    - name: wrapped
      match: { path: /wrapped }
      transform: { response: { json: { wrap: data } } }
      to: https://orders.example
    - name: kept
      match: { path: "/kept/*" }
      cache: { ttl: 1m }
      transform: { response: { json: { set: { /request: "{request.id}" } } } }
      to: https://orders.example
  `.replace('/for: "{path.none}", ', "");

  test("what is left of the content, its length, its tag and its digest", async () => {
    const gateway = await start(routes);
    const headers = {
      "content-type": "application/json",
      etag: '"v1"',
      "content-digest": "sha-256=:a:",
      "accept-ranges": "bytes",
    };
    answer = () => new Response('{"items":[{"id":12345678901234567890,"secret":1},{"x":1}],"b":1}', { headers });
    const response = await gateway.fetch("/picked/1", {
      headers: { range: "bytes=0-5", "if-range": '"v1"', "accept-encoding": "br" },
    });
    expect(await response.text()).toBe('{"items":[{"id":12345678901234567890}],"status":200}');
    expect(response.headers.get("etag")).toBe('W/"v1"');
    for (const name of ["content-digest", "accept-ranges", "content-encoding"])
      expect(response.headers.get(name)).toBeNull();
    const { headers: sent } = lastSent(gateway);
    expect([sent.get("range"), sent.get("if-range"), sent.get("accept-encoding")]).toEqual([null, null, "gzip"]);
  });

  test.each<[name: string, path: string, init: ResponseInit, body: BodyInit | null]>([
    ["nothing, 200", "/strict", { status: 200 }, ""],
    ["nothing, 200 of no stated length", "/strict", { status: 200 }, new Blob([]).stream()],
    ["nothing, and its length", "/strict", { headers: { "content-length": "0" } }, ""],
    ["nothing, 201", "/strict", { status: 201 }, null],
    ["nothing, 204", "/strict", { status: 204 }, null],
    ["nothing, 205", "/strict", { status: 205 }, null],
    ["nothing in an envelope", "/wrapped", { status: 200 }, ""],
    ["nothing in an envelope, of no stated length", "/wrapped", { status: 200 }, new Blob([]).stream()],
    ["no lines", "/strict", { headers: { "content-type": "application/x-ndjson" } }, ""],
  ])("%s passes unchanged", async (_, path, init, body) => {
    const gateway = await start(routes);
    answer = () => {
      const headers = { "content-type": "application/json", "x-a": "1", ...init.headers };
      return new Response(body, { ...init, headers });
    };
    const response = await gateway.fetch(path);
    expect([response.status, await response.text()]).toEqual([init.status ?? 200, ""]);
    expect(response.headers.get("x-a")).toBe("1");
  });

  test.each<[name: string, made: () => Response, status: number]>([
    ["a part of it", () => new Response('{"a"', { status: 206, headers: { "content-type": "application/json" } }), 502],
    ["no JSON", () => new Response("{", { headers: { "content-type": "application/json" } }), 502],
    ["a page", () => new Response("<p>", { headers: { "content-type": "text/html" } }), 502],
    [
      "another encoding",
      () => new Response("x", { headers: { "content-type": "application/json", "content-encoding": "zstd" } }),
      502,
    ],
    [
      "a name twice",
      () => new Response('{"secret":1,"secret":2}', { headers: { "content-type": "application/json" } }),
      502,
    ],
    ["nothing, 204", () => new Response(null, { status: 204 }), 204],
    ["nothing, 304", () => new Response(null, { status: 304, headers: { etag: '"a"' } }), 304],
    ["an error of its own", () => Response.json({ secret: 1, error: "x" }, { status: 500 }), 500],
  ])("%s", async (_, made, status) => {
    const gateway = await start(routes);
    answer = made;
    const response = await gateway.fetch("/strict");
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain("secret");
    if (status === 304) expect(response.headers.get("etag")).toBe('W/"a"');
  });

  test("too much to be held", async () => {
    const gateway = await start(routes);
    answer = () => Response.json("a".repeat(bodyBytesMax));
    expect((await gateway.fetch("/held")).status).toBe(502);
  });

  test("an answer that breaks off, and one that never ends", async () => {
    const gateway = await start(
      routes.replace("match: { path: /strict }", "match: { path: /strict }\n      timeout: 300ms"),
    );
    const streamed = (end: (controller: ReadableStreamDefaultController) => void): Response =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"a":'));
            end(controller);
          },
        }),
        { headers: { "content-type": "application/json" } },
      );
    answer = () => streamed((controller) => controller.error(new Error("broken")));
    expect((await gateway.fetch("/strict")).status).toBe(502);
    answer = () => streamed(() => undefined);
    expect((await gateway.fetch("/strict")).status).toBe(504);
  });

  test("HEAD has the fields of the edited answer and no content", async () => {
    const gateway = await start(routes);
    answer = () =>
      new Response(null, { headers: { "content-type": "application/json", "content-length": "99", etag: '"a"' } });
    const response = await gateway.fetch("/strict", { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), response.headers.get("etag")]).toEqual([
      200,
      null,
      'W/"a"',
    ]);
  });

  test("an envelope alone streams, and so do lines", async () => {
    const gateway = await start(routes);
    let more: ReadableStreamDefaultController<Uint8Array> | undefined;
    const streamed = (type: string): Response =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            more = controller;
          },
        }),
        {
          headers: { "content-type": type },
        },
      );
    const push = (text: string): void => more?.enqueue(new TextEncoder().encode(text));
    const read = async (reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<string> =>
      new TextDecoder().decode((await reader?.read())?.value);

    answer = () => streamed("application/json");
    const wrapped = (await gateway.fetch("/wrapped", { whole: false })).body?.getReader();
    push("[1,");
    expect(await read(wrapped)).toBe('{"data":');
    expect(await read(wrapped)).toBe("[1,");
    push("2]");
    more?.close();
    expect((await read(wrapped)) + (await read(wrapped))).toBe("2]}");

    answer = () => streamed("application/x-ndjson");
    const lines = (await gateway.fetch("/strict", { whole: false })).body?.getReader();
    push('{"a":1,"secret":1}\n{"b"');
    expect(await read(lines)).toBe('{"a":1}\n');
    push(':2,"secret":2}');
    more?.close();
    expect(await read(lines)).toBe('{"b":2}');
    await gateway.settled();
  });

  test("a line that is no JSON breaks the answer off: nothing unedited passes", async () => {
    const gateway = await start(routes);
    answer = () => new Response('{"a":1}\n{"secret":', { headers: { "content-type": "application/x-ndjson" } });
    const response = await gateway.fetch("/strict", { whole: false });
    await expect(response.text()).rejects.toThrow();
  });

  test("what is stored is what the upstream said: a hit is edited anew", async () => {
    const gateway = await start(routes);
    answer = () => Response.json({ a: 1 });
    const path = `/kept/${crypto.randomUUID()}`;
    const ask = async () => {
      const response = await gateway.fetch(path);
      return {
        status: response.headers.get("cache-status"),
        json: (await response.json()) as { a: number; request: string },
      };
    };
    const first = await ask();
    const hit = await ask();
    expect(hit.status).toContain("hit");
    expect([first.json.a, hit.json.a]).toEqual([1, 1]);
    expect(hit.json.request).toMatch(/^[0-9a-f]{16}$/);
    expect(hit.json.request).not.toBe(first.json.request);
    expect(lastSent(gateway).headers.get("accept-encoding")).toBe("identity");
  });

  test("the gateway's own errors are not edited", async () => {
    const gateway = await start(routes);
    answer = () => {
      throw new Error("gone");
    };
    const response = await gateway.fetch("/wrapped");
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: "upstream_unreachable" });
  });
});

test("a repeat under an idempotency key gets the answer as the first client got it", async () => {
  const gateway = await start(`
    - name: pay
      match: { path: /pay }
      auth: login
      idempotency: {}
      transform:
        request: { json: { set: { /by: "{identity.sub}" } } }
        response: { json: { set: { /request: "{request.id}" } }, statuses: { 201: 200 } }
      to: https://orders.example
  `);
  answer = () => Response.json({ paid: true }, { status: 201 });
  const headers = {
    authorization: `Bearer ${await issuer.sign()}`,
    "idempotency-key": `"${crypto.randomUUID()}"`,
    "content-type": "application/json",
  };
  const pay = async () => {
    const response = await gateway.fetch("/pay", { method: "POST", body: '{"sum":1}', headers });
    return { status: response.status, text: await response.text() };
  };
  const first = await pay();
  expect(first.status).toBe(200);
  expect(await pay()).toEqual(first);
  expect(gateway.sent).toHaveLength(1);
  expect(await lastSent(gateway).text()).toBe('{"sum":1,"by":"alice"}');
});
