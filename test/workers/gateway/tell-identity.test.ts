/** What upstreams are told of who asks, in headers and in the transaction token; and that no client can say it for itself. */
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { part, plan, route } from "./support/plans.ts";

const auth = { any: ["login"], scopes: [] };
const identityHeaders = {
  "x-user-id": [["identity", "sub"]],
  "x-scopes": [["identity", "scopes"]],
  "x-tenant": [["identity", "claims", "tenant"]],
};
const told: Partial<RoutePlan> = { auth, identityHeaders };
const toOrigin = { kind: "forward", to: { origin: "http://origin.example:8080" } } as const;
const from = (...path: string[]) => ({ from: path });
const edits = { remove: ["x-gone"], set: { "x-key": "${secret:UPSTREAM}" }, add: {} };

const routes = [
  route("mesh", "/mesh/*", told),
  route("origin", "/origin/*", { ...told, target: toOrigin }),
  route("edited", "/edited", { ...told, transform: { request: edits, response: { ...edits, set: {} } } }),
  route("maybe", "/maybe", { ...told, auth: { ...auth, optional: true } }),
  route("public", "/public/*", { target: toOrigin }),
  route("named", "/named/*", { identityHeaders, target: toOrigin }),
  route("composed", "/composed", {
    ...told,
    context: { members: { tenant: from("identity", "claims", "tenant") }, ofRequest: false },
    target: { kind: "aggregate", parts: [part("users", ["/users"]), part("orders", ["/orders"])] },
  }),
  route("context", "/context/{id}", {
    auth,
    context: {
      members: {
        tenant: from("identity", "claims", "tenant"),
        level: from("identity", "claims", "level"),
        kind: { constant: "order" },
      },
      ofRequest: false,
    },
  }),
  route("order", "/order/{id}", {
    auth,
    context: { members: { order: from("path", "id"), page: from("query", "page") }, ofRequest: true },
  }),
];

let gateway: Gateway;
let issuer: Issuer;
beforeEach(async () => {
  issuer = await createIssuer();
  const names = Object.keys(identityHeaders);
  gateway = await startGateway(plan(routes, { identityHeaders: names }), ({ url }) => issuer.answer(url) ?? ok(), {
    env: { SECRET_UPSTREAM: "s" },
  });
});
afterEach(() => vi.restoreAllMocks());
const ok = (): Response => Response.json({ ok: true });

