import { decodeJwt } from "jose";
import { expect, test } from "vitest";
import { call } from "./support.ts";

test("purges go to the gateway under a token of their own, and are in the audit log", async () => {
  const request = { scopes: [{ kind: "tag", tag: "orders" }], soft: true };
  const { status, body } = await call("POST", "/v1/cache/purges", "admin", request);
  expect(status).toBe(201);
  expect(body.asked).toMatchObject({
    method: "POST",
    url: "http://gateway/cache/purges",
    body: JSON.stringify(request),
  });
  const { role, sub } = decodeJwt(body.asked.authorization.replace("Bearer ", ""));
  expect({ role, sub }).toEqual({ role: "cache", sub: "tester" });
  const { entries } = (await call("GET", "/v1/audit", "admin")).body;
  expect(entries[0]).toMatchObject({ act: "cache-purge", by: "tester", detail: "7, soft: tag orders" });
});

test("questions and refusals are passed on, and not in the audit log", async () => {
  const before = (await call("GET", "/v1/audit", "admin")).body.entries.length;
  expect((await call("GET", "/v1/cache/purges", "admin")).body.asked).toMatchObject({ method: "GET", body: "" });
  expect((await call("POST", "/v1/cache/purges", "admin", "refused")).status).toBe(400);
  expect((await call("GET", "/v1/audit", "admin")).body.entries).toHaveLength(before);
});

test("need the role admin", async () => {
  expect((await call("GET", "/v1/cache/purges")).status).toBe(401);
  expect((await call("POST", "/v1/cache/purges", "gateway", {})).status).toBe(403);
});
