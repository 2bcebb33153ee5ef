import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { AggregatePart } from "../../../shared/policy/aggregate-settings.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { part, plan, route } from "./support/plans.ts";

const issuer = await createIssuer();
let services: Record<string, (request: Request) => Response | undefined | Promise<Response | undefined>>;
let gateway: Gateway;

const profile = [
  part("user", ["/users/", ["identity", "sub"]]),
  part("preferences", ["/preferences/", ["identity", "sub"]], { optional: true, timeoutMs: 50 }),
  part("lastOrder", ["/orders/", ["user", "lastOrderId"]], { dependsOn: ["user"], pick: ["id", "status"] }),
];

async function start(parts: readonly AggregatePart[]): Promise<void> {
  const auth = { any: ["login"], scopes: [] };
  const one = route("profile", "/profile/{section}", { auth, target: { kind: "aggregate", parts } });
  gateway = await startGateway(plan([one]), (request) => {
    const known = issuer.answer(request.url);
    return known ?? services[request.headers.get("selvage-service") ?? ""]?.(request);
  });
}

async function ask(path = "/profile/all", init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${await issuer.sign()}`);
  return gateway.fetch(path, { ...init, headers });
}

const pathOf = (request: Request): string => new URL(request.url).pathname;

beforeEach(async () => {
  services = {
    user: () => Response.json({ name: "Alice", lastOrderId: 42 }),
    preferences: () => Response.json({ theme: "dark" }),
    lastOrder: (request) => Response.json({ id: pathOf(request).split("/").at(-1), status: "sent", secret: 1 }),
  };
  await start(profile);
});
afterEach(() => vi.restoreAllMocks());

describe("an aggregate", () => {
  test("composes its parts in order, each path filled from what was there before", async () => {
    const response = await ask();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-selvage-partial")).toBeNull();
    expect(await response.text()).toBe(
      '{"user":{"name":"Alice","lastOrderId":42},"preferences":{"theme":"dark"},"lastOrder":{"id":"42","status":"sent"}}',
    );
    expect(gateway.sent.map(pathOf).sort()).toEqual(["/orders/42", "/preferences/alice", "/users/alice"]);
  });

  test("asks for JSON, signed and on the same trace, without what speaks of the client's own request", async () => {
    const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
    await ask("/profile/all", {
      headers: { traceparent, range: "bytes=0-1", "if-none-match": '"x"', accept: "text/html" },
    });
    for (const { headers } of gateway.sent) {
      expect(headers.get("traceparent")).toContain("ab".repeat(16));
      expect(headers.get("txn-token")).not.toBeNull();
      expect(headers.get("accept")).toBe("application/json");
      expect(headers.get("range")).toBeNull();
      expect(headers.get("if-none-match")).toBeNull();
      expect(headers.get("authorization")).toBeNull();
    }
  });

  test.each([
    ["is not there", () => undefined],
    ["refuses", () => new Response("no", { status: 503 })],
    ["never answers", () => new Promise<undefined>(() => undefined)],
    ["sends no JSON", () => new Response("<html>")],
    ["sends half of it", () => new Response('{"theme":')],
    ["sends too much", () => Response.json("x".repeat(limits.gateway.partBodyBytesMax))],
    ["sends bytes that are no UTF-8", () => new Response(new Uint8Array([34, 255, 34]))],
  ])("with an optional part that %s: 200, the part named and null", async (_, answer) => {
    services.preferences = answer;
    const response = await ask();
    expect(response.status).toBe(200);
    expect(response.headers.get("x-selvage-partial")).toBe("preferences");
    expect(await response.json()).toMatchObject({ user: { name: "Alice" }, preferences: null });
    expect(gateway.logs).toContainEqual(expect.objectContaining({ kind: "part", part: "preferences" }));
  });

  test.each([
    ["is not there", 502, () => undefined],
    ["fails", 502, () => new Response("no", { status: 500 })],
    ["knows nobody", 502, () => new Response("no", { status: 404 })],
    ["is overloaded", 503, () => new Response("no", { status: 503 })],
    [
      "has no healthy instance",
      503,
      () => new Response("{}", { status: 503, headers: { "selvage-error": "no_healthy_endpoint" } }),
    ],
    ["is late", 504, () => new Response("no", { status: 504 })],
    ["sends no JSON", 502, () => new Response("<html>")],
  ])("with a required part that %s: %i, the part named", async (_, status, answer) => {
    services.user = answer;
    const response = await ask();
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status, code: "aggregate_part_failed", part: "user" });
    expect(gateway.sent.map(pathOf)).not.toContain("/orders/42");
  });

  test("a required part that never answers: 504 after its own time", async () => {
    services.user = () => new Promise(() => undefined);
    await start([part("user", ["/users/1"], { timeoutMs: 50 })]);
    const response = await ask();
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ part: "user" });
  });

  test("a value that is missing fails its part without a call", async () => {
    services.user = () => Response.json({ name: "Alice" });
    const response = await ask();
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ part: "lastOrder" });
    expect(gateway.sent.map(pathOf)).not.toContain("/orders/undefined");
  });

  test.each([
    ["42/admin", "/orders/42%2Fadmin"],
    ["x?admin=1", "/orders/x%3Fadmin%3D1"],
  ])("data cannot leave its segment: %s", async (lastOrderId, path) => {
    services.user = () => Response.json({ lastOrderId });
    await ask();
    const { pathname, search } = new URL(gateway.sent.find(({ url }) => url.includes("/orders/"))?.url ?? "");
    expect(pathname + search).toBe(path);
  });

  test("data that climbs fails its part without a call", async () => {
    services.user = () => Response.json({ lastOrderId: "42/../../admin" });
    const response = await ask();
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ part: "lastOrder" });
    expect(gateway.sent.filter(({ url }) => url.includes("/orders/"))).toEqual([]);
  });

  test("parameters of path and query fill parts, too", async () => {
    services.search = (request) => Response.json({ asked: pathOf(request) + new URL(request.url).search });
    await start([part("search", ["/search/", ["path", "section"], "?q=", ["query", "q"]])]);
    expect(await (await ask("/profile/a%20b?q=c%26d")).json()).toEqual({ search: { asked: "/search/a%20b?q=c%26d" } });
  });

  test("not more calls at once than the platform has connections", async () => {
    const names = Array.from({ length: 15 }, (_, at) => `part${at}`);
    let now = 0;
    let most = 0;
    for (const name of names)
      services[name] = async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now--;
        return Response.json(name);
      };
    await start(names.map((name) => part(name, ["/"])));
    expect((await ask()).status).toBe(200);
    expect(most).toBe(limits.aggregate.concurrencyMax);
  });

  test("is read only", async () => {
    const response = await ask("/profile/all", { method: "POST", body: "x" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(gateway.sent).toEqual([]);
  });
});
