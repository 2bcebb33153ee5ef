import { X509Certificate } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server, type Http1Server } from "../../../../mesh-agent/proxy/http1/server-engine.ts";
import { createClientContext, spiffeIdOfCertificate, type TlsIdentity } from "../../../../mesh-agent/proxy/tls-peer.ts";
import { type LeafOptions, makeAuthority, type TestAuthority } from "../../../support/certificates.ts";
import { answerWith, ask, failureOf } from "../../../support/http1-exchange.ts";

const ORDERS = "spiffe://shop.internal/service/orders";
const USERS = "spiffe://shop.internal/service/users";

let authority: TestAuthority;
let stranger: TestAuthority;
let orders: TlsIdentity;
let users: TlsIdentity;

beforeAll(async () => {
  authority = await makeAuthority("shop.internal");
  stranger = await makeAuthority("shop.internal");
  orders = await identity(authority, "orders");
  users = await identity(authority, "users");
});

async function identity(from: TestAuthority, service: string, options: LeafOptions = {}): Promise<TlsIdentity> {
  const leaf = await from.issue(service, options);
  return { key: leaf.keyPem, cert: leaf.certPem, ca: authority.rootPem };
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(as: TlsIdentity = orders): Promise<Http1Server> {
  const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, tls: as });
  closers.push(() => server.close(0));
  return server;
}

function poolTo(port: number, as: TlsIdentity, expectedSpiffeId = ORDERS): ClientPool {
  const pool = createHttp1Pool({
    host: "127.0.0.1",
    port,
    tls: { secureContext: () => createClientContext(as), expectedSpiffeId },
  });
  closers.push(() => pool.close());
  return pool;
}

describe("identities", () => {
  test("both sides know each other", async () => {
    const server = await start();
    const peers: (string | undefined)[] = [];
    server.onExchange((exchange) => {
      peers.push(exchange.peer.spiffeId);
      exchange.respond({ status: 204, fields: exchange.head.fields, bodyLength: 0 }).end();
    });
    expect((await ask(poolTo(server.port, users), "/")).head.status).toBe(204);
    expect(peers).toEqual([USERS]);
  });

  test("a server that is somebody else gets no request", async () => {
    const server = await start(await identity(authority, "inventory"));
    let seen = 0;
    server.onExchange(() => seen++);
    expect(await failureOf(ask(poolTo(server.port, users), "/"))).toMatchObject({ kind: "identity", sent: "none" });
    expect(seen).toBe(0);
  });

  test("a server of another authority gets no request", async () => {
    const server = await start(await identity(stranger, "orders"));
    expect(await failureOf(ask(poolTo(server.port, users), "/"))).toMatchObject({ kind: "identity", sent: "none" });
  });

  test("a server whose certificate is over gets no request", async () => {
    const old = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
    const server = await start(await identity(authority, "orders", old));
    expect(await failureOf(ask(poolTo(server.port, users), "/"))).toMatchObject({ kind: "identity", sent: "none" });
  });

  test("a server with a host name instead of an identity gets no request", async () => {
    const server = await start(await identity(authority, "orders", { uris: [], dnsNames: ["localhost"] }));
    expect(await failureOf(ask(poolTo(server.port, users), "/"))).toMatchObject({ kind: "identity", sent: "none" });
  });

  test.each<[string, () => Promise<Partial<TlsIdentity>>]>([
    ["without a certificate", async () => ({ ca: authority.rootPem })],
    ["of another authority", () => identity(stranger, "users")],
    ["with two identities", () => identity(authority, "users", { uris: [USERS, ORDERS] })],
    ["without an identity", () => identity(authority, "users", { uris: [], dnsNames: ["users"] })],
    ["with a URL that is no SPIFFE ID", () => identity(authority, "users", { uris: ["https://users/"] })],
    ["whose certificate is over", () => identity(authority, "users", { notAfter: new Date(Date.now() - 30_000) })],
  ])("a client %s is cut off before its request is seen", async (_title, make) => {
    const server = await start();
    let seen = 0;
    server.onExchange(() => seen++);
    const failure = await failureOf(ask(poolTo(server.port, (await make()) as TlsIdentity), "/"));
    expect(["reset", "identity", "connect"]).toContain(failure.kind);
    expect(seen).toBe(0);
    expect(server.counts().exchanges).toBe(0);
  });

  test("the names of a certificate are read from its bytes", async () => {
    const read = async (uris: string[]): Promise<string | undefined> => {
      const leaf = await authority.issue("x", { uris, dnsNames: ["a.example"] });
      return spiffeIdOfCertificate(new X509Certificate(leaf.certPem).raw);
    };
    expect(await read([USERS])).toBe(USERS);
    // Its text form is quoted and would hold a second name for a careless reader.
    expect(await read([`spiffe://a/b, URI:${USERS}`])).toBe(`spiffe://a/b, URI:${USERS}`);
    expect(await read([USERS, USERS])).toBeUndefined();
    expect(await read([])).toBeUndefined();
    for (const bytes of ["", "\x30", "\x30\x80", "\x30\x03\x30\x01", "\x30\x84\xff\xff\xff\xff"])
      expect(spiffeIdOfCertificate(Buffer.from(bytes, "latin1"))).toBeUndefined();
  });
});

