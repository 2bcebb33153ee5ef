import * as net from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ServerExchange } from "../../../../mesh-agent/proxy/engine.ts";
import {
  createHttp1Server,
  type Http1Server,
  type Http1ServerOptions,
} from "../../../../mesh-agent/proxy/http1/server-engine.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { limits } from "../../../../shared/limits.ts";
import { speak } from "../../../conformance/http1/raw-client.ts";
import { answerWith } from "../../../support/http1-exchange.ts";

const GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const servers: Http1Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function start(options: Partial<Http1ServerOptions> = {}): Promise<Http1Server> {
  const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  servers.push(server);
  return server;
}

function reply(exchange: ServerExchange, text: string, status = 200): void {
  const content = Buffer.from(text);
  const writer = exchange.respond({ status, fields: new FieldList(), bodyLength: content.length });
  writer.write(content);
  writer.end();
}

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (condition()) resolve();
      else setTimeout(look, 2);
    };
    look();
  });
}

function open(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" }, () => resolve(socket));
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
  });
}

describe("answers", () => {
  test("to HEAD, 204 and 304 have no body", async () => {
    const server = await start();
    server.onExchange((exchange) => reply(exchange, "hello", Number(exchange.head.target.slice(1))));
    const head = await speak(server.port, "HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(head.text).toBe("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    const noContent = await speak(server.port, "GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(noContent.text).toBe("HTTP/1.1 204 No Content\r\n\r\n");
    const notModified = await speak(server.port, "GET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(notModified.text).toBe("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
  });

  test("of unknown length are chunked with trailers, and end with the connection for HTTP/1.0", async () => {
    const server = await start();
    server.onExchange((exchange) => {
      const writer = exchange.respond({ status: 200, fields: new FieldList(["x", "y"]), bodyLength: "stream" });
      writer.write(Buffer.from("he"));
      writer.write(Buffer.alloc(0));
      setTimeout(() => {
        writer.write(Buffer.from("llo"));
        writer.end(new FieldList(["x-sum", "1"]));
      }, 5);
    });
    expect((await speak(server.port, GET)).text).toBe(
      "HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n",
    );
    const old = await speak(server.port, "GET / HTTP/1.0\r\n\r\n");
    expect(old).toMatchObject({ text: "HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\nhello", closed: true });
  });

  test("to pipelined requests come in order, one exchange at a time", async () => {
    const server = await start();
    let running = 0;
    let most = 0;
    let count = 0;
    server.onExchange((exchange) => {
      most = Math.max(most, ++running);
      exchange.onDone(() => running--);
      setTimeout(() => reply(exchange, `<${exchange.head.target}>`), count++ % 2 === 0 ? 5 : 0);
    });
    const targets = ["/a", "/b", "/c", "/d"];
    const raw = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).join("");
    expect((await speak(server.port, raw)).text.match(/<.*?>/g)).toEqual(targets.map((target) => `<${target}>`));
    expect(most).toBe(1);
  });

  test("that are longer or shorter than their length break the connection off", async () => {
    const server = await start();
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.onFail((error) => failures.push(error.kind));
      const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 3 });
      writer.write(Buffer.from(exchange.head.target === "/long" ? "hello" : "he"));
      writer.end();
    });
    for (const target of ["/long", "/short"]) {
      const { closed, text } = await speak(server.port, `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect(closed).toBe(true);
      expect(text).not.toContain("hello");
    }
    expect(failures).toEqual(["protocol", "protocol"]);
  });

  test("interim ones go before, but not to HTTP/1.0", async () => {
    const server = await start();
    server.onExchange((exchange) => {
      exchange.inform(103, new FieldList(["link", "x"]));
      reply(exchange, "hi");
    });
    expect((await speak(server.port, GET)).text).toContain(
      "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
    );
    expect((await speak(server.port, "GET / HTTP/1.0\r\n\r\n")).text).not.toContain("103");
  });
});

describe("request bodies", () => {
  const expecting = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";

  test("100 is sent when the body is first read", async () => {
    const server = await start();
    server.onExchange((exchange) => {
      setTimeout(() => {
        let body = "";
        exchange.body.onChunk((chunk) => {
          body += chunk;
        });
        exchange.body.onEnd(() => reply(exchange, body));
      }, 5);
    });
    const socket = await open(server.port);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk;
      if (text === "HTTP/1.1 100 Continue\r\n\r\n") socket.write("hi");
    });
    socket.write(expecting);
    await until(() => text.endsWith("\r\n\r\nhi"));
    socket.destroy();
  });

  test("an answer without reading such a body ends the connection, since the body may follow or not", async () => {
    const server = await start();
    server.onExchange((exchange) => reply(exchange, "no", 403));
    const { text, closed } = await speak(server.port, expecting);
    expect(text).toContain("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n");
    expect(closed).toBe(true);
  });

  test("what nobody reads is thrown away, when it is little", async () => {
    const server = await start();
    server.onExchange((exchange) => reply(exchange, exchange.head.target));
    const small = `POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n`;
    const result = await speak(server.port, [small, "hel", `lo${GET}`]);
    expect(result.text.match(/200 OK/g)?.length).toBe(2);
    const large = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${limits.http.drainBytesMax + 1}\r\n\r\n`;
    expect(await speak(server.port, large)).toMatchObject({ status: 200, closed: true });
    const chunk = "a".repeat(limits.http.drainBytesMax);
    const chunked = `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const parts = [chunked, `${chunk.length.toString(16)}\r\n${chunk}\r\n`, "1\r\na\r\n", "0\r\n\r\n"];
    expect(await speak(server.port, parts)).toMatchObject({ status: 200, closed: true });
  });

  test("a broken body is refused while no answer has begun, and its exchange fails", async () => {
    const server = await start();
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.onFail((error) => failures.push(error.kind));
      exchange.body.onChunk(() => undefined);
      exchange.body.onEnd(() => reply(exchange, "hi"));
    });
    const raw = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx\r\n";
    expect(await speak(server.port, raw)).toMatchObject({ status: 400, closed: true });
    expect(failures).toEqual(["protocol"]);
  });

  test("pause and resume hold and let go", async () => {
    const server = await start();
    const events: string[] = [];
    server.onExchange(({ body }) => {
      body.onChunk((chunk) => {
        events.push(String(chunk));
        body.pause();
        setTimeout(() => {
          events.push("resume");
          body.resume();
        }, 5);
      });
      body.onEnd(() => events.push("end"));
    });
    const socket = await open(server.port);
    socket.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    await until(() => events.includes("end"));
    expect(events).toEqual(["a", "resume", "b", "resume", "end"]);
    socket.destroy();
  });
});

describe("clients that leave", () => {
  test("are noticed while their request is answered", async () => {
    const server = await start();
    const failures: string[] = [];
    let seen = 0;
    server.onExchange((exchange) => {
      seen++;
      exchange.onFail((error) => failures.push(error.kind));
      exchange.onDone(() => failures.push("done"));
    });
    for (const [index, leave] of [
      (socket: net.Socket) => socket.end(),
      (socket: net.Socket) => socket.resetAndDestroy(),
    ].entries()) {
      const socket = await open(server.port);
      socket.write(GET);
      await until(() => seen === index + 1);
      leave(socket);
      await until(() => failures.length === index + 1);
    }
    expect(failures).toEqual(["reset", "reset"]);
    expect(server.counts()).toEqual({ connections: 0, exchanges: 0 });
  });

  test("within their body are noticed too", async () => {
    const server = await start({ allowHalfClose: true });
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.body.onChunk(() => undefined);
      exchange.onFail((error) => failures.push(error.kind));
    });
    const socket = await open(server.port);
    socket.end("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    await until(() => failures.length === 1);
  });

  test("by half are answered where that is allowed", async () => {
    const server = await start({ allowHalfClose: true });
    server.onExchange((exchange) => void setTimeout(() => reply(exchange, "hi"), 10));
    const socket = await open(server.port);
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    socket.end(GET);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(text).toContain("\r\n\r\nhi");
  });

  test("get nothing after abort", async () => {
    const server = await start();
    server.onExchange((exchange) => exchange.abort("no"));
    expect(await speak(server.port, GET)).toMatchObject({ text: "", closed: true });
    expect(server.counts().exchanges).toBe(0);
  });
});

describe("bounds", () => {
  test("a head that does not end in time is answered with 408", async () => {
    const server = await start({ limits: { headTimeoutMs: 30 } });
    answerWith(server, () => "hi");
    expect(await speak(server.port, "GET / HTTP/1.1\r\nHost", 2_000)).toMatchObject({ status: 408, closed: true });
  });

  test("a connection without a request is closed, also after one", async () => {
    const server = await start({ limits: { headTimeoutMs: 30, keepAliveMs: 30 } });
    answerWith(server, () => "hi");
    expect(await speak(server.port, "", 2_000)).toMatchObject({ text: "", closed: true });
    expect(await speak(server.port, GET, 2_000)).toMatchObject({ status: 200, closed: true });
  });

  test("a body that stops is given up", async () => {
    const server = await start({ limits: { stallTimeoutMs: 30 } });
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.onFail((error) => failures.push(error.kind));
      exchange.body.onChunk(() => undefined);
    });
    const raw = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel";
    expect((await speak(server.port, raw, 2_000)).closed).toBe(true);
    expect(failures).toEqual(["timeout"]);
  });

  test("a client that does not read its answer is given up", async () => {
    const server = await start({ limits: { stallTimeoutMs: 50 } });
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.onFail((error) => failures.push(error.kind));
      const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: "stream" });
      const chunk = Buffer.alloc(65_536);
      const fill = (): void => {
        while (writer.write(chunk));
      };
      writer.onDrain(fill);
      fill();
    });
    const socket = net.connect({ port: server.port, host: "127.0.0.1" });
    socket.on("error", () => undefined);
    socket.write(GET);
    await until(() => failures.length === 1);
    expect(failures).toEqual(["timeout"]);
    socket.destroy();
  });

  test("connections beyond the limit are not served", async () => {
    const server = await start({ limits: { maxConnections: 2 } });
    answerWith(server, () => "hi");
    const held = [await open(server.port), await open(server.port)];
    await until(() => server.counts().connections === 2);
    expect(await speak(server.port, GET)).toMatchObject({ text: "", closed: true });
    for (const socket of held) socket.destroy();
    await until(() => server.counts().connections === 0);
    expect((await speak(server.port, GET)).status).toBe(200);
  });

  test("a client that pipelines without end is not read further", async () => {
    const server = await start();
    let seen = 0;
    server.onExchange(() => seen++);
    const socket = await open(server.port);
    const burst = Buffer.from(GET.repeat(1_000));
    let written = 0;
    let blocked = false;
    const push = (): void => {
      while (!blocked && written < 64 * 1024 * 1024) {
        written += burst.length;
        blocked = !socket.write(burst);
      }
    };
    socket.on("drain", () => {
      blocked = false;
      push();
    });
    push();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(blocked).toBe(true);
    expect(seen).toBe(1);
    socket.destroy();
  });

  test("a head of ten megabytes is answered with 431", async () => {
    const server = await start();
    answerWith(server, () => "hi");
    const filler = "a".repeat(1_024 * 1_024);
    const pieces = ["GET / HTTP/1.1\r\nHost: h\r\nX: ", ...Array.from({ length: 10 }, () => filler)];
    expect(await speak(server.port, pieces)).toMatchObject({ status: 431 });
  });
});

describe("ends", () => {
  test("draining answers say close, and idle connections stay until close", async () => {
    const server = await start();
    answerWith(server, () => "hi");
    const idle = await open(server.port);
    await until(() => server.counts().connections === 1);
    server.drain();
    expect(await speak(server.port, GET)).toMatchObject({ status: 200, closed: true });
    await until(() => server.counts().connections === 1);
    const gone = new Promise((resolve) => idle.once("close", resolve));
    await server.close(1_000);
    await gone;
  });

  test("close waits for what is in flight, up to its grace", async () => {
    const server = await start();
    const exchanges: ServerExchange[] = [];
    const failures: string[] = [];
    server.onExchange((exchange) => {
      exchange.onFail((error) => failures.push(error.kind));
      exchanges.push(exchange);
    });
    const first = speak(server.port, GET, 5_000);
    const second = speak(server.port, GET, 5_000);
    await until(() => exchanges.length === 2);
    const closed = server.close(100);
    reply(exchanges[0] as ServerExchange, "hi");
    await closed;
    expect([(await first).status, (await second).status].sort()).toEqual([200, undefined]);
    expect(failures).toEqual(["reset"]);
  });

  test("a port that is taken fails the start", async () => {
    const server = await start();
    await expect(start({ listen: { host: "127.0.0.1", port: server.port } })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
