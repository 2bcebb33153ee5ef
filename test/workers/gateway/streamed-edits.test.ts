import { beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { planOf } from "./support/reshaped.ts";

const { streamedFromBytes, bodyBytesMax, depthMax, nodesMax } = limits.reshape;
const JSON_TYPE = { "content-type": "application/json" };

/** What the upstream got of the last body; undefined: it did not come whole. */
let got: string | undefined;
let answer: (request: Request) => Response | Promise<Response>;
beforeEach(() => {
  got = undefined;
  answer = async (request) => {
    got = await request.text();
    return Response.json({ ok: true });
  };
});

const start = (routes: string): Promise<Gateway> => startGateway(planOf(routes), (request) => answer(request));

/** A list of members, as long as is asked for. */
function items(bytes: number, member: (index: number) => object): string {
  const one = JSON.stringify(member(1_000)).length + 1;
  return JSON.stringify({ items: Array.from({ length: Math.ceil(bytes / one) }, (_, index) => member(index)) });
}

const withSecrets = (bytes: number): string =>
  items(bytes, (id) => ({ id, secret: "s".repeat(40), n: 1.5, text: "ü😀" }));
const withoutSecrets = (text: string): string => text.replace(/"secret":"s+",/g, "");

/** In pieces whose borders fall anywhere; each is made when it is asked for. */
function pieces(text: string | Uint8Array, bytes = 1_021, onPiece: (index: number) => void = () => undefined) {
  const content = typeof text === "string" ? new TextEncoder().encode(text) : text;
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        onPiece(at / bytes);
        controller.enqueue(content.slice(at, at + bytes));
        at += bytes;
        if (at >= content.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

const gzip = (text: string): Promise<ArrayBuffer> =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();

describe("of requests", () => {
  const routes = `
    - name: any
      match: { path: "/any/{id}" }
      maxBody: 8MiB
      transform:
        request:
          json:
            remove: ["$.items[*].secret"]
            rename: { /old: new }
            set: { /id: "{path.id}", /by: "{header.x-by}", /items/-: { last: true } }
      to: https://orders.example
  `;
  const send = (gateway: Gateway, body: BodyInit, headers: Record<string, string> = {}) =>
    gateway.fetch("/any/7", { method: "POST", body, headers: { ...JSON_TYPE, ...headers } });
  const edited = (text: string): string => withoutSecrets(text).replace(/\]\}$/, ',{"last":true}],"by":null,"id":"7"}');

  test.each([
    ["one that is held", streamedFromBytes - 1_000],
    ["one that is just too long for it", streamedFromBytes + 200],
    ["one that is longer than any that is held", 3 * bodyBytesMax],
  ])("%s becomes what it should", async (_, bytes) => {
    const gateway = await start(routes);
    const text = withSecrets(bytes);
    expect((await send(gateway, pieces(text))).status).toBe(200);
    expect(got).toBe(edited(text));
    const [sent] = gateway.sent.slice(-1);
    expect(sent?.headers.get("content-length")).toBeNull();
  });

  test("what is encoded, which no more is made of than the route takes", async () => {
    const gateway = await start(routes);
    const text = withSecrets(2 * bodyBytesMax);
    const headers = { "content-encoding": "gzip", "content-digest": "sha-256=:a:" };
    expect((await send(gateway, await gzip(text), headers)).status).toBe(200);
    expect(got).toBe(edited(text));
    expect(gateway.sent.at(-1)?.headers.get("content-encoding")).toBeNull();
    expect(gateway.sent.at(-1)?.headers.get("content-digest")).toBeNull();
    expect((await send(gateway, await gzip(`"${"a".repeat(9 * bodyBytesMax)}"`), headers)).status).toBe(413);
    expect((await send(gateway, text, headers)).status).toBe(400);
    const whole = new Uint8Array(await gzip(items(bodyBytesMax, () => ({ a: crypto.randomUUID() }))));
    expect((await send(gateway, whole.slice(0, -20), headers)).status).toBe(400);
  });

  const long = `{"a":${JSON.stringify("x".repeat(streamedFromBytes))}`;
  test.each<[name: string, body: BodyInit, status: number]>([
    ["it ends early", long, 400],
    ["something after it", `${long}}{}`, 400],
    ["a name twice", `${long},"b":1,"\\u0062":2}`, 400],
    ["no UTF-8", new Uint8Array([...new TextEncoder().encode(`${long},"b":"`), 0xc0, 0x80, 0x22, 0x7d]), 400],
    ["too deep", `${long},"b":${"[".repeat(depthMax)}`, 413],
    ["a bomb of brackets", "[".repeat(900_000), 413],
    ["names without end", `${long},"${"n".repeat(2 * bodyBytesMax)}":1}`, 413],
    ["too many names", `{${Array.from({ length: 200_000 }, (_, at) => `"name-${at}":0`).join(",")}}`, 413],
    ["values without end", `[${"0,".repeat(2 * nodesMax)}0]`, 200],
    ["a number without end", `${long},"b":1${"0".repeat(bodyBytesMax)}}`, 200],
    ["prototypes", `${long},"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}`, 200],
    ["a byte order mark", `\ufeff${long}}`, 200],
  ])("hostile: %s", async (_, body, status) => {
    const gateway = await start(routes);
    expect((await send(gateway, body)).status).toBe(status);
    expect(got === undefined).toBe(status !== 200);
  });
});

describe("of answers", () => {
  const routes = `
    - name: items
      match: { path: "/items/*" }
      cache: { ttl: 1m }
      transform:
        response:
          - { json: { remove: ["$..secret"], set: { /request: "{request.id}" } } }
          - { json: { wrap: data } }
      to: https://orders.example
    - name: told
      match: { path: "/told/*" }
      cache: { ttl: 1m }
      transform:
        response: { json: { set: { "$.list[?@ == 0]": "{header.x-a}", /a: "{request.id}" } } }
      to: https://orders.example
  `;

  test("a long one, and the same from the store", async () => {
    const gateway = await start(routes);
    const text = withSecrets(300_000);
    answer = () => new Response(pieces(text), { headers: { ...JSON_TYPE, etag: '"a"', "content-digest": "x=:a:" } });
    const path = `/items/${crypto.randomUUID()}`;
    for (const use of ["fwd=uri-miss", "hit"]) {
      const response = await gateway.fetch(path);
      expect(response.headers.get("cache-status")).toContain(use);
      expect([response.headers.get("etag"), response.headers.get("content-digest")]).toEqual(['W/"a"', null]);
      expect((await response.text()).replace(/"request":"[0-9a-f]{16}"/, "")).toBe(
        `{"data":${withoutSecrets(text).slice(0, -1)},}}`,
      );
    }
    expect(gateway.sent.length).toBe(1);
  });

  test("no more is read than the client asks for, and one that leaves is heard of", async () => {
    const gateway = await start(routes.replace("cache: { ttl: 1m }", ""));
    const text = withSecrets(8_000_000);
    let read = 0;
    let left = false;
    const upstream = pieces(text, 16_384, (index) => {
      read = index;
    });
    const reader = upstream.getReader();
    const watched = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          controller.enqueue((await reader.read()).value);
        },
        cancel() {
          left = true;
        },
      },
      { highWaterMark: 0 },
    );
    answer = () => new Response(watched, { headers: JSON_TYPE });
    const response = await gateway.fetch("/items/1", { whole: false });
    const client = response.body?.getReader();
    expect((await client?.read())?.done).toBe(false);
    expect(read).toBeLessThan(32);
    await client?.cancel();
    await expect.poll(() => left).toBe(true);
    await gateway.settled();
  });

  test("what turns out to be no JSON breaks off, and is not kept", async () => {
    const gateway = await start(routes);
    answer = () => new Response(pieces(`${withSecrets(300_000)}]`), { headers: JSON_TYPE });
    const path = `/items/${crypto.randomUUID()}`;
    for (const _ of [1, 2]) {
      const response = await gateway.fetch(path, { whole: false });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
      await gateway.settled();
    }
    expect(gateway.sent.length).toBe(2);
  });

  test("a client whose own words make too much of it takes it from nobody else", async () => {
    const gateway = await start(routes);
    answer = () => Response.json({ list: Array.from({ length: 2_000 }, () => 0) });
    const path = `/told/${crypto.randomUUID()}`;
    expect((await gateway.fetch(path)).status).toBe(200);
    expect((await gateway.fetch(path, { headers: { "x-a": "a".repeat(1_000) } })).status).toBe(502);
    await gateway.settled();
    expect((await gateway.fetch(path)).headers.get("cache-status")).toContain("hit");
    expect(gateway.sent.length).toBe(1);
  });

  test("one that is invalid is given to nobody again", async () => {
    const gateway = await start(routes);
    answer = () => new Response("{", { headers: JSON_TYPE });
    const path = `/told/${crypto.randomUUID()}`;
    for (const _ of [1, 2]) expect((await gateway.fetch(path)).status).toBe(502);
    expect(gateway.sent.length).toBe(2);
  });
});