/** Everything by which a client could try to be somebody else. */
const forged = {
  "X-User-Id": "mallory",
  x_user_id: "mallory",
  "x_user-id": "mallory",
  "X-Scopes": "admin",
  X_Scopes: "admin",
  "x-tenant": "evil",
  x_tenant: "evil",
  connection: "x-user-id",
};
async function ask(path: string, claims?: Record<string, unknown>): Promise<Response> {
  const token = claims === undefined ? undefined : await issuer.sign(claims);
  return gateway.fetch(path, {
    headers: { ...forged, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
}
const heard = (): Record<string, string> =>
  Object.fromEntries([...(gateway.sent.at(-1)?.headers ?? [])].filter(([name]) => /user|scopes|tenant/.test(name)));
const contextOf = (at = -1): unknown => decodeJwt(gateway.sent.at(at)?.headers.get("txn-token") ?? "").tctx;

describe("identity headers", () => {
  test.each(["/mesh/1", "/origin/1", "/edited"])("%s: the gateway's word, and none of the client's", async (path) => {
    expect((await ask(path, { tenant: "acme" })).status).toBe(200);
    expect(heard()).toEqual({ "x-user-id": "alice", "x-scopes": "orders:read", "x-tenant": "acme" });
  });

  test("what the identity does not have is absent, whatever the client says", async () => {
    await ask("/mesh/1", { scope: "" });
    expect(heard()).toEqual({ "x-user-id": "alice" });
  });

  test.each(["/public/1", "/named/1", "/maybe"])("%s: nobody is told of who is anonymous", async (path) => {
    expect((await ask(path)).status).toBe(200);
    expect(heard()).toEqual({});
  });

  test("each part of a composed answer has them", async () => {
    expect((await ask("/composed", { tenant: "acme" })).status).toBe(200);
    expect(gateway.sent.map(({ headers }) => [headers.get("x-user-id"), headers.get("x_user_id")])).toEqual([
      ["alice", null],
      ["alice", null],
    ]);
    expect([contextOf(0), contextOf(1)]).toEqual(Array(2).fill({ route: "composed", tenant: "acme" }));
  });

  test("hostile claims stay one value", async () => {
    await ask("/origin/1", { tenant: "a\r\nx-user-id: root\0, b; \u674e" });
    expect(heard()).toEqual({
      "x-user-id": "alice",
      "x-scopes": "orders:read",
      "x-tenant": "a%0D%0Ax-user-id:%20root%00%2C%20b%3B%20%E6%9D%8E",
    });
  });

  test("claims that are too long refuse the request, and the reason is the operator's", async () => {
    const response = await ask("/origin/1", { tenant: "t".repeat(limits.identityHeaders.valueCharsMax + 1) });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, "not_permitted"]);
    expect(gateway.sent).toEqual([]);
    expect(gateway.logs.at(-1)).toMatchObject({ reason: "x-tenant has 4097 characters" });
  });

  test("conditions do not see the client's word either", async () => {
    const when = '!("x-user-id" in request.headers) && !("x_user_id" in request.headers)';
    gateway.control.plan = plan([route("when", "/when", { auth: { ...auth, when }, identityHeaders })], {
      identityHeaders: Object.keys(identityHeaders),
    });
    gateway.restart();
    // The last good plan serves while the evaluator of conditions is loaded.
    await expect.poll(async () => (await ask("/when", {})).status).toBe(200);
  });
});

describe("the context of the transaction token", () => {
  test("is what the document names, typed", async () => {
    await ask("/context/1", { tenant: "acme", level: 3 });
    expect(contextOf()).toEqual({ route: "context", tenant: "acme", level: 3, kind: "order" });
    await ask("/context/1", { tenant: ["a", "b"] });
    expect(contextOf()).toEqual({ route: "context", tenant: ["a", "b"], kind: "order" });
    await ask("/mesh/1", {});
    expect(contextOf()).toEqual({ route: "mesh" });
  });

  test("tells tokens apart: two claims of one subject never share one", async () => {
    const tokenOf = async (claims: Record<string, unknown>): Promise<string | null | undefined> => {
      await ask("/context/1", claims);
      return gateway.sent.at(-1)?.headers.get("txn-token");
    };
    const acme = await tokenOf({ tenant: "acme" });
    expect(await tokenOf({ tenant: "other" })).not.toBe(acme);
    expect(await tokenOf({ tenant: "acme", jti: "another" })).toBe(acme);
  });

  test("of the request: a token for each value, shared by equal ones", async () => {
    const token = await issuer.sign();
    const get = (path: string) => gateway.fetch(path, { headers: { authorization: `Bearer ${token}` } });
    for (const path of ["/order/1", "/order/2", "/order/1", "/order/1?page=2", "/order/1?other=1&other=2&page=2"])
      await get(path);
    expect([0, 1, 2, 3, 4].map(contextOf)).toEqual([
      { route: "order", order: "1" },
      { route: "order", order: "2" },
      { route: "order", order: "1" },
      { route: "order", order: "1", page: "2" },
      { route: "order", order: "1", page: "2" },
    ]);
    const tokens = gateway.sent.slice(-5).map(({ headers }) => headers.get("txn-token"));
    expect(new Set(tokens).size).toBe(3);
  });

  test("says nothing of a parameter that upstreams could read in two ways", async () => {
    const headers = { authorization: `Bearer ${await issuer.sign()}` };
    const response = await gateway.fetch("/order/1?page=1&page=2", { headers });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, "bad_request"]);
    expect(gateway.sent).toEqual([]);
  });

  test("of the request: many values push out no token of other routes", async () => {
    const token = await issuer.sign();
    const get = (path: string) => gateway.fetch(path, { headers: { authorization: `Bearer ${token}` } });
    await get("/mesh/1");
    const first = gateway.sent.at(-1)?.headers.get("txn-token");
    for (let at = 0; at < 50; at++) await get(`/order/${at}`);
    await get("/mesh/2");
    expect(gateway.sent.at(-1)?.headers.get("txn-token")).toBe(first);
  });

  test("a value that is too long: the client's own is a bad request, a claim is not permitted", async () => {
    const long = "1".repeat(limits.txnContext.textCharsMax + 1);
    expect((await ask(`/order/${long}`, {})).status).toBe(400);
    expect((await ask("/context/1", { tenant: long })).status).toBe(403);
    expect(gateway.sent).toEqual([]);
  });
});
