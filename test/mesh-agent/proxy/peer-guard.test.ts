/** Peers with good certificates that are denied: on both sides, over HTTP/1.1 and HTTP/2, open connections and resumed sessions. */
import { X509Certificate } from "node:crypto";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import type { Listener } from "../../../mesh-agent/proxy/listener.ts";
import { createMeshPool } from "../../../mesh-agent/proxy/mesh-pool.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { PeerGuard } from "../../../mesh-agent/proxy/peer-guard.ts";
import { createClientContext, type TlsIdentity } from "../../../mesh-agent/proxy/tls-peer.ts";
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

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function identity(service: string): Promise<TlsIdentity> {
  const leaf = await authority.issue(service);
  return { key: leaf.keyPem, cert: leaf.certPem, ca: authority.rootPem };
}

const serialOf = ({ cert }: TlsIdentity): string => new X509Certificate(cert).serialNumber;

interface World {
  readonly server: Listener;
  /** Of the side that is called, and of the side that calls. */
  readonly called: PeerGuard;
  readonly calling: PeerGuard;
  readonly pool: ClientPool;
}

/** @param perConnection requests of one connection */
async function world(perConnection?: number, as = users, at = orders): Promise<World> {
  const [called, calling] = [new PeerGuard(), new PeerGuard()];
  const server = await createMeshServer({ listen: { host: "127.0.0.1", port: 0 }, tls: { ...at, guard: called } });
  closers.push(() => server.close(0));
  answerWith(server, (target) => `at ${target}`);
  const secureContext = (): ReturnType<typeof createClientContext> => createClientContext(as);
  const pool = createMeshPool({
    ...{ host: "127.0.0.1", port: server.port },
    tls: { secureContext, expectedSpiffeId: ORDERS, guard: calling },
    ...(perConnection !== undefined && { requestsPerConnection: perConnection }),
  });
  closers.push(() => pool.close());
  return { server, called, calling, pool };
}

const answered = async ({ pool }: World): Promise<boolean> =>
  ask(pool, "/").then(
    () => true,
    () => false,
  );

const SIDES = ["called", "calling"] as const;

describe.each(SIDES)("the side that is %s", (side) => {
  const denies = (found: World, by: "id" | "serial"): number | undefined => {
    const [id, peer] = side === "called" ? [USERS, users] : [ORDERS, orders];
    return by === "id" ? found[side].deny([id], []) : found[side].deny([], [serialOf(peer)]);
  };

  test.each(["id", "serial"] as const)(
    "ends open connections by %s, and makes no new ones until it is lifted",
    async (by) => {
      const found = await world();
      await ask(found.pool, "/a");
      expect(found.pool.counts().open).toBe(1);
      expect(denies(found, by)).toBe(1);
      await expect.poll(() => found.pool.counts().open).toBe(0);
      await expect.poll(() => found.server.counts().connections).toBe(0);
      for (let n = 0; n < 3; n++) expect(await answered(found)).toBe(false);
      expect(found[side].deny([], [])).toBe(0);
      await expect.poll(() => answered(found)).toBe(true);
    },
  );

  test("refuses a session that was good before", async () => {
    const found = await world(1);
    // The second connection resumes what the first one proved.
    for (const path of ["/a", "/b"]) await ask(found.pool, path);
    denies(found, "serial");
    expect(await answered(found)).toBe(false);
    found[side].deny([], []);
    await expect.poll(() => answered(found)).toBe(true);
  });

  test.each(["id", "serial"] as const)("ends a connection that resumed a session, by %s", async (by) => {
    const found = await world(2);
    for (const path of ["/a", "/b", "/c"]) await ask(found.pool, path);
    await expect.poll(() => found.pool.counts().open).toBe(1);
    expect(denies(found, by)).toBe(1);
    await expect.poll(() => found.pool.counts().open).toBe(0);
  });

  test("ends a request that is under way", async () => {
    const found = await world();
    let begun = false;
    found.server.onExchange(() => {
      begun = true;
    });
    const waiting = failureOf(ask(found.pool, "/slow"));
    await expect.poll(() => begun).toBe(true);
    denies(found, "id");
    expect(await waiting).toBeDefined();
  });

  test("leaves others alone", async () => {
    const found = await world();
    await ask(found.pool, "/a");
    expect(found[side].deny(["spiffe://shop.internal/service/billing"], ["abc"])).toBe(0);
    expect(found.pool.counts().open).toBe(1);
    expect(await answered(found)).toBe(true);
  });
});

test("who calls is told that it is the identity", async () => {
  const found = await world();
  found.calling.deny([ORDERS], []);
  expect(await failureOf(ask(found.pool, "/"))).toMatchObject({ kind: "identity", sent: "none" });
});

test("the same list again changes nothing, and sessions stay good", () => {
  const guard = new PeerGuard();
  expect(guard.deny([ORDERS], ["0A"])).toBe(0);
  expect(guard.deny([ORDERS], ["a"])).toBeUndefined();
  expect(guard.revision).toBe(1);
});

describe("names of an outside issuer", () => {
  const names = { id: "spiffe://shop.internal/ns/*/sa/{service}" };
  const named = async (service: string): Promise<TlsIdentity> => {
    const leaf = await authority.issue(service, { uris: [`spiffe://shop.internal/ns/prod/sa/${service}`] });
    return { key: leaf.keyPem, cert: leaf.certPem, ca: authority.rootPem };
  };

  test("say who a peer is on both sides, whom denials mean, and end connections when they change", async () => {
    const found = await world(undefined, await named("users"), await named("orders"));
    const failure = await failureOf(ask(found.pool, "/"));
    expect(failure.message).toContain("the peer is spiffe://shop.internal/ns/prod/sa/orders");
    for (const side of SIDES) found[side].setNames(names);
    expect(await answered(found)).toBe(true);
    expect(found.called.nameOf("spiffe://shop.internal/ns/prod/sa/users")).toBe(USERS);
    // The same again is no change.
    expect([found.called.setNames({ ...names }), found.called.revision]).toEqual([0, 1]);
    expect(found.called.deny([USERS], [])).toBe(1);
    expect(await answered(found)).toBe(false);
    found.called.deny([], []);
    await expect.poll(() => answered(found)).toBe(true);
    expect(found.calling.setNames(undefined)).toBe(1);
    expect(await answered(found)).toBe(false);
  });
});
