import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { bindings, call } from "./support.ts";

const ID = "1234567890abcdef";

describe("API keys", () => {
  test.each([
    ["GET", "/v1/keys?owner=a&limit=5", "/keys?owner=a&limit=5"],
    ["GET", `/v1/keys/${ID}`, `/keys/${ID}`],
    ["POST", "/v1/keys", "/keys"],
    ["PATCH", `/v1/keys/${ID}`, `/keys/${ID}`],
    ["POST", `/v1/keys/${ID}/roll`, `/keys/${ID}/roll`],
    ["POST", `/v1/keys/${ID}/revoke`, `/keys/${ID}/revoke`],
    ["POST", "/v1/keys/import", "/keys/import"],
  ])("%s %s goes to the gateway, under a token of its own", async (method, path, expected) => {
    const { status, body } = await call(method, path, "admin", method === "GET" ? undefined : { owner: "a" });
    expect(status).toBe(200);
    const { asked } = body;
    expect(asked).toMatchObject({
      method,
      url: `http://gateway${expected}`,
      body: method === "GET" ? "" : '{"owner":"a"}',
    });
    const token = asked.authorization.replace("Bearer ", "");
    expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "selvage-control+jwt" });
    const { role, sub, exp = 0, iat = 0 } = decodeJwt(token);
    expect({ role, sub, life: exp - iat }).toEqual({ role: "keys", sub: "tester", life: 60 });
  });

  test("need the role admin", async () => {
    expect((await call("GET", "/v1/keys")).status).toBe(401);
    expect((await call("GET", "/v1/keys", "gateway")).status).toBe(403);
    expect((await call("POST", "/v1/keys", "gateway", {})).status).toBe(403);
  });

  test("changes are in the audit log, without the key; questions and refusals are not", async () => {
    const before = (await call("GET", "/v1/audit", "admin")).body.entries.length;
    await call("POST", "/v1/keys", "admin", {});
    await call("PATCH", `/v1/keys/${ID}`, "admin", { plan: "pro" });
    await call("POST", `/v1/keys/${ID}/revoke`, "admin");
    await call("POST", "/v1/keys/import", "admin", "{}");
    await call("GET", "/v1/keys", "admin");
    expect((await call("GET", "/v1/keys/0000000000000000", "admin")).status).toBe(404);
    const { entries } = (await call("GET", "/v1/audit", "admin")).body;
    expect(entries).toHaveLength(before + 4);
    expect(entries.slice(0, 4).map(({ act, by, detail }: Record<string, string>) => `${act} ${by} ${detail}`)).toEqual([
      "key-import tester 2 imported, 1 known, 0 refused",
      "key-revoke tester 2 imported, 1 known, 0 refused",
      "key-update tester 2 imported, 1 known, 0 refused",
      "key-create tester 2 imported, 1 known, 0 refused",
    ]);
    expect(JSON.stringify(entries)).not.toContain("told-once");
  });

  test("without the shared secret say so", async () => {
    const { askKeyAdmin } = await import("../../../workers/control/upstream/key-admin.ts");
    const env = { KEY_ADMIN: bindings.KEY_ADMIN };
    await expect(askKeyAdmin(env, "GET", "/keys", "me", null)).rejects.toMatchObject({ code: "secret_missing" });
  });
});
