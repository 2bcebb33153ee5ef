import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StubProxy, startStubProxy } from "../../../cli/dev/stub-proxy.ts";
import { freePort } from "../../../cli/local/ports.ts";

const stub = { operation: "getOrder", status: 201, headers: { "content-type": "text/plain" }, body: "made up" };
const told: unknown[] = [];
let upstream: Server;
let proxy: StubProxy;
let origin = "";
let nobody = "";

beforeAll(async () => {
  upstream = createServer((incoming, response) => {
    let body = "";
    incoming.on("data", (text) => {
      body += text;
    });
    incoming.on("end", () => {
      response.writeHead(
        206,
        [
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
        ].flat(),
      );
      response.end(JSON.stringify({ method: incoming.method, url: incoming.url, headers: incoming.headers, body }));
    });
  });
  upstream.on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  nobody = `http://127.0.0.1:${await freePort()}`;
  proxy = await startStubProxy(
    (method, path, accept) => (path === "/orders/7" ? { ...stub, body: `${method} ${accept ?? "any"}` } : undefined),
    (traceId, operation) => told.push([traceId, operation]),
  );
});

afterAll(() => {
  proxy.close();
  upstream.closeAllConnections();
  upstream.close();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** As workerd asks a proxy: the whole URL, no Host. */
function ask(url: string, method = "GET", headers: Record<string, string> = {}, content = ""): Promise<Answer> {
  const [host, port] = proxy.address.split(":");
  return new Promise((done, fail) => {
    const sent = request({ host, port, method, path: url, headers, setHost: false, agent: false }, (response) => {
      let body = "";
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, body }));
    });
    sent.on("error", fail).end(content);
  });
}

test("what has an upstream goes there as it is", async () => {
  const answer = await ask(`${origin}/orders/7?a=%20b`, "POST", { "x-a": "1" }, "content");
  expect(answer).toMatchObject({ status: 206, headers: { "set-cookie": ["a=1", "b=2"] } });
  expect(JSON.parse(answer.body)).toMatchObject({
    method: "POST",
    url: "/orders/7?a=%20b",
    headers: { "x-a": "1", host: origin.slice("http://".length) },
    body: "content",
  });
});

test("where nobody listens the stub answers, and it is told of which trace", async () => {
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const answer = await ask(`${nobody}/orders/7`, "PUT", { accept: "text/plain", traceparent }, "x".repeat(100_000));
  expect(answer).toMatchObject({ status: 201, headers: { "x-selvage-stub": "getOrder" }, body: "PUT text/plain" });
  expect(told).toEqual([["a".repeat(32), "getOrder"]]);
  expect(await ask(`${nobody}/orders/7`, "HEAD")).toMatchObject({ status: 201, body: "" });
});

test("what is described nowhere comes to nothing, as without stubs", async () => {
  await expect(ask(`${nobody}/other`)).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("what is no request to a proxy is refused", async () => {
  expect(await ask("/orders/7", "GET", { host: "127.0.0.1" })).toMatchObject({ status: 400 });
  expect(await ask("ftp://127.0.0.1/orders/7")).toMatchObject({ status: 400 });
});

test("an upgrade is passed through", async () => {
  const [host, port] = proxy.address.split(":");
  const socket = connect(Number(port), host);
  const head = await new Promise<string>((done, fail) => {
    let seen = "";
    socket.on("error", fail);
    socket.on("data", (bytes) => {
      seen += bytes;
      if (seen.includes("\r\n\r\n") && !seen.includes("hello")) socket.write("hello");
      if (seen.endsWith("hello")) done(seen);
    });
    socket.write(`GET ${origin}/chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  });
  socket.destroy();
  expect(head).toMatch(/^HTTP\/1\.1 101 [\s\S]*Upgrade: echo/i);
});
