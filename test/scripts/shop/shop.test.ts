/** The shop's programs alone, without a mesh. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { freePort } from "../../../cli/local/ports.ts";
import { answersWell } from "../../../cli/local/system.ts";
import { AUDIENCE, issuerOf, openKey, readKey, signToken } from "../../../examples/shop/tokens.ts";

// Processes are started here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 });

const shop = path.resolve(import.meta.dirname, "../../../examples/shop");
let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-shop-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await new Promise((done) => child.once("exit", done));
  }
  rmSync(folder, { recursive: true, force: true });
});

async function start(file: string, probe: string, environment: Record<string, string> = {}) {
  const port = await freePort();
  const child = spawn(process.execPath, [path.join(shop, file)], {
    env: { ...process.env, PORT: String(port), IDP_STATE: folder, ...environment },
    stdio: "ignore",
  });
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  await answersWell(url + probe, AbortSignal.timeout(10_000));
  return { url, port, child };
}

describe("identity provider", () => {
  const DISCOVERY = "/.well-known/openid-configuration";

  test("gives tokens that its published keys verify, also those signed beside it", async () => {
    const { url, port } = await start("idp.ts", DISCOVERY);
    const discovery = (await (await fetch(url + DISCOVERY)).json()) as Record<string, string>;
    expect(discovery.issuer).toBe(issuerOf(port));
    const keys = createRemoteJWKSet(new URL(discovery.jwks_uri ?? ""));
    const expected = { issuer: issuerOf(port), audience: AUDIENCE, algorithms: ["ES256"] };
    const form = { grant_type: "urn:selvage:demo:subject", subject: "alice", scope: "orders:read orders:write" };
    const answer = await fetch(discovery.token_endpoint ?? "", { method: "POST", body: new URLSearchParams(form) });
    const { access_token } = (await answer.json()) as { access_token: string };
    expect((await jwtVerify(access_token, keys, expected)).payload).toMatchObject({
      sub: "alice",
      scope: "orders:read orders:write",
    });
    const request = { issuer: issuerOf(port), subject: "bob", audience: AUDIENCE, scopes: [], expiresInSeconds: 60 };
    const beside = await signToken(readKey(folder), request, Date.now());
    const { payload } = await jwtVerify(beside, keys, expected);
    expect(payload.sub).toBe("bob");
    expect(payload).not.toHaveProperty("scope");
  });

  test("publishes no private part and keeps its key for its user alone", async () => {
    const { url } = await start("idp.ts", DISCOVERY);
    const jwks = await (await fetch(`${url}/jwks`)).text();
    expect(jwks).not.toContain('"d"');
    expect(jwks).not.toContain(readKey(folder).d);
    expect(statSync(path.join(folder, "key.json")).mode & 0o777).toBe(0o600);
    expect(await openKey(folder)).toEqual(readKey(folder));
  });

  test.each([
    ["a wrong client secret", { grant_type: "client_credentials", client_id: "shop-robot", client_secret: "x" }, 401],
    ["another grant", { grant_type: "password", username: "alice" }, 400],
    ["no subject", { grant_type: "urn:selvage:demo:subject" }, 400],
  ])("refuses %s", async (_, form, status) => {
    const { url } = await start("idp.ts", DISCOVERY);
    const answer = await fetch(`${url}/token`, { method: "POST", body: new URLSearchParams(form) });
    expect(answer.status).toBe(status);
  });
});

describe("orders", () => {
  async function inventory(status = 200): Promise<{ proxy: string; seen: IncomingHttpHeaders[] }> {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ url: request.url }));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { proxy, seen };
  }

  const startOrders = (proxy: string) =>
    start("services/orders.ts", "/orders/stats", {
      SERVICE_VERSION: "v2",
      HTTP_PROXY: proxy,
      NODE_USE_ENV_PROXY: "1",
      NO_PROXY: "localhost,127.0.0.1",
    });

  test("asks inventory by name through the proxy that its environment names, and passes the context on", async () => {
    const { proxy, seen } = await inventory();
    const { url } = await startOrders(proxy);
    const context = {
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "a=b",
      "txn-token": "x.y.z",
      "selvage-deadline-ms": "900",
    };
    const answer = await fetch(`${url}/any/prefix/orders/42`, { headers: { ...context, authorization: "Bearer t" } });
    expect(await answer.json()).toEqual({
      id: "42",
      status: "shipped",
      version: "v2",
      inventory: { url: "http://inventory.mesh/items/42" },
    });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ ...context, host: "inventory.mesh" });
    expect(seen[0]).not.toHaveProperty("authorization");
  });

  test("counts a POST by its key", async () => {
    const { proxy } = await inventory();
    const { url } = await startOrders(proxy);
    const post = (key: string) =>
      fetch(`${url}/orders/7`, { method: "POST", headers: { "idempotency-key": key }, body: "{}" });
    for (const key of ["a", "a", "b"]) expect((await post(key)).status).toBe(201);
    expect(await (await fetch(`${url}/orders/stats`)).json()).toMatchObject({
      version: "v2",
      counts: { GET: 0, PUT: 0, POST: 3 },
      idempotencyKeys: { a: 2, b: 1 },
    });
  });

  test("says that it is unavailable when inventory is", async () => {
    const { proxy } = await inventory(503);
    const { url } = await startOrders(proxy);
    expect((await fetch(`${url}/orders/7`)).status).toBe(503);
  });
});

test.each([
  ["services/users.ts", "/users/alice", { id: "alice", name: "Alice", lastOrderId: "42" }],
  ["services/preferences.ts", "/preferences/alice", { language: "en", currency: "EUR", newsletter: false }],
  ["services/inventory.ts", "/items/42", { item: "42" }],
])("%s answers, refuses what it does not know, and ends well on SIGTERM", async (file, target, expected) => {
  const { url, child } = await start(file, target);
  expect(await (await fetch(url + target)).json()).toMatchObject(expected);
  expect((await fetch(`${url}/nothing/like/it`)).status).toBe(404);
  expect((await fetch(url + target, { method: "DELETE" })).status).toBe(405);
  const ended = new Promise((done) => child.once("exit", (code) => done(code)));
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});
