/** HTTP/2 on one side and HTTP/1.1 on the other: what both can say passes, what one alone says does not. */
import * as http from "node:http";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp2Pool } from "../../../mesh-agent/proxy/http2/client-pool.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A listener of an agent that passes everything on as it is. @returns its port */
async function bridge(pool: ClientPool, proxy = false): Promise<number> {
  const listener = await createMeshServer({ listen: { host: "127.0.0.1", port: 0 }, proxy });
  ends.push(
    () => pool.close(),
    () => listener.close(0),
  );
  listener.onExchange((inbound) => {
    const outbound = pool.send(inbound.head, 5_000);
    inbound.body.onEnd((trailers) => outbound.body.end(trailers));
    inbound.body.onChunk((chunk) => void outbound.body.write(chunk));
    outbound.onInform((status, fields) => inbound.inform(status, fields));
    outbound.onFail((error) => inbound.abort(error.message));
    outbound.onResponse((head, body) => {
      const writer = inbound.respond(head);
      body.onEnd((trailers) => writer.end(trailers));
      body.onChunk((chunk) => void writer.write(chunk));
    });
  });
  return listener.port;
}

interface Seen {
  headers: http.IncomingHttpHeaders;
  trailers: NodeJS.Dict<string>;
  body: string;
}

async function listening(server: http.Server | http2.Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Tells what it got; answers 103, a body without a length and trailers. */
async function http1App(): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ headers: request.headers, trailers: request.trailers, body });
    response.writeEarlyHints({ link: "</a.css>; rel=preload" });
    response.writeHead(200, { trailer: "x-sum", connection: "keep-alive, x-hop", "x-hop": "1", "x-own": "2" });
    response.write("answer");
    response.addTrailers({ "x-sum": "42" });
    response.end();
  });
  return { port: await listening(server), seen };
}

async function http2App(): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http2.createServer();
  server.on("stream", async (stream, headers) => {
    let trailers: NodeJS.Dict<string> = {};
    stream.on("trailers", (fields) => {
      trailers = fields as NodeJS.Dict<string>;
    });
    let body = "";
    for await (const chunk of stream) body += chunk;
    seen.push({ headers, trailers, body });
    stream.additionalHeaders({ ":status": 103, link: "</a.css>; rel=preload" });
    stream.respond({ ":status": 200, "x-own": "2" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
    stream.end("answer");
  });
  return { port: await listening(server), seen };
}

async function askByHttp2(port: number): Promise<Seen & { early: http2.IncomingHttpHeaders[] }> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  ends.push(() => session.close());
  const head = { ":method": "POST", ":path": "/x?y=1", te: "trailers", cookie: "a=1; b=2", "x-said": "é" };
  const stream = session.request(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "7" }));
  stream.end("question");
  const early: http2.IncomingHttpHeaders[] = [];
  stream.on("headers", (fields) => early.push(fields));
  let trailers: NodeJS.Dict<string> = {};
  stream.on("trailers", (fields) => {
    trailers = fields as NodeJS.Dict<string>;
  });
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
  let body = "";
  for await (const chunk of stream) body += chunk;
  return { headers, trailers, body, early };
}

describe("from HTTP/2 to HTTP/1.1", () => {
  test("body, trailers, interim answers and `te` pass; fields of a connection do not", async () => {
    const app = await http1App();
    const answer = await askByHttp2(await bridge(createHttp1Pool({ host: "127.0.0.1", port: app.port })));
    expect(app.seen).toMatchObject([{ body: "question", trailers: { "x-end": "7" } }]);
    expect(app.seen[0]?.headers).toMatchObject({ te: "trailers", cookie: "a=1; b=2", "transfer-encoding": "chunked" });
    expect(answer).toMatchObject({ body: "answer", trailers: { "x-sum": "42" } });
    expect(answer.early).toMatchObject([{ ":status": 103, link: "</a.css>; rel=preload" }]);
    expect(answer.headers).toMatchObject({ ":status": 200, "x-own": "2" });
    for (const name of ["connection", "x-hop", "transfer-encoding", "keep-alive"])
      expect(answer.headers).not.toHaveProperty(name);
  });
});

describe("from HTTP/1.1 to HTTP/2", () => {
  const text = (fields: string): string =>
    `POST /x HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n${fields}\r\n8\r\nquestion\r\n0\r\nx-end: 7\r\n\r\n`;

  async function ask(port: number, written: string): Promise<string> {
    const socket = connect(port, "127.0.0.1", () => socket.write(written));
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    return answer;
  }

  test("body, trailers and interim answers pass; fields of a connection do not", async () => {
    const app = await http2App();
    const port = await bridge(createHttp2Pool({ host: "127.0.0.1", port: app.port }));
    const answer = await ask(
      port,
      text("TE: trailers\r\nConnection: close, te, x-hop\r\nX-Hop: 1\r\nUpgrade: h2c\r\n"),
    );
    expect(app.seen).toMatchObject([{ body: "question", trailers: { "x-end": "7" } }]);
    expect(app.seen[0]?.headers).toMatchObject({ te: "trailers", ":authority": "app", ":path": "/x" });
    for (const name of ["connection", "x-hop", "upgrade", "host"])
      expect(app.seen[0]?.headers).not.toHaveProperty(name);
    expect(answer).toMatch(/^HTTP\/1\.1 103 .*\r\nlink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\n0\r\nx-sum: 42\r\n\r\n$/);
  });
});

describe("the preface of HTTP/2", () => {
  test("may come in pieces, and within a tunnel", async () => {
    const app = await http1App();
    const port = await bridge(createHttp1Pool({ host: "127.0.0.1", port: app.port }), true);
    const socket = connect(port, "127.0.0.1");
    ends.push(() => socket.destroy());
    socket.write("CONNECT app.mesh:80 HTTP/1.1\r\nHost: app.mesh:80\r\n\r\n");
    await new Promise<void>((resolve) => socket.once("data", () => resolve()));
    for (const piece of ["PRI * HT", "TP/2.0\r\n\r", "\nSM\r\n\r\n"]) {
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Our SETTINGS come before the client's.
    const frame = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    expect(frame[3]).toBe(0x4);
  });

  test("is no request where it is not whole: HTTP/1.1 says so", async () => {
    const port = await bridge(createHttp1Pool({ host: "127.0.0.1", port: 1 }));
    const socket = connect(port, "127.0.0.1", () => socket.write("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 (?:400|501|505) /);
  });
});
