/** Servers that fall silent under a request: those that live are waited for, others are given up. */
import * as net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClientPool } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp2Pool } from "../../../../mesh-agent/proxy/http2/client-pool.ts";
import * as h2 from "../../../../mesh-agent/proxy/http2/protocol.ts";
import { ask, failureOf } from "../../../support/http1-exchange.ts";
import { data, frame, Http2Peer, open, settings } from "../../../support/http2-peer.ts";

let server: net.Server;
let pool: ClientPool;
/** Connections in the order in which they came. */
let peers: Http2Peer[];

beforeEach(async () => {
  peers = [];
  server = net.createServer({ noDelay: true }, (socket) => {
    const peer = new Http2Peer(socket, h2.PREFACE.length);
    peer.send(settings());
    peers.push(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  pool = createHttp2Pool({ host: "127.0.0.1", port, pingAfterMs: 300, pingTimeoutMs: 300 });
});
afterEach(() => {
  pool.close();
  server.close();
  for (const peer of peers) peer.end();
});

async function peerAt(index: number): Promise<Http2Peer> {
  await expect.poll(() => peers.length).toBe(index + 1);
  return peers[index] as Http2Peer;
}

const ok = (text: string): Buffer => Buffer.concat([open(1, ":status", "200"), data(1, text, true)]);

test("one that answers PING is waited for", async () => {
  const answer = ask(pool, "/");
  const peer = await peerAt(0);
  await peer.until(() => peer.all(h2.PING).length === 1);
  peer.send(frame(h2.PING, h2.ACK, 0, peer.all(h2.PING)[0]?.payload), ok("late"));
  expect((await answer).body.toString()).toBe("late");
});

test("one that does not is given up: its request fails, and the next one goes over another connection", async () => {
  expect(await failureOf(ask(pool, "/"))).toMatchObject({ kind: "reset" });
  const first = await peerAt(0);
  await first.until(() => first.closed);
  const answer = ask(pool, "/again");
  const second = await peerAt(1);
  await second.until(() => second.blocks.length === 1);
  second.send(ok("elsewhere"));
  expect((await answer).body.toString()).toBe("elsewhere");
});
