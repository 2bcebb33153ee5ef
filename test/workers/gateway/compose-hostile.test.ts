import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { startComposed } from "./support/composed.ts";

afterEach(() => vi.restoreAllMocks());

const never = (): Promise<undefined> => new Promise(() => undefined);

/** A body that sends its head and a little, and then nothing. */
function standingStill(request: Request): Response {
  const start = (controller: ReadableStreamDefaultController): void => {
    controller.enqueue(new TextEncoder().encode("[1,"));
    request.signal.addEventListener("abort", () => controller.error(request.signal.reason));
  };
  return new Response(new ReadableStream({ start }));
}

describe("answers of parts", () => {
  const route = `
match: { path: /x }
aggregate:
  a: { get: "a:/", timeout: 100ms, optional: true }
  b: { get: "b:/{a.id}", optional: true }
answer: { output: { a: "{a}", id: "{a.id}", list: "{a.*}", merged: { $merge: ["{a}", { own: 1 }] } } }
`;
  const plain = `
match: { path: /x }
aggregate: { a: { get: "a:/", timeout: 100ms, optional: true } }
`;

  test.each([
    ["10 MB of text", () => Response.json("x".repeat(10_000_000))],
    ["10 MB whose length nobody says", () => new Response(new Blob(["[", "1,".repeat(5_000_000), "1]"]).stream())],
    ["no JSON", () => new Response("<html>")],
    ["nothing", () => new Response("")],
    ["half an object", () => new Response('{"a":')],
    ["bytes that are no UTF-8", () => new Response(new Uint8Array([34, 255, 34]))],
    ["more depth than anybody needs", () => new Response("[".repeat(65) + "]".repeat(65))],
    ["more depth than a stack has", () => new Response(`${"[".repeat(200_000)}1${"]".repeat(200_000)}`)],
    ["depth by objects", () => new Response(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)],
    ["a body that stands still", standingStill],
    ["no answer", never],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "http://evil.example/" } })],
    ["a part of something", () => new Response("[]", { status: 206 })],
    ["nobody", () => undefined],
  ])("%s: the part is missing, and nothing else happens", async (_, answer) => {
    const gateway = await startComposed(plain, { a: answer });
    const response = await gateway.fetch("/x");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ a: null });
    expect(response.headers.get("x-selvage-partial")).toBe("a");
    expect(gateway.sent).toHaveLength(1);
  });

  test.each([
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"x"}',
    '{"id":{"__proto__":1}}',
    '{"id":"__proto__","hasOwnProperty":1,"length":-1}',
    '{"id":1,"id":2}',
    `{"id":"${"x".repeat(20_000)}"}`,
    '{"id":1e999,"n":-0,"big":123456789012345678901234567890}',
    '{"id":"\\ud800"}',
    '{"rawJSON":"1","id":{"rawJSON":"}"}}',
    "[]",
    "[[],[[]],{}]",
    "null",
    "7",
    '"__proto__"',
    `[${"1,".repeat(400_000)}1]`,
    `{${Array.from({ length: 50_000 }, (_, at) => `"k${at}":1`).join(",")}}`,
  ])("%.60s: no 500, and nothing is polluted", async (text) => {
    for (const document of [route, plain]) {
      const gateway = await startComposed(document, { a: () => new Response(text), b: () => Response.json(1) });
      const response = await gateway.fetch("/x");
      expect([200, 502]).toContain(response.status);
      await response.text();
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      vi.restoreAllMocks();
    }
  });

  test("an object without a prototype's names is passed on as it came", async () => {
    const text = '{"__proto__":{"a":1},"constructor":2}';
    const gateway = await startComposed(plain, { a: () => new Response(text) });
    expect(await (await gateway.fetch("/x")).text()).toBe(`{"a":${text}}`);
  });

  test("an answer that its template would make endless is refused", async () => {
    const endless = `
match: { path: /x }
aggregate: { a: { get: "a:/" }, b: { get: "b:/" } }
answer: { output: { $each: "{a}", $as: { of: "{b}" } } }
`;
    const gateway = await startComposed(endless, {
      a: () => new Response(`[${"1,".repeat(100_000)}1]`),
      b: () => Response.json("x".repeat(500_000)),
    });
    const response = await gateway.fetch("/x");
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: "upstream_invalid" });
  });
});

