/** What the stacks are promised of the server side, beyond what its clauses say. */
import { afterEach, describe, expect, test } from "vitest";
import type { ServerExchange } from "../../../../mesh-agent/proxy/engine.ts";
import * as h2 from "../../../../mesh-agent/proxy/http2/protocol.ts";
import { createHttp2Server, type Http2ServerOptions } from "../../../../mesh-agent/proxy/http2/server-engine.ts";
import type { Listener } from "../../../../mesh-agent/proxy/listener.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { data, frame, GET, goaway, Http2Peer, open, POST, ping, request, reset } from "../../../support/http2-peer.ts";

let server: Listener | undefined;
afterEach(async () => {
  await server?.close(0);
  server = undefined;
});

interface Started {
  readonly listener: Listener;
  readonly peer: Http2Peer;
  /** Exchanges as they came. */
  readonly exchanges: ServerExchange[];
}

async function start(options: Partial<Http2ServerOptions> = {}): Promise<Started> {
  const listener = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  server = listener;
  const exchanges: ServerExchange[] = [];
  listener.onExchange((exchange) => exchanges.push(exchange));
  return { listener, peer: await Http2Peer.connect(listener.port), exchanges };
}

const ok = { status: 200, fields: new FieldList(), bodyLength: 0 };
const first = (exchanges: readonly ServerExchange[]): ServerExchange => exchanges[0] as ServerExchange;

