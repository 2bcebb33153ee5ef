/** Agents among each other: HTTP/2 where both speak it, HTTP/1.1 with those that do not. */
import * as net from "node:net";
import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClientPool, ServerEngine } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { createMeshPool, type MeshPoolOptions } from "../../../mesh-agent/proxy/mesh-pool.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { createClientContext, type TlsIdentity } from "../../../mesh-agent/proxy/tls-peer.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { answerOf, answerWith, ask, failureOf, requestHead } from "../../support/http1-exchange.ts";

const ORDERS = "spiffe://shop.internal/service/orders";

let authority: TestAuthority;
let orders: TlsIdentity;
let users: TlsIdentity;
beforeAll(async () => {
  authority = await makeAuthority("shop.internal");
  orders = await identity("orders");
  users = await identity("users");
});

async function identity(service: string): Promise<TlsIdentity> {
  const leaf = await authority.issue(service, {});
  return { key: leaf.keyPem, cert: leaf.certPem, ca: authority.rootPem };
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(create: typeof createMeshServer, port = 0, as = orders): Promise<ServerEngine> {
  const server = await create({ listen: { host: "127.0.0.1", port }, tls: as });
  closers.push(() => server.close(0));
  answerWith(server, (target) => `at ${target}`);
  return server;
}

function poolTo(port: number, more: Partial<MeshPoolOptions> = {}): ClientPool {
  const secureContext = (): ReturnType<typeof createClientContext> => createClientContext(users);
  const pool = createMeshPool({ host: "127.0.0.1", port, tls: { secureContext, expectedSpiffeId: ORDERS }, ...more });
  closers.push(() => pool.close());
  return pool;
}

test("all requests to an agent share one connection, whose first one chose HTTP/2", async () => {
  const server = await serve(createMeshServer);
  const pool = poolTo(server.port);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(pool, `/${i}`)));
  expect(answers.map(({ body }) => body.toString())).toEqual(Array.from({ length: 50 }, (_, i) => `at /${i}`));
  expect(server.counts().connections).toBe(1);
  expect(pool.counts()).toEqual({ open: 1, idle: 1, waiting: 0, active: 0 });
});

test("an agent that speaks HTTP/1.1 only is spoken to so", async () => {
  const server = await serve(createHttp1Server);
  const pool = poolTo(server.port);
  expect((await ask(pool, "/a")).body.toString()).toBe("at /a");
  await Promise.all(Array.from({ length: 5 }, () => ask(pool, "/b")));
  expect(pool.counts().open).toBeGreaterThan(1);
});

test("a caller that speaks HTTP/1.1 only is answered so", async () => {
  const server = await serve(createMeshServer);
  const secureContext = (): ReturnType<typeof createClientContext> => createClientContext(users);
  const pool = createHttp1Pool({
    host: "127.0.0.1",
    port: server.port,
    tls: { secureContext, expectedSpiffeId: ORDERS },
  });
  closers.push(() => pool.close());
  expect((await ask(pool, "/a")).body.toString()).toBe("at /a");
});

test("an agent that comes back with another protocol is asked again", async () => {
  const newer = await serve(createMeshServer);
  const { port } = newer;
  const pool = poolTo(port);
  await ask(pool, "/");
  await newer.close(0);
  const older = await serve(createHttp1Server, port);
  await expect.poll(() => pool.counts().open).toBe(0);
  // The one that finds it out was not sent: the stack above sends it again.
  expect(await failureOf(ask(pool, "/"))).toMatchObject({ sent: "none" });
  expect((await ask(pool, "/a")).body.toString()).toBe("at /a");
  await older.close(0);
  await serve(createMeshServer, port);
  await expect.poll(() => pool.counts().open).toBe(0);
  await Promise.all(Array.from({ length: 5 }, () => ask(pool, "/b")));
  expect(pool.counts().open).toBe(1);
});

test("a body that is written while the protocol is asked for arrives whole", async () => {
  for (const create of [createMeshServer, createHttp1Server]) {
    const server = await serve(create);
    server.onExchange((exchange) => {
      let length = 0;
      exchange.body.onChunk((chunk) => {
        length += chunk.length;
      });
      exchange.body.onEnd((trailers) => {
        const fields = FieldList.from([["x-length", `${length} ${trailers.get("x-t")}`]]);
        exchange.respond({ status: 204, fields, bodyLength: 0 }).end();
      });
    });
    const exchange = poolTo(server.port).send(requestHead("/", { method: "POST", bodyLength: "stream" }), 5_000);
    const { body } = exchange;
    const answer = answerOf(exchange);
    let left = 40;
    const write = (): void => {
      for (; left > 0; left--) if (!body.write(Buffer.alloc(10_000))) break;
      if (left > 0) left--;
      else body.end(new FieldList(["x-t", "7"]));
    };
    body.onDrain(write);
    write();
    expect((await answer).head.fields.get("x-length")).toBe("400000 7");
  }
});

test("somebody else at the address gets no request", async () => {
  const server = await serve(createMeshServer, 0, await identity("inventory"));
  expect(await failureOf(ask(poolTo(server.port), "/"))).toMatchObject({ kind: "identity", sent: "none" });
  expect(server.counts().exchanges).toBe(0);
});

test("nobody at the address", async () => {
  expect(await failureOf(ask(poolTo(1), "/"))).toMatchObject({ kind: "connect", sent: "none" });
});

test("requests that wait have an end: by their time, by will, by number and with the pool", async () => {
  const silent = net.createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  closers.push(() => silent.close());
  const pool = poolTo((silent.address() as net.AddressInfo).port, { maxPending: 2 });
  const timed = failureOf(ask(pool, "/", 50));
  pool.send(requestHead("/"), 5_000).abort("not needed");
  const closed = failureOf(ask(pool, "/"));
  expect(await failureOf(ask(pool, "/"))).toMatchObject({ kind: "refused", sent: "none" });
  expect(await timed).toMatchObject({ kind: "timeout", sent: "none" });
  pool.close();
  expect(await closed).toMatchObject({ kind: "refused", sent: "none" });
  expect(await failureOf(ask(pool, "/"))).toMatchObject({ kind: "refused", sent: "none" });
});

test("a server that drains finishes what it has, and no request is lost", async () => {
  const server = await serve(createMeshServer);
  const pool = poolTo(server.port);
  await ask(pool, "/");
  let answer = (): void => {};
  const answering = new Promise<void>((resolve) => {
    answer = resolve;
  });
  server.onExchange((exchange) => {
    exchange.onFail(() => {});
    void answering.then(() => exchange.respond({ status: 204, fields: new FieldList(), bodyLength: 0 }).end());
  });
  const before = Array.from({ length: 20 }, () => ask(pool, "/"));
  await expect.poll(() => server.counts().exchanges).toBe(20);
  server.drain();
  const during = Array.from({ length: 20 }, () => ask(pool, "/"));
  await expect.poll(() => server.counts().exchanges).toBe(40);
  answer();
  expect((await Promise.all([...before, ...during])).every(({ head }) => head.status === 204)).toBe(true);
  const closing = Array.from({ length: 20 }, () =>
    ask(pool, "/").then(
      () => "answered",
      (error) => (error as { sent: string }).sent,
    ),
  );
  await server.close(2_000);
  for (const end of await Promise.all(closing)) expect(["answered", "none"]).toContain(end);
});
