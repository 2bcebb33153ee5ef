import * as net from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool, type Http1PoolOptions } from "../../../../mesh-agent/proxy/http1/client-pool.ts";
import { answerOf, ask, failureOf, requestHead } from "../../../support/http1-exchange.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Upstream {
  readonly port: number;
  readonly sockets: net.Socket[];
  /** Bytes received by each connection. */
  readonly received: string[];
}

async function startUpstream(
  onData: (socket: net.Socket, text: string, connection: number) => void,
): Promise<Upstream> {
  const sockets: net.Socket[] = [];
  const received: string[] = [];
  const server = net.createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    received.push("");
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received[connection] += chunk.toString("latin1");
      onData(socket, chunk.toString("latin1"), connection);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as net.AddressInfo).port, sockets, received };
}

function makePool(port: number, options: Partial<Http1PoolOptions> = {}): ClientPool {
  const pool = createHttp1Pool({ host: "127.0.0.1", port, ...options });
  closers.push(() => pool.close());
  return pool;
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

describe("connections", () => {
  test("are used again, the last one first", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port);
    await Promise.all([ask(pool, "/a"), ask(pool, "/b")]);
    expect(pool.counts()).toEqual({ open: 2, idle: 2, waiting: 0, active: 0 });
    for (let i = 0; i < 3; i++) await ask(pool, "/c");
    const uses = upstream.received.map((text) => text.split("GET /c").length - 1).sort();
    expect(uses).toEqual([0, 3]);
  });

  test("are bounded, and those who wait are served in order", async () => {
    const upstream = await startUpstream((socket) => setTimeout(() => socket.write(OK), 5));
    const pool = makePool(upstream.port, { maxConnections: 2 });
    const order: string[] = [];
    const targets = ["/0", "/1", "/2", "/3", "/4", "/5"];
    await Promise.all(targets.map((target) => ask(pool, target).then(() => order.push(target))));
    expect(upstream.sockets.length).toBe(2);
    expect([...order].sort()).toEqual(targets);
    expect(order.indexOf("/5")).toBeGreaterThan(order.indexOf("/2"));
  });

  test("more than may wait are refused at once, with nothing sent", async () => {
    const upstream = await startUpstream(() => undefined);
    const pool = makePool(upstream.port, { maxConnections: 1, maxPending: 1 });
    const first = failureOf(ask(pool, "/0"));
    await until(() => upstream.received[0] !== undefined && upstream.received[0] !== "");
    const second = failureOf(ask(pool, "/1"));
    expect(await failureOf(ask(pool, "/2"))).toMatchObject({ kind: "refused", sent: "none" });
    pool.close();
    expect(await second).toMatchObject({ kind: "refused", sent: "none" });
    for (const socket of upstream.sockets) socket.destroy();
    expect(await first).toMatchObject({ kind: "reset", sent: "head" });
  });

  test("that nobody accepts fail as connect, with nothing sent", async () => {
    const upstream = await startUpstream(() => undefined);
    for (const close of closers.splice(0)) close();
    const pool = makePool(upstream.port);
    const failures = await Promise.all(["/a", "/b", "/c"].map((target) => failureOf(ask(pool, target))));
    for (const failure of failures) expect(failure).toMatchObject({ kind: "connect", sent: "none" });
    expect(pool.counts()).toEqual({ open: 0, idle: 0, waiting: 0, active: 0 });
  });

  test("that are idle go when the peer closes or says anything", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port);
    await Promise.all([ask(pool, "/a"), ask(pool, "/b")]);
    upstream.sockets[0]?.end();
    upstream.sockets[1]?.write("x");
    await until(() => pool.counts().open === 0);
    expect((await ask(pool, "/c")).body.toString()).toBe("hi");
    expect(upstream.sockets.length).toBe(3);
  });

  test("on which the peer speaks before the request has left are no answer to it", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port);
    await ask(pool, "/a");
    await new Promise((resolve) => setTimeout(resolve));
    // The bytes are with the client's kernel, the request waits for the end of the turn.
    upstream.sockets[0]?.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
    const failure = await failureOf(answerOf(pool.send(requestHead("/b"), 5_000)));
    expect([failure.kind, failure.sent]).toEqual(["reset", "none"]);
    expect(upstream.received).toEqual([expect.not.stringContaining("/b")]);
  });

  test("that are idle for long are closed", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port, { idleMs: 1 });
    await ask(pool, "/a");
    await until(() => pool.counts().open === 0);
  });

  test("take as many requests as they may, and are then replaced", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port, { requestsPerConnection: 2 });
    for (let i = 0; i < 5; i++) await ask(pool, "/a");
    expect(upstream.received.map((text) => text.split("GET /a").length - 1)).toEqual([2, 2, 1]);
  });

  test("a request that wants a fresh one gets it, also where used ones take all the room", async () => {
    const upstream = await startUpstream((socket) => setTimeout(() => socket.write(OK), 10));
    const pool = makePool(upstream.port, { maxConnections: 1 });
    await ask(pool, "/a");
    const fresh = answerOf(pool.send(requestHead("/b"), 5_000, true));
    const other = ask(pool, "/c");
    expect((await fresh).body.toString()).toBe("hi");
    expect((await other).body.toString()).toBe("hi");
    const busy = ask(pool, "/d");
    await until(() => pool.counts().active === 1);
    expect((await answerOf(pool.send(requestHead("/e"), 5_000, true))).body.toString()).toBe("hi");
    await busy;
    const firsts = upstream.received.map((text) => text.split(" ")[1]);
    expect(firsts).toContain("/b");
    expect(firsts).toContain("/e");
  });

  test("that the peer says to keep are kept for longer than those of which nothing is known", async () => {
    const upstream = await startUpstream((socket, text) =>
      socket.write(text.includes("/said") ? OK.replace("\r\n", "\r\nKeep-Alive: timeout=30\r\n") : OK),
    );
    const told: [string, number][] = [];
    const options = { idleMs: 300, onKeepAlive: (event: string, ms: number) => void told.push([event, ms]) };
    const [silent, told30] = [makePool(upstream.port, options), makePool(upstream.port, options)];
    await Promise.all([ask(silent, "/a"), ask(told30, "/said")]);
    await until(() => silent.counts().open === 0);
    expect(told30.counts().idle).toBe(1);
    expect(told).toEqual([["said", 30_000]]);
  });

  test("closing a pool lets what is in flight end", async () => {
    const upstream = await startUpstream((socket) => setTimeout(() => socket.write(OK), 20));
    const pool = makePool(upstream.port);
    const answer = ask(pool, "/a");
    await until(() => pool.counts().active === 1);
    pool.close();
    expect((await answer).body.toString()).toBe("hi");
    expect(await failureOf(ask(pool, "/b"))).toMatchObject({ kind: "refused", sent: "none" });
    await until(() => pool.counts().open === 0);
  });
});

