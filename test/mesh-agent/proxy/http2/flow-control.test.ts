/** Windows of random sizes, moved by random steps: none is exceeded, all bytes arrive, nothing stands still for ever. */
import { createHash } from "node:crypto";
import * as net from "node:net";
import { afterEach, expect, test } from "vitest";
import { createHttp2Pool } from "../../../../mesh-agent/proxy/http2/client-pool.ts";
import * as h2 from "../../../../mesh-agent/proxy/http2/protocol.ts";
import { createHttp2Server } from "../../../../mesh-agent/proxy/http2/server-engine.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { seededRandom } from "../../../fuzz/http1-messages.ts";
import { answerOf, requestHead } from "../../../support/http1-exchange.ts";
import { frame, GET, Http2Peer, open, request, settings, widen } from "../../../support/http2-peer.ts";

const seed = Number(process.env.SELVAGE_FUZZ_SEED ?? Date.now() % 1_000_000_007);
const runs = 12 * Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);
const random = seededRandom(seed);
const upTo = (most: number): number => Math.floor(random() * (most + 1));
const among = <T>(...values: T[]): T => values[upTo(values.length - 1)] as T;

let closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers) close();
  closers = [];
});

/** Counts what a peer sends us against the room that we gave it, and gives more by random steps until `done`. */
async function drip(peer: Http2Peer, initial: number, done: () => boolean): Promise<void> {
  const left = new Map<number, number>();
  let connection = 65_535;
  const change = 0;
  let seen = 0;
  const late = Date.now() + 30_000;
  while (!done()) {
    if (Date.now() > late) throw new Error(`seed ${seed}: nothing moves; ${peer.told.slice(-300)}`);
    for (const { type, id, payload } of peer.frames.slice(seen)) {
      if (type === h2.HEADERS && !left.has(id)) left.set(id, initial + change);
      if (type !== h2.DATA) continue;
      connection -= payload.length;
      left.set(id, (left.get(id) ?? 0) - payload.length);
      expect(connection, `seed ${seed}: the connection's window`).toBeGreaterThanOrEqual(0);
      // A window that was made smaller may be below zero, but then nothing more comes.
      if (payload.length > 0)
        expect(left.get(id), `seed ${seed}: the window of ${id}`).toBeGreaterThanOrEqual(Math.min(0, change));
    }
    seen = peer.frames.length;
    for (const [id, room] of left) {
      if (random() < 0.4 || peer.ended(id)) continue;
      const by = 1 + upTo(among(1, 100, 20_000, 100_000));
      left.set(id, room + by);
      peer.send(widen(id, by));
    }
    if (random() < 0.7) {
      const by = 1 + upTo(among(10, 1_000, 200_000));
      connection += by;
      peer.send(widen(0, by));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test("answers of a server keep within the windows of its client", { timeout: 120_000 }, async () => {
  console.log(`flow-control: seed ${seed}`);
  const server = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 } });
  closers.push(() => void server.close(0));
  server.onExchange((exchange) => {
    exchange.onFail(() => {});
    let left = Number(exchange.head.target.slice(1));
    const writer = exchange.respond({
      status: 200,
      fields: new FieldList(),
      bodyLength: among<number | "stream">(left, "stream"),
    });
    const write = (): void => {
      while (left > 0) {
        const size = Math.min(left, 1 + upTo(among(10, 5_000, 80_000)));
        left -= size;
        if (!writer.write(Buffer.alloc(size, 0x61))) return;
      }
      writer.end(new FieldList(["x-t", "1"]));
    };
    writer.onDrain(write);
    write();
  });
  for (let run = 0; run < runs; run++) {
    const initial = among(0, 1, 100, 16_384, 65_535, 200_000);
    const peer = await Http2Peer.connect(server.port, [h2.INITIAL_WINDOW_SIZE, initial]);
    const sizes = Array.from({ length: 1 + upTo(12) }, () => upTo(among(0, 10, 20_000, 300_000)));
    for (const [i, size] of sizes.entries()) peer.send(request(i * 2 + 1, ...GET.with(5, `/${size}`)));
    await drip(peer, initial, () => sizes.every((_, i) => peer.ended(i * 2 + 1)));
    expect(sizes.map((_, i) => peer.body(i * 2 + 1).length)).toEqual(sizes);
    expect(peer.goaway).toBeUndefined();
    peer.end();
  }
});

