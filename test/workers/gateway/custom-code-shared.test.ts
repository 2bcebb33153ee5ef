/** Code of the user's own beside what is kept and what is shared between requests. */
import { beforeEach, expect, test } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { planOf } from "./support/reshaped.ts";

let issuer: Issuer;
let answer: (request: Request) => Response | Promise<Response>;
beforeEach(async () => {
  issuer = await createIssuer();
  answer = () => Response.json({ ok: true });
});

const start = (routes: string): Promise<Gateway> =>
  startGateway(planOf(routes), (request) => issuer.answer(request.url) ?? answer(request));

test("parts of a composed answer that are kept for all are told apart by what code tells their upstream", async () => {
  const gateway = await start(`
    - name: page
      match: { path: "/page" }
      auth: { any: [login], optional: true }
      policies: [{ use: policies/add-tenant.ts }]
      aggregate:
        menu: { get: "https://menu.example:/menu", cache: { ttl: 1m, shared: true, override: true } }
  `);
  answer = (request) =>
    Response.json({ tenant: request.headers.get("x-tenant") }, { headers: { "cache-control": "public, max-age=60" } });
  const as = async (sub: string) => {
    const token = await issuer.sign({ sub });
    const response = await gateway.fetch("/page", { headers: { authorization: `Bearer ${token}` } });
    return ((await response.json()) as { menu: { tenant: string } }).menu.tenant;
  };
  expect([await as("alice"), await as("bob"), await as("alice")]).toEqual(["alice", "bob", "alice"]);
});

test("what code makes of its own view of a request changes nothing of who asks, nor of where it goes", async () => {
  const gateway = await start(`
    - name: orders
      match: { path: "/orders/{id}" }
      auth: login
      rewrite: "/v1/{id}"
      policies: [{ use: policies/add-tenant.ts }, { use: policies/tamper.ts }]
      to: https://orders.example
  `);
  const token = await issuer.sign({ tenant: "blue" });
  for (const _ of ["verified", "remembered"]) {
    await gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${token}` } });
    const { url, headers } = gateway.sent.at(-1) as Request;
    expect([url, headers.get("x-tenant")]).toEqual(["https://orders.example/v1/1", "alice"]);
  }
});

test("what HEAD says of content that code has not replaced stays", async () => {
  const gateway = await start(`
    - name: kept
      match: { path: "/kept" }
      cache: { ttl: 1m, override: true }
      policies: [{ use: policies/add-tenant.ts }]
      to: https://orders.example
  `);
  answer = ({ method }) => new Response(method === "HEAD" ? null : "content", { headers: { etag: '"one"' } });
  for (const method of ["HEAD", "GET", "HEAD"]) {
    const { headers } = await gateway.fetch("/kept", { method });
    expect([method, headers.get("etag")]).toEqual([method, '"one"']);
  }
});

test("a GET gets no content by code, which is told so", async () => {
  const gateway = await start(`
    - name: orders
      match: { path: "/orders" }
      policies: [{ use: policies/with-content.ts }]
      to: https://orders.example
  `);
  expect((await gateway.fetch("/orders")).status).toBe(500);
  expect(String(gateway.logs.at(-1)?.reason)).toContain("GET has no content");
  expect((await gateway.fetch("/orders", { method: "DELETE" })).status).toBe(200);
  expect(await gateway.sent.at(-1)?.text()).toBe("content");
});

test("what a policy makes of a kept answer takes it from nobody else", async () => {
  const path = `/kept/${crypto.randomUUID()}`;
  const gateway = await start(`
    - name: kept
      match: { path: "/kept/*" }
      cache: { ttl: 1m }
      policies: [{ use: policies/spoil.ts }]
      transform: { response: { json: { remove: [/secret] } } }
      to: https://orders.example
  `);
  expect((await gateway.fetch(path)).status).toBe(200);
  expect((await gateway.fetch(path, { headers: { "x-spoil": "1" } })).status).toBe(502);
  await gateway.settled();
  expect((await gateway.fetch(path)).headers.get("cache-status")).toContain("hit");
  expect(gateway.sent).toHaveLength(1);
});
