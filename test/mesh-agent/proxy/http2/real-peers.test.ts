/** Clients and servers that others wrote, through a hop of ours, alone and bridged to HTTP/1.1 both ways. */
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import * as http from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClientPool, ServerEngine } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server } from "../../../../mesh-agent/proxy/http1/server-engine.ts";
import { createHttp2Pool } from "../../../../mesh-agent/proxy/http2/client-pool.ts";
import { createHttp2Server } from "../../../../mesh-agent/proxy/http2/server-engine.ts";
import { forward } from "../../../support/http1-exchange.ts";

const run = promisify(execFile);
const listen = { host: "127.0.0.1", port: 0 };

interface Told {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly length: number;
  readonly sha: string;
  readonly trailers: Readonly<Record<string, string>>;
}

/** Tells what it got, and does what the path says. */
function tell(
  incoming: http.IncomingMessage | http2.Http2ServerRequest,
  outgoing: http.ServerResponse | http2.Http2ServerResponse,
): void {
  const hash = createHash("sha256");
  let length = 0;
  incoming.on("error", () => {});
  outgoing.on("error", () => {});
  const path = incoming.url ?? "";
  const out = outgoing as http.ServerResponse;
  if (path === "/hints") (outgoing as http.ServerResponse).writeEarlyHints?.({ link: "</a>; rel=preload" });
  incoming.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  incoming.on("end", () => {
    const size = /^\/bytes\/(\d+)/.exec(path)?.[1];
    if (size !== undefined) {
      out.setHeader("content-length", size);
      out.setHeader(
        "x-sha",
        createHash("sha256")
          .update(Buffer.alloc(Number(size), "z"))
          .digest("hex"),
      );
      out.end(Buffer.alloc(Number(size), "z"));
      return;
    }
    if (path === "/reset") {
      if ("stream" in outgoing)
        (outgoing as http2.Http2ServerResponse).stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else (incoming.socket as { destroy(): void }).destroy();
      return;
    }
    if (path === "/empty") {
      out.writeHead(204).end();
      return;
    }
    const fields = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    const told: Told = {
      method: incoming.method ?? "",
      path,
      authority: String(incoming.headers[":authority"] ?? incoming.headers.host ?? ""),
      fields,
      length,
      sha: hash.digest("hex"),
      trailers: incoming.trailers as Record<string, string>,
    };
    if (path === "/trailers") {
      out.setHeader("trailer", "x-sum");
      out.write(JSON.stringify(told));
      out.addTrailers({ "x-sum": "42" });
      out.end();
      return;
    }
    out.setHeader("content-type", "application/json");
    out.end(JSON.stringify(told));
  });
}

const opened: (() => void)[] = [];
const ports: Record<string, number> = {};
afterAll(() => {
  for (const close of opened) close();
});

