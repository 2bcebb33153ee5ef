/** The front before a server that stands for the gateway, on plain connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { metricsText } from "../../../shared/http/metrics-text.ts";
import { frontFields } from "../../../shared/wire/front-fields.ts";
import { speak } from "../../conformance/http1/raw-client.ts";
import { startFront, type TestFront } from "../../support/front.ts";
import { until } from "../../support/system.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Seen {
  readonly method: string;
  readonly fields: [string, string][];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

async function gateway(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  await listen(server, 0);
  return server;
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function front(server: Server | number, options: Parameters<typeof startFront>[2] = {}): Promise<TestFront> {
  const started = await startFront(typeof server === "number" ? server : portOf(server), undefined, options);
  closing.push(() => started.front.close(0));
  return started;
}

/** Tells what it saw. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  let body = "";
  request.setEncoding("latin1").on("data", (part) => {
    body += part;
  });
  request.on("end", () => {
    const { method = "", rawHeaders, trailers } = request;
    const fields = rawHeaders.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ""]] : [],
    );
    response.end(JSON.stringify({ method, fields, body, trailers } satisfies Seen));
  });
}

const seenIn = (text: string): Seen => JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? "") as Seen;

describe("what the gateway learns", () => {
  test("the client's connection, in fields that a client cannot write", async () => {
    const { port, key } = await front(await gateway(echo));
    const { connection, scheme } = frontFields(key);
    const forged = `${connection}: {"clientIp":"1.2.3.4:5"}\r\n${scheme.toUpperCase()}: https\r\n`;
    const { text } = await speak(port, `GET /a HTTP/1.1\r\nHost: h\r\n${forged}${connection}: x\r\nX-A: b\r\n\r\n`);
    const { fields } = seenIn(text);
    const of = (name: string): string[] => fields.filter(([other]) => other === name).map(([, value]) => value);
    expect(of(connection)).toHaveLength(1);
    expect(JSON.parse(of(connection)[0] ?? "")).toEqual({
      clientIp: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      httpProtocol: "HTTP/1.1",
    });
    expect(of(scheme)).toEqual(["http"]);
    expect(of("x-a")).toEqual(["b"]);
  });

  test("bodies, without trailers that it could not read", async () => {
    const { port } = await front(await gateway(echo));
    const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const { text } = await speak(port, `${head}3\r\nabc\r\n0\r\nX-T: v\r\n\r\n`);
    expect(seenIn(text)).toMatchObject({ method: "POST", body: "abc", trailers: {} });
  });
});

test("a request whose types are gRPC's and another one is no call: the gateway, which sees both, judges it", async () => {
  const { port } = await front(await gateway(echo));
  const types = (...lines: string[]): Promise<{ text: string }> => {
    const fields = lines.map((line) => `Content-Type: ${line}\r\n`).join("");
    return speak(port, `POST /a.B/C HTTP/1.1\r\nHost: h\r\n${fields}Content-Length: 0\r\n\r\n`);
  };
  const seen = async (...lines: string[]): Promise<string[]> =>
    seenIn((await types(...lines)).text).fields.flatMap(([name, value]) => (name === "content-type" ? [value] : []));
  const [grpc, json] = ["application/grpc", "application/json"];
  expect(await seen(grpc, json)).toEqual([grpc, json]);
  expect(await seen(json, grpc)).toEqual([json, grpc]);
  expect(await seen(`${grpc}, ${json}`)).toEqual([`${grpc}, ${json}`]);
});

describe("what clients get", () => {
  test("interim answers, and trailers", async () => {
    const { port } = await front(
      await gateway((_request, response) => {
        response.writeEarlyHints({ link: "</a.css>; rel=preload" });
        response.writeHead(200, { trailer: "x-t" });
        response.write("body");
        response.addTrailers({ "x-t": "v" });
        response.end();
      }),
    );
    const { text } = await speak(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/4\r\nbody\r\n0\r\nx-t: v\r\n\r\n$/);
  });

  test.each([
    ["of the server as a whole", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 200],
    ["without Host", "GET / HTTP/1.0\r\n\r\n", 400],
    ["with two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400],
    ["for a proxy", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400],
    ["of two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    ["for a tunnel", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501],
    ["of an unknown method", "FROB / HTTP/1.1\r\nHost: h\r\n\r\n", 501],
    ["with a head of 10 MB", `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(10_000_000)}\r\n\r\n`, 431],
    ["that expects the unknown", "GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-maybe\r\n\r\n", 417],
  ])("an answer of the front for a request %s, which the gateway never sees", async (_what, request, status) => {
    let requests = 0;
    const { port, refused } = await front(
      await gateway((_request, response) => {
        requests++;
        response.end();
      }),
    );
    expect((await speak(port, request)).status).toBe(status);
    expect(requests).toBe(0);
    expect(refused).toHaveLength(status === 200 ? 0 : 1);
  });
});

describe("while the gateway is not there", () => {
  test("503 with Retry-After, and 200 when it is back", async () => {
    const server = await gateway(echo);
    const at = portOf(server);
    const { port, refused } = await front(server);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    const away = await fetch(`http://127.0.0.1:${port}/`);
    expect(away.status).toBe(503);
    expect(away.headers.get("retry-after")).toBe("1");
    expect(await away.json()).toMatchObject({ code: "gateway_unreachable" });
    expect(refused).toMatchObject([{ code: "gateway_unreachable", address: "127.0.0.1" }]);
    await listen(createServer(echo), at);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  test("a GET whose connection broke is sent once more, a POST never", async () => {
    const seen: string[] = [];
    const { port } = await front(
      await gateway((request, response) => {
        seen.push(`${request.method} ${request.url}`);
        if (seen.filter((one) => one === seen.at(-1)).length === 1) request.socket.destroy();
        else response.end("at last");
      }),
    );
    expect(await (await fetch(`http://127.0.0.1:${port}/get`)).text()).toBe("at last");
    expect((await fetch(`http://127.0.0.1:${port}/post`, { method: "POST" })).status).toBe(502);
    expect(seen).toEqual(["GET /get", "GET /get", "POST /post"]);
  });

  test("an answer that it breaks off is broken off for the client", async () => {
    const { port } = await front(
      await gateway((request, response) => {
        response.writeHead(200, { "content-length": "10" });
        response.write("half", () => request.socket.destroy());
      }),
    );
    await expect(fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())).rejects.toThrow();
  });
});

describe("slow clients", () => {
  test("a head that does not come is 408", async () => {
    const { port } = await front(await gateway(echo), { bounds: { headTimeoutMs: 100 } });
    const { status, closed } = await speak(port, "GET / HTTP/1.1\r\nHost:", 2_000);
    expect({ status, closed }).toEqual({ status: 408, closed: true });
  });

  test("a body of stated length that trickles in is 408, and the gateway hears of its end", async () => {
    let aborted = false;
    const { port, refused } = await front(
      await gateway((request) => {
        request.on("aborted", () => {
          aborted = true;
        });
        request.on("error", () => undefined);
        request.resume();
      }),
      { bounds: { paceWindowMs: 100 } },
    );
    const { status } = await speak(port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc", 2_000);
    expect(status).toBe(408);
    expect(refused).toMatchObject([{ code: "request_timeout" }]);
    await until("the gateway hears of it", () => aborted);
  });

  test("a gateway that takes its time is no fault of the client", async () => {
    const { port } = await front(
      await gateway((request, response) => {
        setTimeout(() => {
          let bytes = 0;
          request.on("data", (part: Buffer) => {
            bytes += part.length;
          });
          request.on("end", () => response.end(String(bytes)));
        }, 1_200);
      }),
      { bounds: { paceWindowMs: 100 } },
    );
    const body = Buffer.alloc(16_000_000);
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    expect(await response.text()).toBe(String(body.length));
  });

  test("a stream of unknown length may rest", async () => {
    const { port } = await front(await gateway(echo), { bounds: { paceWindowMs: 100 } });
    const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.write(`${head}3\r\nabc\r\n`);
    await new Promise((done) => setTimeout(done, 1_000));
    socket.write("3\r\ndef\r\n0\r\n\r\n");
    await until("the answer", () => text.includes("abcdef"));
    socket.destroy();
  });
});

describe("bounds and the end", () => {
  test("connections beyond the bound are closed at once", async () => {
    const { port, front: started, refused } = await front(await gateway(echo), { bounds: { connectionsMax: 2 } });
    const held = [1, 2].map(() => connect({ port, host: "127.0.0.1" }));
    await until("both are there", () => started.counts().connections === 2);
    expect(await speak(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")).toMatchObject({ status: undefined, closed: true });
    expect(refused).toMatchObject([{ code: "connections", count: 1 }]);
    for (const socket of held) socket.destroy();
    await until("they have gone", () => started.counts().connections === 0);
    expect((await speak(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")).status).toBe(200);
    expect(metricsText(started.counters.families(started.counts(), started.webSockets))).toMatch(
      /selvage_front_turned_away_total\{bound="connections"\} 1/,
    );
  });

  test("what is in flight is finished, then nobody listens", async () => {
    let release: () => void = () => undefined;
    const started = await front(
      await gateway((_request, response) => {
        response.write("first ");
        release = () => response.end("last");
      }),
    );
    const answer = await fetch(`http://127.0.0.1:${started.port}/`);
    const closed = started.front.close(5_000);
    release();
    expect(await answer.text()).toBe("first last");
    await closed;
    await expect(fetch(`http://127.0.0.1:${started.port}/`)).rejects.toThrow();
  });

  test("a port that is taken is named, and nothing is left open", async () => {
    const server = await gateway(echo);
    const taken = portOf(server);
    const listen = [0, taken].map((port) => ({ scheme: "http" as const, host: "127.0.0.1", port }));
    await expect(startFront(taken, undefined, { listen })).rejects.toThrow(`127.0.0.1:${taken}: the port is in use`);
  });
});