describe("the protocol", () => {
  test("plain HTTP at a TLS listener is cut off, and the listener goes on", async () => {
    const server = await start();
    answerWith(server, () => "hi");
    const text = await new Promise<string>((resolve) => {
      let received = "";
      const socket = net.connect({ port: server.port, host: "127.0.0.1" });
      socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString("latin1");
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(received));
    });
    expect(text).not.toContain("HTTP/");
    expect((await ask(poolTo(server.port, users), "/")).body.toString()).toBe("hi");
  });

  test("TLS 1.2 is refused, ALPN is http/1.1, a session is resumed until the identity changes", async () => {
    const server = await start();
    answerWith(server, () => "hi");
    const connect = (options: tls.ConnectionOptions): Promise<tls.TLSSocket | Error> =>
      new Promise((resolve) => {
        const socket = tls.connect(
          {
            host: "127.0.0.1",
            port: server.port,
            key: users.key,
            cert: users.cert,
            ca: authority.rootPem,
            checkServerIdentity: () => undefined,
            ...options,
          },
          () => resolve(socket),
        );
        socket.on("error", resolve);
      });
    expect(await connect({ maxVersion: "TLSv1.2", minVersion: "TLSv1.2" })).toBeInstanceOf(Error);
    const first = await connect({ ALPNProtocols: ["h2", "http/1.1"] });
    if (first instanceof Error) throw first;
    const sessions: Buffer[] = [];
    first.on("session", (session) => sessions.push(session));
    first.on("data", () => undefined);
    first.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await new Promise((resolve) => first.once("data", resolve));
    expect([first.alpnProtocol, first.getProtocol()]).toEqual(["http/1.1", "TLSv1.3"]);
    expect(sessions.length).toBeGreaterThan(0);
    for (const [at, session] of sessions.entries()) {
      if (at > 0) server.setSecureContext(orders);
      const again = await connect({ session });
      if (again instanceof Error) throw again;
      expect(again.isSessionReused()).toBe(at === 0);
      again.destroy();
    }
    first.destroy();
  });

  test("certificates rotate under load without a failed request", async () => {
    const server = await start();
    answerWith(server, (target) => target);
    const pool = poolTo(server.port, users);
    let stop = false;
    let served = 0;
    const callers = Array.from({ length: 8 }, async (_unused, caller) => {
      // Some connections live through all of it, others are made anew.
      while (!stop) {
        const target = `/${caller}/${served++}`;
        const through = caller % 2 === 0 ? pool : poolTo(server.port, users);
        expect((await ask(through, target)).body.toString()).toBe(target);
        if (through !== pool) through.close();
      }
    });
    for (let i = 0; i < 20; i++) {
      server.setSecureContext(await identity(authority, "orders"));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop = true;
    await Promise.all(callers);
    expect(served).toBeGreaterThan(20);
    server.setSecureContext(await identity(authority, "inventory"));
    expect(await failureOf(ask(poolTo(server.port, users), "/"))).toMatchObject({ kind: "identity" });
    expect((await ask(pool, "/old")).body.toString()).toBe("/old");
  });
});