async function portOf(server: Server | http2.Http2Server): Promise<number> {
  await new Promise<void>((resolve) => (server as Server).listen(0, "127.0.0.1", resolve));
  opened.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function hop(name: string, server: ServerEngine, pool: ClientPool): void {
  forward(server, pool);
  ports[name] = server.port;
  opened.push(() => {
    void server.close(0);
    pool.close();
  });
}

beforeAll(async () => {
  const app2 = await portOf(http2.createServer({ maxSessionMemory: 1_000 }, tell));
  const app1 = await portOf(http.createServer({ maxHeaderSize: 128 * 1024 }, tell));
  const to = { host: "127.0.0.1" };
  hop("h2 to h2", await createHttp2Server({ listen }), createHttp2Pool({ ...to, port: app2 }));
  hop("h2 to h1", await createHttp2Server({ listen }), createHttp1Pool({ ...to, port: app1 }));
  hop("h1 to h2", await createHttp1Server({ listen }), createHttp2Pool({ ...to, port: app2 }));
  const tableless = { limits: { headerTableBytes: 0 } };
  hop(
    "h2 without tables",
    await createHttp2Server({ listen, ...tableless }),
    createHttp2Pool({ ...to, port: app2, headerTableBytes: 0 }),
  );
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly informed: readonly number[];
  readonly body: Buffer;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** Asks with node:http2. */
function ask2(session: http2.ClientHttp2Session, path: string, asked: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const head = { ":method": asked.method ?? "GET", ":path": path, ...asked.headers };
    const hasBody = asked.body !== undefined || asked.trailers !== undefined;
    const stream = session.request(head, { endStream: !hasBody, waitForTrailers: asked.trailers !== undefined });
    const chunks: Buffer[] = [];
    const informed: number[] = [];
    let headers: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    stream.on("wantTrailers", () => stream.sendTrailers({ ...asked.trailers }));
    stream.on("headers", (interim) => informed.push(Number(interim[":status"])));
    stream.on("response", (got) => {
      headers = got;
    });
    stream.on("trailers", (got) => {
      trailers = got;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () =>
      resolve({ status: Number(headers[":status"]), headers, trailers, informed, body: Buffer.concat(chunks) }),
    );
    stream.on("error", reject);
    if (hasBody) stream.end(asked.body ?? Buffer.alloc(0));
  });
}

/** Asks with node:http. */
function ask1(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body, trailers } = asked;
    const chunks: Buffer[] = [];
    const informed: number[] = [];
    const request = http.request({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { ...headers, ...(trailers && { trailer: "x-t" }) },
    });
    request.on("information", ({ statusCode }) => informed.push(statusCode));
    request.on("error", reject);
    request.on("response", (response) => {
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          trailers: response.trailers,
          informed,
          body: Buffer.concat(chunks),
        }),
      );
    });
    if (trailers !== undefined) {
      request.write(body ?? "");
      request.addTrailers({ ...trailers });
      request.end();
    } else request.end(body);
  });
}

const told = (answer: Answer): Told => JSON.parse(answer.body.toString()) as Told;

describe.each(["h2 to h2", "h2 to h1", "h1 to h2", "h2 without tables"])("%s", (name) => {
  let session: http2.ClientHttp2Session | undefined;
  const ask = (path: string, asked?: Asked): Promise<Answer> => {
    const port = ports[name] ?? 0;
    if (name.startsWith("h1")) return ask1(port, path, asked);
    session ??= http2.connect(`http://127.0.0.1:${port}`);
    return ask2(session, path, asked);
  };
  afterAll(() => session?.close());

  test("GET, with what it says", async () => {
    const answer = await ask("/a?b=c", { headers: { "x-custom": "1", cookie: "a=b; c=d", te: "trailers" } });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    const seen = told(answer);
    expect(seen).toMatchObject({ method: "GET", path: "/a?b=c", authority: `127.0.0.1:${ports[name]}`, length: 0 });
    expect(seen.fields).toMatchObject({ "x-custom": "1", cookie: "a=b; c=d", te: "trailers" });
  });

  test("POST with a length, and without one", async () => {
    const body = randomBytes(100_000);
    const sha = createHash("sha256").update(body).digest("hex");
    const stated = await ask("/", { method: "POST", body, headers: { "content-length": String(body.length) } });
    expect(told(stated)).toMatchObject({ length: 100_000, sha });
    expect(told(stated).fields["content-length"]).toBe("100000");
    const open = await ask("/", {
      method: "POST",
      body,
      ...(name.startsWith("h1") && { headers: { "transfer-encoding": "chunked" } }),
    });
    expect(told(open)).toMatchObject({ length: 100_000, sha });
  });

  test("trailers both ways", async () => {
    const answer = await ask("/trailers", { method: "POST", body: Buffer.from("x"), trailers: { "x-t": "7" } });
    expect(told(answer).trailers).toMatchObject({ "x-t": "7" });
    expect(answer.trailers).toMatchObject({ "x-sum": "42" });
  });

  test("interim answers", async () => {
    expect((await ask("/hints")).informed).toEqual([103]);
  });

  test("HEAD, 204, OPTIONS *", async () => {
    const head = await ask("/bytes/50", { method: "HEAD" });
    expect([head.status, head.body.length, head.headers["content-length"]]).toEqual([200, 0, "50"]);
    expect((await ask("/empty")).status).toBe(204);
    expect(told(await ask("*", { method: "OPTIONS" })).path).toBe("*");
  });

  test("large answers, many at a time, whole", async () => {
    const sizes = [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000, 3_000_000, 10];
    const answers = await Promise.all(sizes.map((size) => ask(`/bytes/${size}`)));
    for (const [i, { body, headers }] of answers.entries()) {
      expect(body.length).toBe(sizes[i]);
      expect(createHash("sha256").update(body).digest("hex")).toBe(headers["x-sha"]);
    }
  });

  test("hundreds of requests at a time", async () => {
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) => ask(`/n/${i}`, { headers: { "x-i": String(i) } })),
    );
    for (const [i, answer] of answers.entries())
      expect(told(answer)).toMatchObject({ path: `/n/${i}`, fields: { "x-i": String(i) } });
  });

  test("large fields", async () => {
    const value = "v".repeat(20_000);
    expect(
      told(await ask("/", { headers: { "x-large": value, "x-two": value.slice(0, 9_000) } })).fields["x-large"],
    ).toBe(value);
  });

  test("a reset reaches the client", async () => {
    await expect(ask("/reset")).rejects.toThrow();
    expect((await ask("/after")).status).toBe(200);
  });
});

