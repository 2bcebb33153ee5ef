/** JSON over HTTP to a real server of gRPC: through front, workerd, gateway, ingress and its agent. */
import type { ChildProcess } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Served, serveDocument } from "../support/serve.ts";
import { startAgent, stopAgents } from "../support/serve-agent.ts";
import { freePorts, root, until } from "../support/system.ts";

const documentOf = (app: number): string => `selvage: 1
name: kinds
gateway:
  hosts: [localhost, "127.0.0.1"]
  descriptors: { kinds: { file: kinds.binpb } }
  routes:
    - name: quick
      match: { path: /quick/* }
      transcode: { descriptor: kinds }
      to: kinds
      rewrite: /*
      timeout: 1s
    - name: composed
      match: { path: "/composed/{text}" }
      aggregate:
        one: { get: "kinds:/one/{path.text}", transcode: { descriptor: kinds } }
        many: { get: "kinds:/count/3", transcode: { descriptor: kinds } }
        plain:
          post: "kinds:/test.kinds.Kinds/Plain"
          body: { text: "{one.text}" }
          transcode: { descriptor: kinds, autoMap: true }
        none:
          post: "kinds:/test.kinds.Kinds/Plain"
          body: { text: "fail 5 {one.text}", numbers: "{many.*.number}" }
          transcode: { descriptor: kinds, autoMap: true }
          optional: true
    - name: stuck
      match: { path: /stuck }
      aggregate:
        many: { get: "kinds:/count/1?text=stuck", transcode: { descriptor: kinds }, timeout: 500ms }
    - name: kinds
      match: { path: /* }
      transcode: { descriptor: kinds, services: [test.kinds.Kinds], autoMap: true, errorDetails: true, trailers: true }
      to: kinds
mesh:
  trustDomain: kinds.internal
  services:
    kinds: { port: ${app}, protocol: grpc, access: [{ from: gateway }] }
`;

const folder = mkdtempSync(join(tmpdir(), "selvage-transcoding-"));
const agents: ChildProcess[] = [];
let served: Served;

beforeAll(async () => {
  const [app = 0, ingress = 0] = await freePorts(2);
  const document = join(folder, "selvage.yaml");
  writeFileSync(document, documentOf(app));
  copyFileSync(join(root, "test/support/protos/kinds.binpb"), join(folder, "kinds.binpb"));
  served = await serveDocument(document, {}, ["--ingress-url", `http://127.0.0.1:${ingress}`]);
  const kinds = ["run", "--port", String(app), "--", process.execPath, "test/support/kinds-app.ts"];
  agents.push(
    await startAgent(served, folder, "gateway", ["ingress", "--listen", `127.0.0.1:${ingress}`]),
    await startAgent(served, folder, "kinds", kinds),
  );
  await until(
    "the service is reached",
    async () => (await ask("/one/ready").catch(() => undefined))?.status === 200,
    40_000,
  );
});

afterAll(async () => {
  await stopAgents(agents);
  await served?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(`${served.url}${path}`, init);
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  ...{ method: "POST", body: JSON.stringify(body) },
  headers: { "content-type": "application/json", ...headers },
});

/** Lines or events, one for each call. */
function pieces(response: Response, separator: string): () => Promise<string | undefined> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return async () => {
    for (;;) {
      const end = text.indexOf(separator);
      if (end >= 0) {
        const piece = text.slice(0, end);
        text = text.slice(end + separator.length);
        return piece;
      }
      const read = await reader?.read();
      if (read === undefined || read.done) return text === "" ? undefined : text;
      text += read.value;
    }
  };
}