describe("failures", () => {
  test("a connection that dies under its second request may have carried it", async () => {
    const upstream = await startUpstream((socket, text) => (text.includes("/b") ? socket.destroy() : socket.write(OK)));
    const pool = makePool(upstream.port);
    await ask(pool, "/a");
    expect(await failureOf(ask(pool, "/b"))).toMatchObject({ kind: "reset", sent: "head" });
  });

  test("many requests race with a peer that closes idle connections: each ends, and none is answered wrongly", async () => {
    const upstream = await startUpstream((socket, text) => {
      const target = text.split(" ")[1] ?? "";
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
      if (Number(target.slice(1)) % 3 === 0) setImmediate(() => socket.end());
    });
    const pool = makePool(upstream.port);
    for (let i = 0; i < 300; i++) {
      const answer = await ask(pool, `/${i}`).catch((error: unknown) => error);
      if (answer instanceof Error) expect(answer).toMatchObject({ kind: "reset", isStale: true });
      else expect(answer).toMatchObject({ body: Buffer.from(`/${i}`) });
    }
  });

  test("no answer in time", async () => {
    const upstream = await startUpstream(() => undefined);
    const pool = makePool(upstream.port);
    expect(await failureOf(ask(pool, "/a", 30))).toMatchObject({ kind: "timeout", sent: "head" });
    await until(() => pool.counts().open === 0);
  });

  test("no connection in time is still nothing sent", async () => {
    const upstream = await startUpstream(() => undefined);
    const pool = makePool(upstream.port, { maxConnections: 1 });
    const first = failureOf(ask(pool, "/a"));
    const second = failureOf(ask(pool, "/b", 30));
    expect(await second).toMatchObject({ kind: "timeout", sent: "none" });
    expect(pool.counts().waiting).toBe(0);
    upstream.sockets[0]?.destroy();
    expect(await first).toMatchObject({ kind: "reset" });
  });

  test("what was sent of a request with a body", async () => {
    const upstream = await startUpstream(() => undefined);
    const pool = makePool(upstream.port);
    const exchange = pool.send(requestHead("/a", { method: "PUT", bodyLength: 10 }), 5_000);
    expect(exchange.sent).toBe("none");
    await until(() => exchange.sent === "head");
    exchange.body.write(Buffer.from("hello"));
    await until(() => exchange.sent === "body");
    const failure = failureOf(answerOf(exchange));
    upstream.sockets[0]?.destroy();
    expect(await failure).toMatchObject({ kind: "reset", sent: "body" });
  });

  test("a request that does not keep to its length is broken off", async () => {
    const upstream = await startUpstream(() => undefined);
    const pool = makePool(upstream.port);
    const long = pool.send(requestHead("/a", { method: "PUT", bodyLength: 3 }), 5_000);
    long.body.write(Buffer.from("hello"));
    expect(await failureOf(answerOf(long))).toMatchObject({ kind: "protocol" });
    const short = pool.send(requestHead("/b", { method: "PUT", bodyLength: 9 }), 5_000);
    short.body.write(Buffer.from("hello"));
    short.body.end();
    expect(await failureOf(answerOf(short))).toMatchObject({ kind: "protocol" });
    expect(upstream.received.join("")).not.toContain("hello");
  });

  test("abort ends the connection and calls nothing back", async () => {
    const upstream = await startUpstream((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi"));
    const pool = makePool(upstream.port);
    const exchange = pool.send(requestHead("/a"), 5_000);
    let calls = 0;
    exchange.onFail(() => calls++);
    await new Promise<void>((resolve) =>
      exchange.onResponse((_head, body) => {
        body.onEnd(() => calls++);
        body.onChunk(() => resolve());
      }),
    );
    exchange.abort("enough");
    await until(() => pool.counts().open === 0);
    expect(calls).toBe(0);
  });
});

describe("bodies", () => {
  test("an answer before the end of the request: the connection is not used again", async () => {
    const upstream = await startUpstream((socket) => socket.write(OK));
    const pool = makePool(upstream.port);
    const exchange = pool.send(requestHead("/a", { method: "POST", bodyLength: "stream" }), 5_000);
    exchange.body.write(Buffer.from("x"));
    expect((await answerOf(exchange)).head.status).toBe(200);
    await until(() => pool.counts().open === 0);
    exchange.body.write(Buffer.from("y"));
    exchange.body.end();
  });

  test("a body that is written at once leaves with its head in one piece", async () => {
    const pieces: string[] = [];
    const upstream = await startUpstream((socket, text) => {
      pieces.push(text);
      socket.write(OK);
    });
    const pool = makePool(upstream.port);
    const exchange = pool.send(requestHead("/a", { method: "POST", bodyLength: 5 }), 5_000);
    exchange.body.write(Buffer.from("hello"));
    exchange.body.end();
    await answerOf(exchange);
    expect(pieces).toEqual(["POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello"]);
  });

  test("a reader that pauses gets the rest of a close-delimited answer after the end of the connection", async () => {
    const upstream = await startUpstream((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello"));
    const pool = makePool(upstream.port);
    const exchange = pool.send(requestHead("/a"), 5_000);
    const text = await new Promise<string>((resolve, reject) => {
      exchange.onFail(reject);
      exchange.onResponse((_head, body) => {
        let seen = "";
        body.pause();
        body.onChunk((chunk) => {
          seen += chunk;
        });
        body.onEnd(() => resolve(seen));
        void until(() => pool.counts().open === 0).then(() => body.resume());
      });
    });
    expect(text).toBe("hello");
  });
});