test("crumbs of cookies become one field", async () => {
  const session = http2.connect(`http://127.0.0.1:${ports["h2 to h1"]}`);
  const answer = await ask2(session, "/", { headers: { cookie: ["a=b", "c=d", "e=f"] } });
  expect(told(answer).fields.cookie).toBe("a=b; c=d; e=f");
  session.close();
});

test("Expect: 100-continue is answered when the body is wanted", async () => {
  const session = http2.connect(`http://127.0.0.1:${ports["h2 to h2"]}`);
  const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue" });
  await new Promise((resolve) => stream.once("continue", resolve));
  stream.end("hello");
  let text = "";
  for await (const chunk of stream) text += chunk;
  expect((JSON.parse(text) as Told).length).toBe(5);
  session.close();
});

test("a slow reader slows the writer, and a request beside it is quick", async () => {
  const session = http2.connect(`http://127.0.0.1:${ports["h2 to h2"]}`);
  const large = session.request({ ":path": "/bytes/20000000" });
  large.pause();
  await new Promise((resolve) => large.once("response", resolve));
  for (let i = 0; i < 20; i++) expect((await ask2(session, "/beside")).status).toBe(200);
  let length = 0;
  large.on("data", (chunk: Buffer) => {
    length += chunk.length;
  });
  large.resume();
  await new Promise((resolve) => large.once("end", resolve));
  expect(length).toBe(20_000_000);
  session.close();
});

const curl = existsSync("/usr/bin/curl");
describe.skipIf(!curl)("curl (skipped where there is none)", () => {
  test.each(["h2 to h2", "h2 to h1"])("through %s", async (name) => {
    const url = `http://127.0.0.1:${ports[name]}`;
    const common = ["-sS", "--http2-prior-knowledge"];
    const { stdout } = await run("curl", [...common, "-d", "x".repeat(70_000), `${url}/post`], { maxBuffer: 1e8 });
    expect(JSON.parse(stdout)).toMatchObject({ method: "POST", length: 70_000 });
    const get = await run("curl", [...common, "-w", " %{http_version}", `${url}/bytes/20`]);
    expect(get.stdout).toBe(`${"z".repeat(20)} 2`);
  });
});

const nghttp = existsSync("/usr/bin/nghttp");
describe.skipIf(!nghttp)("nghttp (skipped where there is none)", () => {
  test("with padding, priorities, continuation and tiny windows", async () => {
    const url = `http://127.0.0.1:${ports["h2 to h2"]}/bytes/200000`;
    const { stdout } = await run("nghttp", ["-b", "100", "-w", "10", "-W", "10", "-c", "0", "--continuation", url], {
      maxBuffer: 1e8,
    });
    expect(stdout.length).toBe(200_000);
  });

  test("h2load: thousands of requests, none fails", async () => {
    const url = `http://127.0.0.1:${ports["h2 to h2"]}/load`;
    const { stdout } = await run("h2load", ["-n", "3000", "-c", "4", "-m", "50", url]);
    expect(stdout).toContain("3000 succeeded, 0 failed, 0 errored");
  });
});