describe("values in a call", () => {
  const route = `
match: { path: /x }
aggregate:
  a: { get: "a:/" }
  b:
    post: "b:/in/{a.v}/end"
    query: { q: "{a.v}", l: "{a.list?}" }
    headers: { x-value: "v-{a.v}" }
    body: { v: "{a.v}", t: "a{a.v}" }
    optional: true
`;
  const seen = async (v: unknown): Promise<{ url: string; header: string | null; body: string } | undefined> => {
    let found: { url: string; header: string | null; body: string } | undefined;
    const gateway = await startComposed(route, {
      a: () => Response.json({ v }),
      b: async (request) => {
        const { pathname, search, hash } = new URL(request.url);
        found = { url: pathname + search + hash, header: request.headers.get("x-value"), body: await request.text() };
        return Response.json(1);
      },
    });
    expect((await gateway.fetch("/x")).status).toBe(200);
    return found;
  };

  test.each([
    ["a/b", "/in/a%2Fb/end?q=a%2Fb"],
    ["a?b=c&d#e", "/in/a%3Fb%3Dc%26d%23e/end?q=a%3Fb%3Dc%26d%23e"],
    ["a b+c%2F", "/in/a%20b%2Bc%252F/end?q=a%20b%2Bc%252F"],
    ['","x":"', "/in/%22%2C%22x%22%3A%22/end?q=%22%2C%22x%22%3A%22"],
    ["{a.w}${secret:UPSTREAM}", "/in/%7Ba.w%7D%24%7Bsecret%3AUPSTREAM%7D/end?q=%7Ba.w%7D%24%7Bsecret%3AUPSTREAM%7D"],
  ])("%s stays in its place", async (v, url) => {
    expect(await seen(v)).toEqual({ url, header: `v-${v}`, body: JSON.stringify({ v, t: `a${v}` }) });
  });

  test.each([
    ["a line end", "a\r\nx-admin: 1"],
    ["a line feed", "a\nb"],
    ["a null byte", "a\u0000b"],
    ["what is no ASCII", "häuser"],
    ["a climb", "../admin"],
    ["a climb that is encoded by others", "..\\admin"],
    ["half a character", "\ud800"],
    ["nothing", ""],
    ["null", null],
    ["a list", ["a"]],
    ["an object", { toString: "x" }],
    ["too much", "x".repeat(limits.aggregate.filledTargetCharsMax)],
  ])("%s fails its part without a call", async (_, v) => {
    expect(await seen(v)).toBeUndefined();
  });
});

describe("calls of plain origins", () => {
  const route = `
match: { path: /x }
aggregate: { a: { get: "https://up.example/one", redirects: 2, retries: { attempts: 2, backoff: { base: 1ms } }, timeout: 2s } }
`;
  const redirect = (location: string, status = 302) => new Response(null, { status, headers: { location } });
  const ask = async (answer: (url: URL, call: number) => Response | undefined | Promise<undefined>) => {
    let calls = 0;
    const gateway = await startComposed(route, {
      "up.example": (_, url) => answer(url, ++calls),
      "evil.example": () => Response.json("evil"),
    });
    const response = await gateway.fetch("/x");
    return { status: response.status, body: (await response.json()) as Record<string, unknown>, sent: gateway.sent };
  };

  test.each([301, 302, 303, 307, 308])("follow a %i within their origin", async (status) => {
    const { body, sent } = await ask((url) =>
      url.pathname === "/one" ? redirect("/two?q=1", status) : Response.json(url.pathname + url.search),
    );
    expect(body).toEqual({ a: "/two?q=1" });
    expect(sent).toHaveLength(2);
  });

  test.each([
    "https://evil.example/",
    "//evil.example/",
    "http://up.example/",
    "https://up.example:8443/",
    "https://user:secret@up.example/",
    "javascript:alert(1)",
    "https://",
    "",
  ])("do not follow %s", async (location) => {
    const { status, sent } = await ask((_, call) =>
      call === 1 && location !== "" ? redirect(location) : new Response(null, { status: 302 }),
    );
    expect(status).toBe(502);
    expect(sent).toHaveLength(1);
  });

  test("do not follow for ever", async () => {
    const { status, sent } = await ask(() => redirect("/one"));
    expect(status).toBe(502);
    expect(sent).toHaveLength(3);
  });

  test("are made again when they fail, as often as the document says", async () => {
    const twice = await ask((_, call) => (call < 3 ? new Response("", { status: 503 }) : Response.json("third")));
    expect(twice.body).toEqual({ a: "third" });
    const always = await ask(() => undefined);
    expect(always.status).toBe(502);
    expect(always.sent).toHaveLength(3);
  });

  test.each([400, 404, 500])("are not made again after a %i", async (status) => {
    expect((await ask(() => new Response("", { status }))).sent).toHaveLength(1);
  });

  test("have secrets of the document in their fields, and nobody else has", async () => {
    const keyed = `
match: { path: /x }
aggregate: { a: { get: "https://up.example/", headers: { authorization: "Bearer \${secret:UPSTREAM}" } }, b: { get: "b:/" } }
`;
    const gateway = await startComposed(keyed, { "up.example": () => Response.json(1), b: () => Response.json(2) });
    await gateway.fetch("/x");
    const fields = gateway.sent.map((request) => request.headers.get("authorization"));
    expect(fields.sort()).toEqual(["Bearer s3cret", null]);
  });
});

test("a required part that fails ends the others", async () => {
  const route = 'match: { path: /x }\naggregate: { a: { get: "a:/" }, b: { get: "b:/" } }';
  let ended = false;
  const gateway = await startComposed(route, {
    a: () => new Response("", { status: 500 }),
    b: (request) => {
      request.signal.addEventListener("abort", () => {
        ended = true;
      });
      return never();
    },
  });
  expect((await gateway.fetch("/x")).status).toBe(502);
  await vi.waitFor(() => expect(ended).toBe(true));
});
