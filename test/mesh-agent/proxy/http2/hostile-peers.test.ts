/** Clients that mean harm: each is told what it did, is cut off, and costs little memory until then. */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import * as h2 from "../../../../mesh-agent/proxy/http2/protocol.ts";
import { createHttp2Server, type Http2ServerOptions } from "../../../../mesh-agent/proxy/http2/server-engine.ts";
import type { Listener } from "../../../../mesh-agent/proxy/listener.ts";
import { FieldList } from "../../../../shared/http/field-list.ts";
import { limits } from "../../../../shared/limits.ts";
import {
  data,
  frame,
  GET,
  Http2Peer,
  open,
  POST,
  ping,
  request,
  reset,
  settings,
  widen,
} from "../../../support/http2-peer.ts";

let server: Listener | undefined;
afterEach(async () => {
  await server?.close(0);
  server = undefined;
});

/** Answers nothing, reads nothing, unless told otherwise. */
async function start(
  options: Partial<Http2ServerOptions> = {},
): Promise<{ readonly listener: Listener; failed: () => number; written: () => number }> {
  const listener = await createHttp2Server({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  server = listener;
  let failed = 0;
  let written = 0;
  listener.onExchange((exchange) => {
    exchange.onFail(() => {
      failed++;
    });
    if (exchange.head.target === "/large") {
      const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: "stream" });
      const chunk = Buffer.alloc(16_384);
      const fill = (): void => {
        for (let flows = true; flows; written += chunk.length) flows = writer.write(chunk);
      };
      writer.onDrain(fill);
      fill();
    }
    if (exchange.head.target === "/ok") exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 0 }).end();
  });
  return { listener, failed: () => failed, written: () => written };
}

const LARGE = [":method", "GET", ":scheme", "http", ":path", "/large", ":authority", "h"];

/** Sends until the other side has had enough. @returns times that it was sent */
async function flood(peer: Http2Peer, most: number, make: (i: number) => Buffer): Promise<number> {
  let sent = 0;
  for (; sent < most && !peer.closed; sent++) {
    peer.send(make(sent));
    if (sent % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.until(() => peer.closed);
  return sent;
}

describe("a client that floods", () => {
  const twoFrames = (i: number): Buffer => Buffer.concat([request(i * 2 + 1, ...GET), reset(i * 2 + 1, h2.CANCEL)]);
  test.each<[string, (i: number) => Buffer]>([
    ["PING", () => ping()],
    ["PING with ACK", () => frame(h2.PING, h2.ACK, 0, "12345678")],
    ["SETTINGS", () => settings()],
    ["SETTINGS with ACK", () => frame(h2.SETTINGS, h2.ACK, 0)],
    ["WINDOW_UPDATE", () => widen(0, 1)],
    ["PRIORITY", () => frame(h2.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 1]))],
    ["frames of unknown type", () => frame(0x77, 0, 0)],
    ["empty DATA", (i) => (i === 0 ? open(1, ...POST) : data(1, ""))],
    ["DATA of nothing but padding", (i) => (i === 0 ? open(1, ...POST) : frame(h2.DATA, h2.PADDED, 1, "\x01\0"))],
    ["RST_STREAM of closed streams", (i) => (i === 0 ? Buffer.concat([open(1, ...POST), reset(1, 8)]) : reset(1, 8))],
    ["requests that it resets at once (CVE-2023-44487)", twoFrames],
    [
      "requests that make us reset them (CVE-2025-8671)",
      (i) => Buffer.concat([open(i * 2 + 1, ...POST), widen(i * 2 + 1, 0)]),
    ],
    ["malformed requests", (i) => request(i * 2 + 1, "a", "b")],
    ["requests above the number that is allowed", (i) => open(i * 2 + 1, ...POST)],
  ])("%s is calmed", async (_title, make) => {
    const { listener } = await start();
    const peer = await Http2Peer.connect(listener.port);
    const sent = await flood(peer, 20_000, make);
    expect(peer.goaway).toBe(h2.ENHANCE_YOUR_CALM);
    expect(sent).toBeLessThan(20_000);
    await peer.until(() => listener.counts().exchanges === 0);
  });

  test("CONTINUATION without an end (CVE-2024-27316) is calmed, small ones too", async () => {
    for (const size of [0, 1, 4_096]) {
      const { listener } = await start();
      const peer = await Http2Peer.connect(listener.port);
      peer.send(frame(h2.HEADERS, 0, 1, Buffer.from([0x82])));
      await flood(peer, 1_000, () => frame(h2.CONTINUATION, 0, 1, Buffer.alloc(size, 0x82)));
      expect(peer.goaway).toBe(h2.ENHANCE_YOUR_CALM);
      await listener.close(0);
    }
  });
});

describe("what is no flood", () => {
  test("as many requests given up as answered", async () => {
    const { listener } = await start();
    const peer = await Http2Peer.connect(listener.port);
    for (let id = 1; id < 4_000; id += 4) {
      peer.send(request(id, ...GET.with(5, "/ok")), request(id + 2, ...GET), reset(id + 2, h2.CANCEL));
      await peer.until(() => peer.ended(id));
    }
    expect(peer.goaway).toBeUndefined();
  });

  test("windows that are widened for every frame of a large body", async () => {
    const { listener } = await start();
    const peer = await Http2Peer.connect(listener.port, [h2.INITIAL_WINDOW_SIZE, 1_000]);
    peer.send(request(1, ...LARGE));
    let seen = 0;
    while (seen < 3_000) {
      await peer.until(() => peer.frames.length > seen);
      for (const { type, payload } of peer.frames.slice(seen))
        if (type === h2.DATA) peer.send(widen(1, payload.length), widen(0, payload.length));
      seen = peer.frames.length;
    }
    expect(peer.goaway).toBeUndefined();
  });
});

