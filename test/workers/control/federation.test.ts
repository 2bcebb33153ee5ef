/** The own bundle and the bundles of others, as the API shows them. */
import { SELF } from "cloudflare:test";
import { expect, test } from "vitest";
import { applyDocument, call, token } from "./support.ts";

const document = (bundle: string) => ({
  selvage: 1,
  name: "shop",
  mesh: {
    trustDomain: "shop.internal",
    federation: { "partner.example": { bundle } },
    services: { web: { port: 8080, access: [{ from: "spiffe://partner.example/service/billing" }] } },
  },
});

test("there is a bundle from the first apply on, without a token; what partners are needs one", async () => {
  const ask = () => SELF.fetch("https://control.test/v1/bundle");
  expect((await ask()).status).toBe(404);
  // Nobody listens there.
  expect((await applyDocument(document("http://127.0.0.1:9/bundle"))).status).toBe(201);
  const answer = await ask();
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.json()).toMatchObject({ spiffe_refresh_hint: 300, keys: [{ use: "x509-svid", kty: "EC" }] });
  for (const [method, path] of [
    ["GET", "/v1/federation"],
    ["POST", "/v1/federation/refresh"],
  ] as const)
    expect((await SELF.fetch(`https://control.test${path}`, { method })).status).toBe(401);
  const { body } = await call("POST", "/v1/federation/refresh", "admin");
  expect(body.partners).toMatchObject([
    { trustDomain: "partner.example", roots: [], failure: { reason: expect.stringContaining("cannot be reached") } },
  ]);
  const viewer = await token({ role: "viewer" });
  expect((await call("GET", "/v1/federation", viewer)).body.partners).toHaveLength(1);
  expect((await call("POST", "/v1/federation/refresh", viewer)).status).toBe(403);
  expect((await call("GET", "/v1/audit?act=federation-refresh", "admin")).body.entries).toMatchObject([
    { by: "tester", role: "admin", detail: "partners: 1, without a new bundle: 1" },
  ]);
  expect((await call("GET", "/v1/status", "admin")).body.alarms).toMatchObject([{ code: "federation_failed" }]);
});