describe("unary", () => {
  test("path, query and content reach the service, its message and metadata come back", async () => {
    const value = {
      text: "é",
      int64Value: "9007199254740993",
      inner: { text: "in", numbers: [1, 2] },
      labels: { a: "b" },
    };
    const response = await ask("/echo", post(value, { "x-tenant": "acme", "x-bytes-bin": "AP8=" }));
    expect([response.status, await response.json()]).toEqual([200, value]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("seen-x-tenant")).toBe("acme");
    expect(response.headers.get("seen-x-bytes-bin")).toBe("AP8=");
    expect(response.headers.get("grpc-trailer-x-cost")).toBe("3");
    expect([...response.headers.keys()].filter((name) => /^(selvage|grpc-(status|message))/.test(name))).toEqual([]);
    const bound = await ask("/shelves/1/books/a%20b?inner.number=7&texts=x&texts=y");
    expect(await bound.json()).toEqual({ text: "shelves/1/books/a b", inner: { number: 7 }, texts: ["x", "y"] });
  });

  test("the time of the route is the deadline of the call", async () => {
    const left = Number((await ask("/quick/one/a")).headers.get("left-ms"));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1_000);
    const late = await ask("/quick/one/hang");
    expect([late.status, ((await late.json()) as { status: number }).status]).toEqual([504, 504]);
  });

  test("content that is no message: up and down", async () => {
    const sent = { method: "POST", body: new Uint8Array(1 << 20), headers: { "content-type": "image/png" } };
    expect(await (await ask("/upload/cat", sent)).json()).toEqual({ text: `cat image/png ${1 << 20}` });
    const got = await ask("/download/words");
    expect([got.headers.get("content-type"), await got.text()]).toEqual(["text/plain", "words"]);
  });

  test("a method without a rule", async () => {
    const response = await ask("/test.kinds.Kinds/Plain", post({ text: "nobody" }));
    expect(response.status).toBe(200);
    expect((await ask("/quick/test.kinds.Kinds/Plain", post({}))).status).toBe(404);
  });

  test.each(["/test.kinds.Kinds/Plain", "/echo"])("an error of %s with its details", async (path) => {
    const violation = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string("inner.text")
      .tag(2, WireType.LengthDelimited)
      .string("too long");
    const badRequest = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(violation.finish()).finish();
    const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string("type.googleapis.com/google.rpc.BadRequest");
    any.tag(2, WireType.LengthDelimited).bytes(badRequest);
    const status = new BinaryWriter()
      .tag(1, WireType.Varint)
      .int32(3)
      .tag(3, WireType.LengthDelimited)
      .bytes(any.finish());
    const details = Buffer.from(status.finish()).toString("base64");
    const response = await ask(path, post({ text: "fail 3 not so: é" }, { "details-bin": details }));
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
    expect(await response.json()).toMatchObject({
      ...{ status: 400, code: "INVALID_ARGUMENT", detail: "not so: é" },
      errors: [{ pointer: "/inner/text", field: "inner.text", detail: "too long" }],
      details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest" }],
    });
  });

  test("what no method is asked by is refused at the edge", async () => {
    expect((await ask("/nothing")).status).toBe(404);
    expect((await ask("/echo", { method: "DELETE" })).headers.get("allow")).toBe("GET, POST, REPORT");
    expect((await ask("/one/a?none=1")).status).toBe(400);
    expect((await ask("/sum", post({}))).status).toBe(501);
  });
});

test("parts of a composed answer: by a rule, by a method, of a stream, and one that is refused", async () => {
  const response = await ask("/composed/tea");
  expect([response.status, response.headers.get("x-selvage-partial")]).toEqual([200, "none"]);
  const { one, many, plain, none } = (await response.json()) as Record<string, { text?: string; numbers?: number[] }>;
  expect([one?.text, many, none]).toEqual(["tea", [{ number: 1 }, { number: 2 }, { number: 3 }], null]);
  expect(plain).toBeTypeOf("object");
  const stuck = await ask("/stuck");
  expect([stuck.status, ((await stuck.json()) as { part?: string }).part]).toEqual([504, "many"]);
});

describe("streams", () => {
  const cancelled = async (): Promise<number> => {
    const { number = 0 } = (await (await ask("/test.kinds.Kinds/Plain", post({}))).json()) as { number?: number };
    return number;
  };
  const letGo = (text: string) =>
    ask("/test.kinds.Kinds/Plain", post({ text })).then((response) => response.body?.cancel());

  test.each([
    ["application/x-ndjson", "\n", (json: string) => json],
    ["text/event-stream", "\n\n", (json: string) => `data: ${json}`],
  ])("%s: messages come one by one, for longer than the route's time", async (accept, separator, written) => {
    const text = `paced ${accept}`;
    const response = await ask(`/quick/count/3?text=${encodeURIComponent(text)}`, { headers: { accept } });
    expect(response.headers.get("content-type")).toBe(accept);
    const next = pieces(response, separator);
    expect(await next()).toBe(written(JSON.stringify({ text, number: 1 })));
    // The route's time is over when this one ends by it.
    expect((await ask("/quick/one/hang")).status).toBe(504);
    for (const number of [2, 3]) {
      await letGo(text);
      expect(await next()).toBe(written(JSON.stringify({ text, number })));
    }
    await letGo(text);
    expect(await next()).toBeUndefined();
  });

  test("as an array, also of many", async () => {
    const response = await ask("/count/5000");
    expect(((await response.json()) as unknown[]).length).toBe(5_000);
    expect(await (await ask("/count/0")).json()).toEqual([]);
  });

  test("an error before the first message has its status, a later one the last line; an array breaks off", async () => {
    const early = await ask("/count/1?text=fail 7 no");
    expect([early.status, await early.json()]).toMatchObject([403, { code: "PERMISSION_DENIED", detail: "no" }]);
    const later = await ask("/count/1?text=later 14 gone", { headers: { accept: "application/x-ndjson" } });
    const [, last = ""] = (await later.text()).split("\n");
    expect(JSON.parse(last)).toMatchObject({ error: { status: 503, code: "UNAVAILABLE", detail: "gone" } });
    await expect(ask("/count/1?text=later 14 gone").then((response) => response.text())).rejects.toThrow();
  });

  test("a client that leaves ends the call at the service", async () => {
    const before = await cancelled();
    const stop = new AbortController();
    const response = await ask("/count/2?text=left", { headers: { accept: "text/event-stream" }, signal: stop.signal });
    await pieces(response, "\n\n")();
    stop.abort();
    await until("the service knows", async () => (await cancelled()) > before);
  });
});