test("requests of a pool keep within the windows of their server", { timeout: 120_000 }, async () => {
  for (let run = 0; run < runs; run++) {
    const initial = among(0, 1, 1_000, 65_535, 150_000);
    let peer: Http2Peer | undefined;
    const server = net.createServer({ noDelay: true }, (socket) => {
      peer = new Http2Peer(socket, h2.PREFACE.length);
      peer.send(settings([h2.INITIAL_WINDOW_SIZE, initial]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const pool = createHttp2Pool({
      host: "127.0.0.1",
      port: (server.address() as net.AddressInfo).port,
      maxConnections: 1,
    });
    // So that all settings are known before the first body.
    pool.send(requestHead("/"), 30_000).onFail(() => {});
    while (peer === undefined || peer.all(h2.SETTINGS).length < 2)
      await new Promise((resolve) => setTimeout(resolve, 1));
    const connected = peer;
    const sizes = Array.from({ length: 1 + upTo(8) }, () => 1 + upTo(among(10, 20_000, 300_000)));
    for (const size of sizes) {
      const exchange = pool.send(requestHead("/", { method: "POST", bodyLength: "stream" }), 30_000);
      exchange.onFail(() => {});
      let left = size;
      const write = (): void => {
        while (left > 0) {
          const part = Math.min(left, 1 + upTo(40_000));
          left -= part;
          if (!exchange.body.write(Buffer.alloc(part, 0x62))) return;
        }
        exchange.body.end();
      };
      exchange.body.onDrain(write);
      write();
    }
    await drip(connected, initial, () => sizes.every((_, i) => connected.ended(i * 2 + 3)));
    expect(sizes.map((_, i) => connected.body(i * 2 + 3).length)).toEqual(sizes);
    pool.close();
    connected.end();
    server.close();
  }
});

test("an echo through pool and server, with readers who pause", { timeout: 120_000 }, async () => {
  const server = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 } });
  const pool = createHttp2Pool({ host: "127.0.0.1", port: server.port });
  closers.push(
    () => void server.close(0),
    () => pool.close(),
  );
  server.onExchange((exchange) => {
    exchange.onFail(() => {});
    const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: "stream" });
    exchange.body.onChunk((chunk) => {
      if (!writer.write(chunk) || random() < 0.05) {
        exchange.body.pause();
        if (random() < 0.5) setTimeout(() => exchange.body.resume(), upTo(3));
        else setImmediate(() => exchange.body.resume());
      }
    });
    writer.onDrain(() => exchange.body.resume());
    exchange.body.onEnd((trailers) => writer.end(trailers));
  });
  const one = async (): Promise<void> => {
    const size = 1 + upTo(among(100, 100_000, 2_000_000));
    const sent = Buffer.from(Array.from({ length: 1_000 }, () => upTo(255)));
    const exchange = pool.send(requestHead("/", { method: "POST", bodyLength: "stream" }), 60_000);
    const answer = answerOf(exchange);
    const hash = createHash("sha256");
    let left = size;
    const write = (): void => {
      while (left > 0) {
        const part = sent.subarray(0, Math.min(left, 1 + upTo(999)));
        hash.update(part);
        left -= part.length;
        if (!exchange.body.write(part)) return;
      }
      exchange.body.end(new FieldList(["x-size", String(size)]));
    };
    exchange.body.onDrain(write);
    write();
    const { body, trailers } = await answer;
    expect(body.length).toBe(size);
    expect(createHash("sha256").update(body).digest("hex")).toBe(hash.digest("hex"));
    expect(trailers.get("x-size")).toBe(String(size));
  };
  for (let run = 0; run < runs / 4; run++) await Promise.all(Array.from({ length: 10 }, one));
  await expect.poll(() => server.counts().exchanges).toBe(0);
});

test("a window that is made smaller while bodies move stops them until it is positive again", async () => {
  const server = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 } });
  closers.push(() => void server.close(0));
  server.onExchange((exchange) => {
    exchange.onFail(() => {});
    const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: "stream" });
    writer.write(Buffer.alloc(60_000));
    writer.end();
  });
  const peer = await Http2Peer.connect(server.port, [h2.INITIAL_WINDOW_SIZE, 10_000]);
  peer.send(request(1, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h"));
  await peer.until(() => peer.body(1).length === 10_000);
  // RFC 9113 section 6.9.2: now at -9,000.
  peer.send(settings([h2.INITIAL_WINDOW_SIZE, 1_000]), widen(1, 9_000), frame(h2.PING, 0, 0, "12345678"));
  await peer.until(() => peer.all(h2.PING).length === 1);
  expect(peer.body(1).length).toBe(10_000);
  peer.send(widen(1, 5));
  await peer.until(() => peer.body(1).length === 10_005);
  peer.send(settings([h2.INITIAL_WINDOW_SIZE, 65_535]));
  await peer.until(() => peer.ended(1));
  expect(peer.body(1).length).toBe(60_000);
});

test("bodies of a paused stream do not hold up the others", async () => {
  const server = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 } });
  closers.push(() => void server.close(0));
  server.onExchange((exchange) => {
    exchange.onFail(() => {});
    if (exchange.head.target === "/never") return;
    let length = 0;
    exchange.body.onChunk((chunk) => {
      length += chunk.length;
    });
    exchange.body.onEnd(() => {
      const writer = exchange.respond({
        status: 200,
        fields: new FieldList(["x-length", String(length)]),
        bodyLength: 0,
      });
      writer.end();
    });
  });
  const peer = await Http2Peer.connect(server.port);
  const post = (path: string): string[] => [":method", "POST", ":scheme", "http", ":path", path, ":authority", "h"];
  // Five that nobody reads, as full as they may be: more than the window of the connection.
  for (const id of [1, 3, 5, 7, 9]) {
    peer.send(open(id, ...post("/never")));
    for (let i = 0; i < 16; i++) peer.send(frame(h2.DATA, 0, id, Buffer.alloc(16_384)));
    const granted = (): number =>
      peer.all(h2.WINDOW_UPDATE, 0).reduce((sum, one) => sum + one.payload.readUInt32BE(0), 65_535);
    const used = ((id + 1) / 2) * 262_144;
    await peer.until(() => granted() >= used + 262_144);
  }
  peer.send(open(11, ...post("/read")), frame(h2.DATA, h2.END_STREAM, 11, Buffer.alloc(10_000)));
  await peer.until(() => peer.ended(11));
  expect(peer.head(11)).toContain("10000");
});
