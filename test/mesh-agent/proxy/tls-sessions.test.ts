/** Sessions of TLS 1.3 between agents: used again, with the identity that they were made with, and only as long as that holds. */
import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import type { Listener } from "../../../mesh-agent/proxy/listener.ts";
import { createMeshPool } from "../../../mesh-agent/proxy/mesh-pool.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { createClientContext, spiffeIdOfSocket, type TlsIdentity } from "../../../mesh-agent/proxy/tls-peer.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { answerWith, ask, failureOf } from "../../support/http1-exchange.ts";

const ORDERS = "spiffe://shop.internal/service/orders";
const USERS = "spiffe://shop.internal/service/users";

let authority: TestAuthority;
let orders: TlsIdentity;
let users: TlsIdentity;

beforeAll(async () => {
  authority = await makeAuthority("shop.internal");
  orders = await identity("orders");
  users = await identity("users");
});

async function identity(service: string, more = {}): Promise<TlsIdentity> {
  const leaf = await authority.issue(service, more);
  return { key: leaf.keyPem, cert: leaf.certPem, ca: authority.rootPem };
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Served {
  readonly server: Listener;
  /** Of each connection: whether it resumed a session, and who the peer is. */
  readonly seen: [boolean, string | undefined][];
}

async function serve(as: TlsIdentity, port = 0): Promise<Served> {
  const seen: [boolean, string | undefined][] = [];
  const server = await createMeshServer({
    listen: { host: "127.0.0.1", port },
    tls: as,
    spiffeIdOf: (socket) => {
      const peer = spiffeIdOfSocket(socket);
      seen.push([socket.isSessionReused(), peer]);
      return peer;
    },
  });
  closers.push(() => server.close(0));
  answerWith(server, (target) => `at ${target}`);
  return { server, seen };
}

/** A connection for each request. */
function poolTo(port: number, as = users): ClientPool {
  const secureContext = (): ReturnType<typeof createClientContext> => createClientContext(as);
  const tls = { secureContext, expectedSpiffeId: ORDERS };
  const pool = createMeshPool({ host: "127.0.0.1", port, tls, requestsPerConnection: 1 });
  closers.push(() => pool.close());
  return pool;
}

test("a connection that follows resumes the session, and its peer is known all the same", async () => {
  const { server, seen } = await serve(orders);
  const pool = poolTo(server.port);
  for (let n = 0; n < 4; n++) expect((await ask(pool, `/${n}`)).body.toString()).toBe(`at /${n}`);
  expect(seen).toEqual([false, true, true, true].map((reused) => [reused, USERS]));
});

test("no session outlives the certificates and roots that it was made under", async () => {
  const { server, seen } = await serve(orders);
  const pool = poolTo(server.port);
  await ask(pool, "/a");
  await ask(pool, "/b");
  server.setSecureContext(await identity("orders"));
  await ask(pool, "/c");
  await ask(pool, "/d");
  expect(seen.map(([reused]) => reused)).toEqual([false, true, false, true]);
});

test("another pool, with another identity, begins anew", async () => {
  const { server, seen } = await serve(orders);
  await ask(poolTo(server.port), "/a");
  await ask(poolTo(server.port, await identity("billing")), "/b");
  expect(seen).toEqual([
    [false, USERS],
    [false, "spiffe://shop.internal/service/billing"],
  ]);
});

test("whoever takes the endpoint's place cannot resume, and has to prove who it is", async () => {
  const { server } = await serve(orders);
  const pool = poolTo(server.port);
  await ask(pool, "/a");
  const { port } = server;
  await server.close(0);
  await serve(await identity("billing"), port);
  expect(await failureOf(ask(pool, "/b"))).toMatchObject({ sent: "none" });
  expect(await failureOf(ask(pool, "/c"))).toMatchObject({ kind: "identity", sent: "none" });
});

test("a pool can be made warm: its connection is there before the first request", async () => {
  const { server, seen } = await serve(orders);
  const pool = poolTo(server.port);
  pool.warm?.();
  pool.warm?.();
  await expect.poll(() => pool.counts().open).toBe(1);
  pool.warm?.();
  await ask(pool, "/a");
  expect(seen).toHaveLength(1);
});
