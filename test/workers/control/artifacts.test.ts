import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { toBase64Url, utf8 } from "../../../workers/control/authority/bytes.ts";
import { call, configStore, shop } from "./support.ts";

const digestOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
const put = (digest: string, text: string, as = "admin") => call("PUT", `/v1/artifacts/${digest}`, as, text);
const missing = async (digests: unknown[]) => (await call("POST", "/v1/artifacts/missing", "admin", { digests })).body;
const apply = (timeout: string, artifacts?: Record<string, string>) =>
  call("POST", "/v1/config/versions", "admin", {
    document: shop(timeout),
    source: "text",
    file: "f",
    author: "a",
    ...(artifacts !== undefined && { artifacts }),
  });

describe("artifacts", () => {
  test("are asked for, sent, named by a version and given to gateways", async () => {
    const [one, other] = [await digestOf(utf8('"one"')), await digestOf(utf8("other"))];
    expect(await missing([one, other])).toEqual({ missing: [one, other] });
    expect((await put(one, '"one"')).status).toBe(204);
    expect((await put(one, '"one"')).status).toBe(204);
    expect(await missing([one, other])).toEqual({ missing: [other] });

    const refused = await apply("5s", { "contracts.a": one, "contracts.b": other });
    expect([refused.status, refused.body.code]).toEqual([422, "document_invalid"]);
    expect(refused.body.detail ?? "").not.toContain("undefined");
    const applied = await apply("5s", { "contracts.a": one });
    expect(applied.status).toBe(201);
    const detail = (await call("GET", `/v1/config/versions/${applied.body.version}`, "admin")).body;
    expect(detail.artifacts).toEqual({ "contracts.a": one });
    const lease = (await call("POST", "/v1/gateway/lease", "gateway", { isolate: "isolate-one", version: 0 })).body;
    expect(lease.plan.gateway.artifacts).toEqual([one]);

    const got = await call("GET", `/v1/gateway/artifacts/${one}`, "gateway");
    expect([got.status, got.body]).toEqual([200, "one"]);
    const lost = await call("GET", `/v1/gateway/artifacts/${other}`, "gateway");
    expect([lost.status, lost.body.code]).toEqual([404, "artifact_unknown"]);
  });

  test("other bytes under the same names are another version, and a rollback brings back what it had", async () => {
    const [one, two] = [await digestOf(utf8("v1")), await digestOf(utf8("v2"))];
    await put(one, "v1");
    await put(two, "v2");
    const first = (await apply("6s", { "contracts.a": one })).body.version;
    const second = (await apply("6s", { "contracts.a": two })).body;
    expect(second).toMatchObject({ version: first + 1, changed: true });
    expect((await apply("6s", { "contracts.a": two })).body.changed).toBe(false);
    const back = await call("POST", "/v1/config/rollback", "admin", { version: first, author: "a" });
    const detail = (await call("GET", `/v1/config/versions/${back.body.version}`, "admin")).body;
    expect(detail.artifacts).toEqual({ "contracts.a": one });
  });

  test("of more than one piece come back whole", async () => {
    const text = "artifact ".repeat(limits.artifacts.pieceBytes / 4);
    const json = JSON.stringify(text);
    const digest = await digestOf(utf8(json));
    expect((await put(digest, json)).status).toBe(204);
    expect((await call("GET", `/v1/gateway/artifacts/${digest}`, "gateway")).body).toBe(text);
  });

  test("that no version names go after an hour, those that one names stay", async () => {
    const [named, unnamed] = [await digestOf(utf8("named")), await digestOf(utf8("unnamed"))];
    await put(named, "named");
    await put(unnamed, "unnamed");
    await apply("7s", { "contracts.a": named });
    const { runInDurableObject } = await import("cloudflare:test");
    await runInDurableObject(
      configStore(),
      (_, { storage }) =>
        void storage.sql.exec("UPDATE artifacts SET put_at = ?", Date.now() - limits.artifacts.unnamedMs - 1),
    );
    const next = await digestOf(utf8("next"));
    await put(next, "next");
    expect(await missing([named, unnamed, next])).toEqual({ missing: [unnamed] });
  });

  test.each([
    ["a name that is no digest", "PUT", "/v1/artifacts/short", "admin", "x", 404],
    ["bytes of another name", "PUT", `/v1/artifacts/${"A".repeat(43)}`, "admin", "x", 422],
    ["a gateway that sends", "PUT", `/v1/artifacts/${"A".repeat(43)}`, "gateway", "x", 403],
    [
      "an administrator that asks as a gateway",
      "GET",
      `/v1/gateway/artifacts/${"A".repeat(43)}`,
      "admin",
      undefined,
      403,
    ],
    ["nobody", "GET", `/v1/gateway/artifacts/${"A".repeat(43)}`, undefined, undefined, 401],
    ["digests that are none", "POST", "/v1/artifacts/missing", "admin", { digests: ["x"] }, 400],
    ["too large", "PUT", `/v1/artifacts/${"A".repeat(43)}`, "admin", "x".repeat(limits.artifacts.bytesMax + 1), 413],
  ] as const)("%s is refused", async (_, method, path, as, body, status) => {
    expect((await call(method, path, as, body)).status).toBe(status);
  });

  test.each([
    ["of no digest", { "contracts.a": "x" }],
    ["that is a list", ["x"]],
    ["of numbers", { a: 7 }],
    ["of too many", Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`c.${at}`, "A".repeat(43)]))],
  ])("a table %s is no table", async (_, artifacts) => {
    expect((await apply("5s", artifacts as Record<string, string>)).status).toBe(400);
  });
});