describe("memory", () => {
  test("bodies that nobody reads are bound by the windows", async () => {
    const { listener } = await start();
    const peer = await Http2Peer.connect(listener.port);
    peer.send(open(1, ...POST));
    for (let sent = 0; sent <= limits.http2.streamWindowBytes; sent += 16_384) peer.send(data(1, Buffer.alloc(16_384)));
    await peer.until(() => peer.resetCode(1) !== undefined);
    expect(peer.resetCode(1)).toBe(h2.FLOW_CONTROL_ERROR);
    expect(peer.goaway).toBeUndefined();
  });

  test("and of the connection, with many streams", async () => {
    const { listener } = await start();
    const peer = await Http2Peer.connect(listener.port);
    const chunk = Buffer.alloc(16_384);
    let sent = 0;
    for (let i = 0; i < 200 && !peer.closed; i++) {
      peer.send(open(i * 2 + 1, ...POST), data(i * 2 + 1, chunk), data(i * 2 + 1, chunk), data(i * 2 + 1, chunk));
      sent += 3 * chunk.length;
      if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await peer.until(() => peer.closed);
    expect(peer.goaway).toBe(h2.FLOW_CONTROL_ERROR);
    expect(sent).toBeLessThanOrEqual(200 * 3 * 16_384);
    const granted = peer.all(h2.WINDOW_UPDATE, 0).reduce((sum, one) => sum + one.payload.readUInt32BE(0), 65_535);
    expect(granted).toBeLessThanOrEqual(limits.http2.heldBytesMax + 2 * limits.http2.connectionWindowBytes);
  });

  test("answers to a client that opens no window are bound", async () => {
    const { listener, written } = await start();
    const peer = await Http2Peer.connect(listener.port, [h2.INITIAL_WINDOW_SIZE, 0]);
    for (let i = 0; i < 100; i++) peer.send(request(i * 2 + 1, ...LARGE));
    await peer.until(() => peer.all(h2.HEADERS).length === 100);
    expect(peer.all(h2.DATA)).toEqual([]);
    expect(written()).toBe(100 * limits.http.outputBytesMax);
  });
});

describe("time", () => {
  test.each<[string, (peer: Http2Peer) => void, number | undefined]>([
    ["sends half a header block", (peer) => peer.send(frame(h2.HEADERS, 0, 1, Buffer.from([0x82]))), h2.NO_ERROR],
    ["sends half a frame", (peer) => peer.send(frame(h2.HEADERS, 5, 1, Buffer.alloc(50)).subarray(0, 20)), h2.NO_ERROR],
    ["says nothing after the handshake", () => {}, h2.NO_ERROR],
  ])("a client that %s is cut off", async (_title, act, code) => {
    const { listener } = await start({ limits: { headTimeoutMs: 50, keepAliveMs: 50 } });
    const peer = await Http2Peer.connect(listener.port);
    act(peer);
    await peer.until(() => peer.closed);
    expect(peer.goaway).toBe(code);
  });

  test("a client that connects and says nothing at all is cut off", async () => {
    const { listener } = await start({ limits: { headTimeoutMs: 50 } });
    const peer = new Http2Peer(connect({ port: listener.port, host: "127.0.0.1" }));
    await peer.until(() => peer.closed);
  });

  test("a client that does not acknowledge our settings is cut off", async () => {
    const { listener } = await start({ limits: { headTimeoutMs: 50 } });
    const peer = new Http2Peer(connect({ port: listener.port, host: "127.0.0.1" }));
    peer.acknowledges = false;
    peer.send(h2.PREFACE, settings(), request(1, ...GET));
    await peer.until(() => peer.closed);
    expect(peer.goaway).toBe(h2.SETTINGS_TIMEOUT);
  });

  test.each<[string, (peer: Http2Peer) => void]>([
    [
      "does not send its body",
      (peer) => peer.send(open(1, ":method", "POST", ...LARGE.slice(2, 4), ":path", "/read", ":authority", "h")),
    ],
    ["opens no window for its answer", (peer) => peer.send(request(1, ...LARGE))],
  ])("a request whose client %s is given up, and the connection is not", async (_title, act) => {
    const { listener, failed } = await start({ limits: { stallTimeoutMs: 50 } });
    const peer = await Http2Peer.connect(listener.port, [h2.INITIAL_WINDOW_SIZE, 10]);
    server?.onExchange((exchange) => {
      exchange.onFail((error) => expect(error.kind).toBe("timeout"));
      if (exchange.head.target === "/read") exchange.body.onChunk(() => {});
      else exchange.respond({ status: 200, fields: new FieldList(), bodyLength: "stream" }).write(Buffer.alloc(100));
    });
    act(peer);
    await peer.until(() => peer.resetCode(1) !== undefined);
    expect(peer.resetCode(1)).toBe(h2.CANCEL);
    expect(peer.goaway).toBeUndefined();
    expect(listener.counts().exchanges).toBe(0);
    expect(failed()).toBe(0);
  });
});
