import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttp2Server } from "../../../mesh-agent/proxy/http2/server-engine.ts";
import type { Listener } from "../../../mesh-agent/proxy/listener.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { Http2Peer } from "../../support/http2-peer.ts";
import { frameCases } from "./frame-cases.ts";
import { playFrameCase } from "./play-frame-case.ts";

const listen = { host: "127.0.0.1", port: 0 };
let server: Listener;
let mixed: Listener;

beforeAll(async () => {
  server = await createHttp2Server({ listen });
  mixed = await createMeshServer({ listen });
  for (const listener of [server, mixed])
    listener.onExchange((exchange) => {
      exchange.onFail(() => {});
      if (exchange.head.target === "/slow") return;
      exchange.body.onChunk(() => {});
      exchange.body.onEnd(() => exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 0 }).end());
    });
});
afterAll(() => Promise.all([server.close(0), mixed.close(0)]));

describe.concurrent("a listener of agents, which speaks HTTP/1.1 as well", () => {
  test.for(frameCases)("$clause: $title", async (one) => playFrameCase(await Http2Peer.connect(mixed.port), one));
});

describe.concurrent("a server", () => {
  test.for(frameCases)("$clause: $title", async (one) => playFrameCase(await Http2Peer.connect(server.port), one));

  test("3.4: takes the preface in pieces", async () => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    const peer = new Http2Peer(socket);
    peer.acknowledges = false;
    for (const byte of Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1")) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.until(() => peer.frames.length >= 3);
    expect(peer.goaway).toBeUndefined();
    peer.end();
  });

  test.each([
    ["an HTTP/1.1 request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["a wrong preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
    ["a preface without SETTINGS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\x0012345678"],
    ["a preface with an acknowledgement first", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\x01\0\0\0\0"],
  ])("3.4: ends a connection that begins with %s", async (_title, text) => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    const peer = new Http2Peer(socket);
    socket.write(text, "latin1");
    await peer.until(() => peer.closed);
    expect(peer.goaway).toBe(1);
    peer.end();
  });
});
