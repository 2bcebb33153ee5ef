import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const cors = {
  origins: ["https://app.shop.example"],
  methods: ["GET", "PUT"],
  allowHeaders: [],
  exposeHeaders: ["ratelimit"],
  credentials: true,
  maxAgeMs: 600_000,
};
const origin = "https://app.shop.example";
let gateway: Gateway;

beforeEach(async () => {
  const routes = [route("mine", "/mine", { auth: { any: ["login"], scopes: [] } }), route("open", "/open")];
  gateway = await startGateway(plan(routes, { cors }), () =>
    Response.json({}, { headers: { "access-control-allow-origin": "*", vary: "accept" } }),
  );
});
afterEach(() => vi.restoreAllMocks());

test("a preflight is answered without credentials and without a call", async () => {
  const headers = { origin, "access-control-request-method": "PUT", "access-control-request-headers": "authorization" };
  const response = await gateway.fetch("/mine", { method: "OPTIONS", headers });
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-origin")).toBe(origin);
  expect(response.headers.get("access-control-allow-headers")).toBe("authorization");
  expect(gateway.sent).toEqual([]);
  expect(gateway.logs.at(-1)).toMatchObject({ method: "OPTIONS", status: 204 });
});

test("an answer carries the gateway's word alone", async () => {
  const response = await gateway.fetch("/open", { headers: { origin } });
  expect(response.headers.get("access-control-allow-origin")).toBe(origin);
  expect(response.headers.get("access-control-allow-credentials")).toBe("true");
  expect(response.headers.get("vary")).toBe("accept, origin");
  const other = await gateway.fetch("/open", { headers: { origin: "https://evil.example" } });
  expect(other.status).toBe(200);
  expect(other.headers.get("access-control-allow-origin")).toBeNull();
});

test.each([
  ["/mine", 401],
  ["/nothing", 404],
])("a page may read refusals: %s %i", async (path, status) => {
  const response = await gateway.fetch(path, { headers: { origin } });
  expect(response.status).toBe(status);
  expect(response.headers.get("access-control-allow-origin")).toBe(origin);
});

test("OPTIONS without the marks of a preflight is a request like others", async () => {
  expect((await gateway.fetch("/open", { method: "OPTIONS" })).status).toBe(200);
  expect(gateway.sent).toHaveLength(1);
});

test("without cors in the document nothing is said or answered", async () => {
  gateway = await startGateway(plan([route("open", "/open")]), () => Response.json({}));
  const headers = { origin, "access-control-request-method": "PUT" };
  const response = await gateway.fetch("/open", { method: "OPTIONS", headers });
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
  expect(gateway.sent).toHaveLength(1);
});
