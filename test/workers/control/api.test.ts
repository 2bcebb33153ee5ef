import { describe, expect, test } from "vitest";
import { call, token } from "./support.ts";

const now = () => Math.floor(Date.now() / 1000);

test("health needs no token", async () => {
  expect((await call("GET", "/healthz")).status).toBe(200);
});

describe("a token is believed only when all of it is right", () => {
  test.each([
    ["signed with another key", () => token({ role: "admin" }, { secret: new Uint8Array(32) })],
    ["of another type", () => token({ role: "admin" }, { header: { typ: "JWT" } })],
    ["of another issuer", () => token({ role: "admin" }, { issuer: "https://evil.example" })],
    ["for another audience", () => token({ role: "admin" }, { audience: "shop-api" })],
    ["expired", () => token({ role: "admin" }, { exp: now() - 1 })],
    ["without a role", () => token({})],
    ["with a role that does not exist", () => token({ role: "root" })],
    ["without a signature", async () => unsigned({ alg: "none", typ: "selvage-control+jwt" })],
    ["garbage", async () => "a.b.c"],
  ])("%s", async (_name, make) => {
    const { status, body, headers } = await call("GET", "/v1/status", await make());
    expect([status, body.code]).toEqual([401, "credentials_invalid"]);
    expect(headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect(Object.keys(body).sort()).toEqual(["code", "detail", "status", "title", "type"]);
  });

  test("missing", async () => {
    const { status, body, headers } = await call("GET", "/v1/status");
    expect([status, body.code, headers.get("www-authenticate")]).toEqual([401, "credentials_missing", "Bearer"]);
  });
});

test.each([
  ["GET", "/v1/status"],
  ["GET", "/v1/services"],
  ["GET", "/v1/audit"],
  ["GET", "/v1/config/versions"],
  ["GET", "/v1/config/versions/1"],
  ["POST", "/v1/config/versions"],
  ["POST", "/v1/config/rollback"],
  ["POST", "/v1/join-tokens"],
])("%s %s is for administrators", async (method, path) => {
  const agent = await token({ role: "agent", service: "orders", sub: "orders-1" });
  for (const as of [agent, "gateway"]) {
    const { status, body } = await call(method, path, as);
    expect([status, body.code]).toEqual([403, "role_missing"]);
  }
});

test("an agent's token without a service is no good", async () => {
  const { status } = await call("POST", "/v1/renew", await token({ role: "agent" }), {
    csr: "AAAA",
    key: "AAAA",
    proof: "AAAA",
  });
  expect(status).toBe(401);
});

test("what does not exist is not found, for administrators alone", async () => {
  expect((await call("GET", "/v1/nothing")).status).toBe(401);
  expect((await call("GET", "/v1/nothing", "admin")).body.code).toBe("no_route");
  expect((await call("GET", "/elsewhere")).status).toBe(404);
});

function unsigned(header: Record<string, string>): string {
  const claims = { role: "admin", sub: "x", iss: "selvage", aud: "selvage-control", exp: now() + 60 };
  const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
  return `${part(header)}.${part(claims)}.`;
}
