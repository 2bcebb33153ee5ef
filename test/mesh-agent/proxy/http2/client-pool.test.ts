/** The client side against servers that are right, wrong or gone. */
import * as net from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp2Pool, type Http2PoolOptions } from "../../../../mesh-agent/proxy/http2/client-pool.ts";
import * as h2 from "../../../../mesh-agent/proxy/http2/protocol.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { limits } from "../../../../shared/limits.ts";
import { answerOf, ask, failureOf, requestHead } from "../../../support/http1-exchange.ts";
import { data, frame, goaway, Http2Peer, open, request, reset, settings, widen } from "../../../support/http2-peer.ts";

let closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers) close();
  closers = [];
});

interface Upstream {
  readonly pool: ClientPool;
  /** Connections in the order in which they came. */
  readonly peers: Http2Peer[];
  peer(index: number): Promise<Http2Peer>;
}

/** A pool, and a server that does what the test says. */
async function start(options: Partial<Http2PoolOptions> = {}, ...entries: [number, number][]): Promise<Upstream> {
  const peers: Http2Peer[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    const peer = new Http2Peer(socket, h2.PREFACE.length);
    peer.send(settings(...entries));
    peers.push(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pool = createHttp2Pool({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port, ...options });
  closers.push(() => {
    pool.close();
    server.close();
    for (const peer of peers) peer.end();
  });
  const peer = async (index: number): Promise<Http2Peer> => {
    const late = Date.now() + 5_000;
    while (peers[index] === undefined && Date.now() < late) await new Promise((resolve) => setTimeout(resolve, 2));
    const found = peers[index];
    if (found === undefined) throw new Error(`no connection ${index}`);
    return found;
  };
  return { pool, peers, peer };
}

const ok = (id: number, text: string): Buffer => Buffer.concat([open(id, ":status", "200"), data(id, text, true)]);

describe("requests", () => {
  test("share a connection, answers in any order", async () => {
    const { pool, peer, peers } = await start();
    const answers = ["/a", "/b", "/c"].map((target) => ask(pool, target));
    const server = await peer(0);
    await server.until(() => server.blocks.length === 3);
    expect(server.blocks.map(({ id, raw }) => [id, raw[5]])).toEqual([
      [1, "/a"],
      [3, "/b"],
      [5, "/c"],
    ]);
    expect(server.ended(1)).toBe(true);
    for (const id of [5, 1, 3]) server.send(ok(id, `answer ${id}`));
    expect((await Promise.all(answers)).map(({ body }) => body.toString())).toEqual(
      [1, 3, 5].map((id) => `answer ${id}`),
    );
    expect(peers.length).toBe(1);
    expect(pool.counts()).toEqual({ open: 1, idle: 1, waiting: 0, active: 0 });
  });

  test("say their length, and carry bodies and trailers", async () => {
    const { pool, peer } = await start();
    const exchange = pool.send(requestHead("/", { method: "POST", bodyLength: 3 }), 5_000);
    exchange.body.write(Buffer.from("abc"));
    exchange.body.end();
    const streamed = pool.send(requestHead("/", { method: "POST", bodyLength: "stream" }), 5_000);
    streamed.body.write(Buffer.from("de"));
    streamed.body.end(new FieldList(["X-Sum", "7"]));
    const server = await peer(0);
    await server.until(() => server.ended(1) && server.ended(3));
    expect(server.head(1)).toContain("content-length");
    expect(server.head(3)).not.toContain("content-length");
    expect([server.body(1).toString(), server.body(3).toString()]).toEqual(["abc", "de"]);
    expect(server.blocks.at(-1)?.raw).toEqual(["x-sum", "7"]);
  });

  test("interim answers, then trailers", async () => {
    const { pool, peer } = await start();
    const exchange = pool.send(requestHead("/"), 5_000);
    const informed: number[] = [];
    exchange.onInform((status) => informed.push(status));
    const answer = answerOf(exchange);
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(
      open(1, ":status", "103", "link", "x"),
      open(1, ":status", "200"),
      data(1, "hi"),
      request(1, "x-t", "1"),
    );
    const { head, trailers, body } = await answer;
    expect([informed, head.status, head.bodyLength, body.toString()]).toEqual([[103], 200, "stream", "hi"]);
    expect([...trailers]).toEqual([["x-t", "1"]]);
  });

  test("HEAD, 204, 304 and an answer without a body", async () => {
    const { pool, peer } = await start();
    const cases: [string, string[], number | "stream"][] = [
      ["HEAD", [":status", "200", "content-length", "9"], 9],
      ["HEAD", [":status", "200"], "stream"],
      ["GET", [":status", "204"], 0],
      ["GET", [":status", "304", "content-length", "9"], 9],
      ["GET", [":status", "200"], 0],
    ];
    for (const [i, [method, raw, length]] of cases.entries()) {
      const exchange = pool.send(requestHead("/", { method }), 5_000);
      const answer = answerOf(exchange);
      const id = i * 2 + 1;
      const one = await peer(0);
      await one.until(() => one.ended(id));
      one.send(request(id, ...raw));
      expect((await answer).head.bodyLength).toBe(length);
    }
  });

  test("CONNECT is a tunnel", async () => {
    const { pool, peer } = await start();
    const head = { method: "CONNECT", target: "db:5432", fields: new FieldList(), bodyLength: "stream" } as const;
    const exchange = pool.send(head, 5_000);
    exchange.body.write(Buffer.from("ping"));
    const answer = answerOf(exchange);
    const server = await peer(0);
    await server.until(() => server.body(1).length === 4);
    expect(server.head(1)).toEqual([":method", "CONNECT", ":authority", "db:5432"]);
    server.send(open(1, ":status", "200"), data(1, "pong", true));
    expect((await answer).body.toString()).toBe("pong");
    exchange.body.end();
    await server.until(() => server.ended(1));
  });
});

describe("what proves that a request was not processed", () => {
  test("REFUSED_STREAM", async () => {
    const { pool, peer } = await start();
    const failure = failureOf(ask(pool, "/"));
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(reset(1, h2.REFUSED_STREAM));
    expect(await failure).toMatchObject({ kind: "refused", sent: "none" });
  });

  test("GOAWAY below its number; those that are seen go on", async () => {
    const { pool, peer, peers } = await start();
    const [first, second] = [ask(pool, "/1"), failureOf(ask(pool, "/2"))];
    const server = await peer(0);
    await server.until(() => server.ended(3));
    server.send(goaway(1, h2.NO_ERROR));
    expect(await second).toMatchObject({ kind: "refused", sent: "none" });
    const third = ask(pool, "/3");
    const other = await peer(1);
    await other.until(() => other.ended(1));
    other.send(ok(1, "three"));
    server.send(ok(1, "one"));
    expect([(await first).body.toString(), (await third).body.toString()]).toEqual(["one", "three"]);
    await server.until(() => server.closed);
    expect(peers.length).toBe(2);
  });

  test("the two steps of a graceful end lose nothing", async () => {
    const { pool, peer } = await start();
    const first = ask(pool, "/1");
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(goaway(h2.MAX_31_BITS, h2.NO_ERROR), goaway(1, h2.NO_ERROR), ok(1, "one"));
    expect((await first).body.toString()).toBe("one");
    await server.until(() => server.closed);
  });

  test("other resets and a broken connection prove nothing", async () => {
    const { pool, peer } = await start();
    const [first, second] = [failureOf(ask(pool, "/1")), failureOf(ask(pool, "/2"))];
    const server = await peer(0);
    await server.until(() => server.ended(3));
    server.send(reset(1, h2.INTERNAL_ERROR));
    expect(await first).toMatchObject({ kind: "reset", sent: "head" });
    server.end();
    expect(await second).toMatchObject({ kind: "reset", sent: "head" });
  });

  test("no connection", async () => {
    const pool = createHttp2Pool({ host: "127.0.0.1", port: 1 });
    expect(await failureOf(ask(pool, "/"))).toMatchObject({ kind: "connect", sent: "none" });
  });
});

describe("a server that breaks the rules", () => {
  const cases: [string, (id: number) => Buffer[]][] = [
    ["no :status", (id) => [open(id, "a", "b")]],
    ["a status that is none", (id) => [open(id, ":status", "20")]],
    ["101", (id) => [open(id, ":status", "101")]],
    ["an interim answer that ends the stream", (id) => [request(id, ":status", "103")]],
    ["a pseudo-field of requests", (id) => [open(id, ":status", "200", ":path", "/")]],
    ["an upper-case name", (id) => [open(id, ":status", "200", "X", "y")]],
    ["a line feed in a value", (id) => [open(id, ":status", "200", "x", "a\nb")]],
    ["connection", (id) => [open(id, ":status", "200", "connection", "close")]],
    ["transfer-encoding", (id) => [open(id, ":status", "200", "transfer-encoding", "chunked")]],
    ["DATA before the head", (id) => [data(id, "x", true)]],
    [
      "a body longer than its length",
      (id) => [open(id, ":status", "200", "content-length", "1"), data(id, "ab", true)],
    ],
    [
      "a body shorter than its length",
      (id) => [open(id, ":status", "200", "content-length", "3"), data(id, "a", true)],
    ],
    ["a length and no body", (id) => [request(id, ":status", "200", "content-length", "3")]],
    ["a body with 204", (id) => [open(id, ":status", "204"), data(id, "a", true)]],
    ["trailers that do not end", (id) => [open(id, ":status", "200"), open(id, "x", "y")]],
    ["trailers that frame", (id) => [open(id, ":status", "200"), request(id, "content-length", "3")]],
    [
      "too many interim answers",
      (id) => Array.from({ length: limits.http.informationalMax + 1 }, () => open(id, ":status", "103")),
    ],
  ];
  test.each(cases)("%s: the request fails, the connection goes on", async (_title, answer) => {
    const { pool, peer } = await start();
    const failure = failureOf(ask(pool, "/"));
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(...answer(1));
    expect(await failure).toMatchObject({ kind: "protocol" });
    await server.until(() => server.resetCode(1) !== undefined);
    expect(server.resetCode(1)).toBe(h2.PROTOCOL_ERROR);
    const next = ask(pool, "/");
    await server.until(() => server.ended(3));
    server.send(ok(3, "fine"));
    expect((await next).body.toString()).toBe("fine");
  });

  const fatal: [string, () => Buffer, number][] = [
    ["pushes", () => frame(h2.PUSH_PROMISE, 4, 1, Buffer.from([0, 0, 0, 2, 0x82])), h2.PROTOCOL_ERROR],
    ["may be pushed to", () => settings([h2.ENABLE_PUSH, 1]), h2.PROTOCOL_ERROR],
    ["answers nothing that was asked", () => request(9, ":status", "200"), h2.PROTOCOL_ERROR],
    ["answers on an even stream", () => request(2, ":status", "200"), h2.PROTOCOL_ERROR],
    ["breaks the coding", () => frame(h2.HEADERS, 5, 1, Buffer.from([0x80])), h2.COMPRESSION_ERROR],
    ["sends frames that are too long", () => frame(h2.DATA, 0, 1, Buffer.alloc(16_385)), h2.FRAME_SIZE_ERROR],
    ["widens by 0", () => widen(0, 0), h2.PROTOCOL_ERROR],
  ];
  test.each(fatal)("one that %s is left", async (_title, send, code) => {
    const { pool, peer } = await start();
    const failure = failureOf(ask(pool, "/"));
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(send());
    expect(await failure).toMatchObject({ kind: "protocol" });
    await server.until(() => server.closed);
    expect(server.goaway).toBe(code);
  });

  test("one that does not speak HTTP/2 is left", async () => {
    const other = net.createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const pool = createHttp2Pool({ host: "127.0.0.1", port: (other.address() as net.AddressInfo).port });
    const { kind } = await failureOf(ask(pool, "/"));
    expect(["protocol", "reset"]).toContain(kind);
    pool.close();
    other.close();
  });
});

describe("connections", () => {
  test("no more requests at a time than the peer allows", async () => {
    const { pool, peer } = await start({ maxConnections: 1 }, [h2.MAX_CONCURRENT_STREAMS, 2]);
    const first = ask(pool, "/0");
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(ok(1, "0"));
    await first;
    const answers = ["/1", "/2", "/3"].map((target) => ask(pool, target));
    await server.until(() => server.ended(5));
    expect(pool.counts().waiting).toBe(1);
    server.send(ok(3, "1"));
    await server.until(() => server.ended(7));
    server.send(ok(5, "2"), ok(7, "3"));
    expect((await Promise.all(answers)).map(({ body }) => body.toString())).toEqual(["1", "2", "3"]);
  });

  test("a second one when the first is busy", async () => {
    const { pool, peer } = await start({}, [h2.MAX_CONCURRENT_STREAMS, 1_000]);
    const first = ask(pool, "/");
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(ok(1, ""));
    await first;
    const many = Array.from({ length: limits.http2.busyStreams + 1 }, () => ask(pool, "/"));
    const other = await peer(1);
    await other.until(() => other.all(h2.SETTINGS).length > 0);
    const later = ask(pool, "/later");
    await other.until(() => other.ended(1));
    expect(other.head(1)).toContain("/later");
    other.send(ok(1, "later"));
    expect((await later).body.toString()).toBe("later");
    await server.until(() => server.ended(limits.http2.busyStreams * 2 + 3));
    for (const { id } of server.blocks.slice(1)) server.send(ok(id, ""));
    await Promise.all(many);
  });

  test("an idle one ends with GOAWAY", async () => {
    const { pool, peer } = await start({ idleMs: 50 });
    const answer = ask(pool, "/");
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(ok(1, ""));
    await answer;
    await server.until(() => server.closed);
    expect(server.goaway).toBe(h2.NO_ERROR);
    await expect.poll(() => pool.counts().open).toBe(0);
  });

  test("a closed pool finishes what runs and takes nothing", async () => {
    const { pool, peer } = await start();
    const answer = ask(pool, "/");
    const server = await peer(0);
    await server.until(() => server.ended(1));
    pool.close();
    expect(await failureOf(ask(pool, "/"))).toMatchObject({ kind: "refused", sent: "none" });
    server.send(ok(1, "done"));
    expect((await answer).body.toString()).toBe("done");
    await server.until(() => server.closed);
  });
});

describe("ends", () => {
  test("no answer in time: the stream is cancelled, the connection stays", async () => {
    const { pool, peer } = await start();
    expect(await failureOf(ask(pool, "/", 50))).toMatchObject({ kind: "timeout" });
    const server = await peer(0);
    await server.until(() => server.resetCode(1) === h2.CANCEL);
    expect(server.closed).toBe(false);
  });

  test("an aborted request is cancelled; one that had not left never leaves", async () => {
    const { pool, peer } = await start();
    const exchange = pool.send(requestHead("/1"), 5_000);
    exchange.abort("not needed");
    const other = pool.send(requestHead("/2"), 5_000);
    const server = await peer(0);
    await server.until(() => server.ended(1));
    expect(server.head(1)).toContain("/2");
    other.abort("not needed");
    await server.until(() => server.resetCode(1) !== undefined);
    expect(server.resetCode(1)).toBe(h2.CANCEL);
  });

  test("an answer that is whole before its request: the reader gets it, and sending stops", async () => {
    const { pool, peer } = await start();
    const exchange = pool.send(requestHead("/", { method: "POST", bodyLength: "stream" }), 5_000);
    exchange.body.write(Buffer.from("a"));
    const answer = answerOf(exchange);
    const server = await peer(0);
    await server.until(() => server.body(1).length === 1);
    server.send(ok(1, "early"), reset(1, h2.NO_ERROR));
    expect((await answer).body.toString()).toBe("early");
    expect(exchange.body.write(Buffer.alloc(1_000_000))).toBe(true);
  });

  test("an answer that has come whole outlives its connection", async () => {
    const { pool, peer } = await start();
    const exchange = pool.send(requestHead("/"), 5_000);
    exchange.body.end();
    const got = new Promise<string>((resolve, reject) => {
      exchange.onFail(reject);
      exchange.onResponse((_head, body) => {
        let text = "";
        body.onEnd(() => resolve(text));
        body.onChunk((chunk) => {
          text += chunk;
        });
        body.pause();
        setTimeout(() => body.resume(), 100);
      });
    });
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(ok(1, "whole"));
    server.socket.end();
    expect(await got).toBe("whole");
  });

  test("a body that breaks off fails the exchange", async () => {
    const { pool, peer } = await start();
    const failure = failureOf(ask(pool, "/"));
    const server = await peer(0);
    await server.until(() => server.ended(1));
    server.send(open(1, ":status", "200"), data(1, "half"));
    server.socket.end();
    expect(await failure).toMatchObject({ kind: "reset" });
  });
});