describe("an exchange", () => {
  test("whose reader comes late gets what came before", async () => {
    const { peer, exchanges } = await start();
    peer.send(open(1, ...POST), data(1, "abc"), data(1, "def"), request(1, "x-t", "1"));
    await expect.poll(() => exchanges.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { body } = first(exchanges);
    let text = "";
    let inCall = true;
    const trailers = await new Promise<FieldList>((resolve) => {
      body.onEnd(resolve);
      body.onChunk((chunk) => {
        expect(inCall).toBe(false);
        text += chunk;
      });
      inCall = false;
    });
    expect([text, trailers.get("x-t")]).toEqual(["abcdef", "1"]);
  });

  test("is done when its answer is with the kernel", async () => {
    const { listener, peer, exchanges } = await start();
    peer.send(request(1, ...GET));
    await expect.poll(() => exchanges.length).toBe(1);
    let done = 0;
    first(exchanges).onDone(() => done++);
    const writer = first(exchanges).respond({ ...ok, bodyLength: 3 });
    writer.write(Buffer.from("abc"));
    expect(listener.counts().exchanges).toBe(1);
    writer.end();
    await peer.until(() => peer.ended(1));
    await expect.poll(() => done).toBe(1);
    expect(listener.counts()).toEqual({ connections: 1, exchanges: 0 });
    expect(peer.head(1)).toContain("content-length");
  });

  test("answered before its request is over: the client is told to stop without an error", async () => {
    const { peer, exchanges } = await start();
    peer.send(open(1, ...POST), data(1, "a"));
    await expect.poll(() => exchanges.length).toBe(1);
    first(exchanges).respond(ok).end();
    await peer.until(() => peer.resetCode(1) !== undefined);
    expect(peer.ended(1)).toBe(true);
    expect(peer.resetCode(1)).toBe(h2.NO_ERROR);
    // What was under way is taken without a word.
    peer.send(data(1, "b", true), ping());
    await peer.until(() => peer.all(h2.PING).length === 1);
    expect(peer.goaway).toBeUndefined();
  });

  test("that is aborted, or answered wrongly, is reset", async () => {
    const { peer, exchanges } = await start();
    peer.send(request(1, ...GET), request(3, ...GET), request(5, ...GET));
    await expect.poll(() => exchanges.length).toBe(3);
    const [aborted, short, long] = exchanges;
    aborted?.abort("no");
    const failures: string[] = [];
    for (const one of [short, long]) one?.onFail(({ kind }) => failures.push(kind));
    short?.respond({ ...ok, bodyLength: 2 }).end();
    long?.respond({ ...ok, bodyLength: 2 }).write(Buffer.from("abc"));
    await peer.until(() => [1, 3, 5].every((id) => peer.resetCode(id) === h2.INTERNAL_ERROR));
    expect(failures).toEqual(["protocol", "protocol"]);
  });

  test("fails when the client resets it, and nothing is called after that", async () => {
    const { listener, peer, exchanges } = await start();
    peer.send(open(1, ...POST));
    await expect.poll(() => exchanges.length).toBe(1);
    const failed = new Promise((resolve) => first(exchanges).onFail(resolve));
    peer.send(reset(1, h2.CANCEL));
    expect(await failed).toMatchObject({ kind: "reset" });
    const writer = first(exchanges).respond(ok);
    expect(writer.write(Buffer.from("x"))).toBe(true);
    writer.end();
    expect(listener.counts().exchanges).toBe(0);
  });

  test("of CONNECT is a tunnel where it is served", async () => {
    const { peer, exchanges } = await start({ connect: true });
    peer.send(open(1, ":method", "CONNECT", ":authority", "db:5432"), data(1, "ping"));
    await expect.poll(() => exchanges.length).toBe(1);
    const exchange = first(exchanges);
    expect([exchange.head.method, exchange.head.target, exchange.head.bodyLength]).toEqual([
      "CONNECT",
      "db:5432",
      "stream",
    ]);
    const writer = exchange.respond({ ...ok, bodyLength: "stream" });
    exchange.body.onChunk((chunk) => writer.write(Buffer.from(`${chunk} pong`)));
    await peer.until(() => peer.body(1).toString() === "ping pong");
  });

  test("with trailers and no body is one block, as gRPC errors are", async () => {
    const { peer, exchanges } = await start();
    peer.send(open(1, ...POST), data(1, "x", true));
    await expect.poll(() => exchanges.length).toBe(1);
    const fields = new FieldList(["content-type", "application/grpc", "grpc-status", "5"]);
    first(exchanges).respond({ status: 200, fields, bodyLength: 0 }).end();
    await peer.until(() => peer.ended(1));
    expect(peer.all(h2.HEADERS, 1).length).toBe(1);
    expect(peer.all(h2.DATA, 1)).toEqual([]);
    expect(peer.head(1)).not.toContain("content-length");
  });
});

test("a large body and small ones take turns", async () => {
  const { peer, exchanges } = await start();
  peer.send(request(1, ...GET), request(3, ...GET));
  await expect.poll(() => exchanges.length).toBe(2);
  const [large, small] = exchanges;
  large?.respond({ ...ok, bodyLength: "stream" }).write(Buffer.alloc(60_000));
  const writer = small?.respond({ ...ok, bodyLength: "stream" });
  writer?.write(Buffer.from("small"));
  writer?.end();
  await peer.until(() => peer.body(1).length === 60_000 && peer.ended(3));
  const order = peer.all(h2.DATA).map(({ id }) => id);
  expect(order.indexOf(3)).toBe(1);
});

describe("a silent client with a request in flight", () => {
  const limits = { pingAfterMs: 300, pingTimeoutMs: 300 };

  test("that answers PING is kept", async () => {
    const { peer, exchanges } = await start({ limits });
    peer.send(request(1, ...GET));
    for (let asked = 1; asked <= 2; asked++) {
      await peer.until(() => peer.all(h2.PING).length === asked);
      peer.send(frame(h2.PING, h2.ACK, 0, peer.all(h2.PING)[asked - 1]?.payload));
    }
    first(exchanges).respond(ok).end();
    await peer.until(() => peer.ended(1));
  });

  test("that does not is dropped, and its request with it", async () => {
    const { listener, peer, exchanges } = await start({ limits });
    peer.send(request(1, ...GET));
    await expect.poll(() => exchanges.length).toBe(1);
    const failed = new Promise((resolve) => first(exchanges).onFail(resolve));
    expect(await failed).toMatchObject({ kind: "reset" });
    await peer.until(() => peer.closed);
    expect(peer.all(h2.PING).length).toBe(1);
    await expect.poll(() => listener.counts()).toEqual({ connections: 0, exchanges: 0 });
  });

  test("without a request it is not asked", async () => {
    const { peer } = await start({ limits: { ...limits, keepAliveMs: 1_000 } });
    await peer.until(() => peer.closed);
    expect(peer.all(h2.PING)).toEqual([]);
    expect(peer.goaway).toBe(h2.NO_ERROR);
  });
});

describe("leaving", () => {
  test("in two steps: what is under way is taken, what comes later is not looked at", async () => {
    const { listener, peer, exchanges } = await start();
    peer.send(request(1, ...GET));
    await expect.poll(() => exchanges.length).toBe(1);
    listener.drain();
    await peer.until(() => peer.goaway !== undefined);
    expect(peer.all(h2.GOAWAY)[0]?.payload.readUInt32BE(0)).toBe(h2.MAX_31_BITS);
    // Sent before we knew.
    peer.send(request(3, ...GET));
    const [asked] = peer.all(h2.PING);
    peer.send(Buffer.concat([Buffer.from([0, 0, 8, h2.PING, h2.ACK, 0, 0, 0, 0]), asked?.payload ?? Buffer.alloc(8)]));
    await peer.until(() => peer.all(h2.GOAWAY).length === 2);
    expect(peer.all(h2.GOAWAY)[1]?.payload.readUInt32BE(0)).toBe(3);
    peer.send(request(5, ...GET));
    for (const exchange of exchanges) exchange.respond(ok).end();
    await peer.until(() => peer.closed);
    expect([peer.ended(1), peer.ended(3), peer.ended(5)]).toEqual([true, true, false]);
    expect(exchanges.length).toBe(2);
  });

  test("a client that does not answer the PING is not waited for", async () => {
    const { listener, peer } = await start();
    listener.drain();
    await peer.until(() => peer.closed);
    expect(peer.all(h2.GOAWAY).length).toBe(2);
  });

  test("a closing listener waits for answers, as long as it was told to", async () => {
    const { listener, peer, exchanges } = await start();
    peer.send(request(1, ...GET), request(3, ...GET));
    await expect.poll(() => exchanges.length).toBe(2);
    const closed = listener.close(50);
    await peer.until(() => peer.goaway === h2.NO_ERROR);
    first(exchanges).respond(ok).end();
    await peer.until(() => peer.ended(1));
    const failed = new Promise((resolve) => exchanges[1]?.onFail(resolve));
    await closed;
    expect(await failed).toMatchObject({ kind: "reset" });
  });

  test("a client that goes away is answered what it has asked", async () => {
    const { peer, exchanges } = await start();
    peer.send(request(1, ...GET), goaway(0, h2.NO_ERROR));
    await expect.poll(() => exchanges.length).toBe(1);
    first(exchanges).respond(ok).end();
    await peer.until(() => peer.ended(1));
  });
});
