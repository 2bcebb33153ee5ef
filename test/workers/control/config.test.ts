import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { sha256Hex } from "../../../workers/control/authority/bytes.ts";
import { applyDocument, applyShop, call, configStore, enrol, hub, joined, shop } from "./support.ts";

const lease = (body: Record<string, unknown>) => call("POST", "/v1/gateway/lease", "gateway", body);
const status = async () => (await call("GET", "/v1/status", "admin")).body;

/** Of counters that nobody has reported to. */
const quiet = { alarms: [], counters: { windowMs: limits.counters.windowMs, series: [] } };

test("before the first apply there is no version, and gateways are told so", async () => {
  const none = { version: 0, hash: "", gateways: [], agents: [], keys: [], ...quiet };
  expect(await status()).toEqual({ ...none, nowMs: expect.any(Number) });
  const { status: code, body } = await lease({ isolate: "isolate-early", version: 0 });
  expect([code, body]).toEqual([200, { leaseMs: limits.gateway.planLeaseMs, version: 0 }]);
});

describe("apply", () => {
  test("numbers a document, keeps who and why, and leaves the same one alone", async () => {
    const first = await applyShop("5s");
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ version: 1, author: "ann", reason: "", file: "selvage.yaml", changed: true });
    expect(first.body.hash).toMatch(/^[0-9a-f]{64}$/);
    const same = await applyShop("5000ms");
    expect([same.status, same.body]).toEqual([200, { ...first.body, changed: false }]);
    const next = await applyShop("6s");
    expect([next.status, next.body.version]).toEqual([201, 2]);
    const { versions } = (await call("GET", "/v1/config/versions", "admin")).body;
    expect(versions.map(({ version }: { version: number }) => version)).toEqual([2, 1]);
    const detail = (await call("GET", "/v1/config/versions/1", "admin")).body;
    expect(detail).toMatchObject({ version: 1, source: "text", document: shop("5s") });
  });

  test("of a broken document names every error and changes nothing", async () => {
    const before = (await status()).version;
    const broken = shop("5s") as { gateway: { routes: { to: string }[] }; mesh: { services: Record<string, unknown> } };
    broken.mesh.services.users = { prot: 8080 };
    for (const route of broken.gateway.routes) route.to = "order";
    const { status: code, body, headers } = await applyDocument(broken);
    expect([code, body.code]).toEqual([422, "document_invalid"]);
    expect(headers.get("content-type")).toBe("application/problem+json");
    const paths = body.errors.map(({ path }: { path: string[] }) => path.join("."));
    expect(paths).toEqual(expect.arrayContaining(["gateway.routes.0.to", "mesh.services.users.prot"]));
    const route = body.errors.find(({ path }: { path: string[] }) => path[0] === "gateway");
    expect(route).toMatchObject({ code: "SLV3001", suggestion: "orders" });
    expect((await status()).version).toBe(before);
  });

  test.each([[null], [7], ["text"], [[]], [{}]])("of %j is refused", async (document) => {
    expect((await applyDocument(document)).status).toBe(422);
  });

  test("of another trust domain is refused, since certificates could not follow", async () => {
    await enrol("orders", "orders-fixes-the-domain");
    const document = shop("7s") as { mesh: Record<string, unknown> };
    document.mesh.trustDomain = "other.internal";
    const { status: code, body } = await applyDocument(document);
    expect(code).toBe(422);
    expect(body.errors[0]).toMatchObject({ path: ["mesh", "trustDomain"], suggestion: "shop.internal" });
  });

  test("does not compile what is no request at all", async () => {
    expect((await call("POST", "/v1/config/versions", "admin", "{")).status).toBe(400);
    const { status: code, body } = await call("POST", "/v1/config/versions", "admin", { document: {} });
    expect(code).toBe(400);
    expect(body.errors.map(({ path }: { path: string[] }) => path[0])).toContain("source");
    const oversized = "x".repeat(3 * limits.control.documentBytesMax + 1);
    expect((await call("POST", "/v1/config/versions", "admin", oversized)).body.code).toBe("body_too_large");
    expect((await call("POST", "/v1/join-tokens", "admin", "x".repeat(limits.control.callBytesMax + 1))).status).toBe(
      413,
    );
  });

  test("keeps a source of the largest size", async () => {
    const source = "é".repeat(limits.control.documentBytesMax / 2);
    const body = { document: shop("8s"), source, file: "f", author: "a" };
    const applied = await call("POST", "/v1/config/versions", "admin", body);
    expect(applied.status).toBe(201);
    const detail = await call("GET", `/v1/config/versions/${applied.body.version}`, "admin");
    expect(detail.body.source === source).toBe(true);
  });

  test("keeps characters of two code units that stand where a piece of the store ends", async () => {
    const source = `a${"\u{1f600}".repeat(250_000)}`;
    const body = { document: shop("7s"), source, file: "f", author: "a" };
    const { version } = (await call("POST", "/v1/config/versions", "admin", body)).body;
    const detail = await call("GET", `/v1/config/versions/${version}`, "admin");
    expect(detail.body.source === source).toBe(true);
  });

  test("of many at once gives each its number, and agents see them in order to the last", async () => {
    const agent = await joined("orders", "orders-order");
    const before = (await status()).version;
    const answers = await Promise.all([31, 32, 33, 34, 35].map((seconds) => applyShop(`${seconds}s`)));
    const versions = answers.map(({ body }) => body.version).sort((a, b) => a - b);
    expect(versions).toEqual([1, 2, 3, 4, 5].map((step) => before + step));
    const last = before + 5;
    await agent.until(() => agent.messages.some((one) => one.type === "plan" && one.version === last));
    const seen = agent.messages.flatMap((one) => (one.type === "plan" ? [one.version] : []));
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });

  test("reaches the hub by the alarm where it did not at once", async () => {
    const agent = await joined("orders", "orders-retry");
    const { version } = await status();
    await runInDurableObject(hub(), (_object, { storage }) => {
      const [row] = storage.sql.exec("SELECT text FROM texts WHERE name = 'summary'").toArray();
      const older = JSON.stringify({ ...JSON.parse(String(row?.text)), version: version - 1 });
      storage.sql.exec("UPDATE texts SET text = ? WHERE name = 'summary'", older);
    });
    await evictDurableObject(hub());
    await runInDurableObject(configStore(), async (_object, { storage }) => {
      storage.sql.exec("UPDATE published SET version = ?", version - 1);
      await storage.setAlarm(Date.now() + 60_000);
    });
    expect(await runDurableObjectAlarm(configStore())).toBe(true);
    expect((await agent.take("plan")).version).toBe(version);
    expect(await runDurableObjectAlarm(configStore())).toBe(false);
  });
});

describe("rollback", () => {
  test("makes a new version of the old content", async () => {
    const versions = (await call("GET", "/v1/config/versions", "admin")).body.versions;
    const [newest, first] = [versions[0], versions.at(-1)];
    const request = { version: first.version, author: "bob", reason: "it was better" };
    const { status: code, body } = await call("POST", "/v1/config/rollback", "admin", request);
    expect(code).toBe(201);
    expect(body).toMatchObject({
      version: newest.version + 1,
      hash: first.hash,
      author: "bob",
      reason: "it was better",
    });
    const [old, now] = await Promise.all(
      [first.version, body.version].map((n) => call("GET", `/v1/config/versions/${n}`, "admin")),
    );
    expect([now?.body.source, now?.body.document]).toEqual([old?.body.source, old?.body.document]);
    const again = await call("POST", "/v1/config/rollback", "admin", request);
    expect([again.status, again.body.version, again.body.changed]).toEqual([200, body.version, false]);
  });

  test("to a version that never was is refused", async () => {
    const { status: code, body } = await call("POST", "/v1/config/rollback", "admin", { version: 999, author: "bob" });
    expect([code, body.code]).toEqual([404, "version_unknown"]);
    expect(body.detail).toBe("version 999 does not exist or is no longer kept");
    expect((await call("GET", "/v1/config/versions/999", "admin")).status).toBe(404);
  });
});

test("only so many versions are kept", async () => {
  const { version } = (await status()) as { version: number };
  await runInDurableObject(configStore(), (_object, { storage }) => {
    storage.sql.exec(
      "UPDATE sqlite_sequence SET seq = ? WHERE name = 'versions'",
      version + limits.control.versionsKept - 2,
    );
  });
  const { body } = await applyShop("11s");
  expect(body.version).toBe(version + limits.control.versionsKept - 1);
  expect((await call("GET", `/v1/config/versions/${version}`, "admin")).status).toBe(200);
  await applyShop("12s");
  expect((await call("GET", `/v1/config/versions/${version}`, "admin")).status).toBe(404);
  const left = await runInDurableObject(configStore(), (_object, { storage }) =>
    storage.sql.exec("SELECT DISTINCT name FROM texts").toArray(),
  );
  expect(left).toHaveLength(10);
});

describe("gateway leases", () => {
  test("give the live plan and the keys once", async () => {
    await applyShop("20s");
    const { version } = await status();
    const { body } = await lease({ isolate: "isolate-one", version: 0 });
    expect([body.version, body.leaseMs]).toEqual([version, limits.gateway.planLeaseMs]);
    expect(body.plan.hash).toBe(await sha256Hex(canonicalJson(body.plan.gateway)));
    expect(body.plan.gateway.hosts).toEqual(["localhost"]);
    expect(body.signingKey).toMatchObject({ kty: "EC", crv: "P-256", alg: "ES256", d: expect.any(String) });
    expect(body.hopKey).toEqual({ kid: expect.any(String), key: expect.stringMatching(/^[\w-]{43}$/) });
    const held = { signingKey: body.signingKey.kid, hopKey: body.hopKey.kid };
    const again = await lease({ isolate: "isolate-one", version, ...held });
    expect(again.body).toEqual({ leaseMs: limits.gateway.planLeaseMs, version });
    await evictDurableObject(configStore());
    const gateways = (await status()).gateways.filter(({ isolate }: { isolate: string }) => isolate === "isolate-one");
    expect(gateways).toEqual([
      { isolate: "isolate-one", version, state: "current", leaseEndsInMs: expect.any(Number) },
    ]);
  });

  test("of another plan under the live number, as after a store was made anew, get the live one", async () => {
    const { version } = await status();
    const hash = (await lease({ isolate: "isolate-other", version: 0 })).body.plan.hash;
    expect((await lease({ isolate: "isolate-other", version, hash })).body.plan).toBeUndefined();
    expect((await lease({ isolate: "isolate-other", version, hash: "0".repeat(64) })).body.plan.hash).toBe(hash);
    const other = (await status()).gateways.find(({ isolate }: { isolate: string }) => isolate === "isolate-other");
    expect(other).toMatchObject({ version: 0, state: "behind" });
    const refused = { version, hash: "0".repeat(64), reason: "that of the other store" };
    expect((await lease({ isolate: "isolate-other", version: 0, refused })).body.plan.hash).toBe(hash);
    const same = { version, hash, reason: "this one" };
    expect((await lease({ isolate: "isolate-other", version: 0, refused: same })).body.plan).toBeUndefined();
  });

  test("say who is behind and who refused, and end by themselves", async () => {
    const { version } = await status();
    await lease({ isolate: "isolate-behind", version: version - 1 });
    const refused = { version, reason: "unknown format" };
    const answer = await lease({ isolate: "isolate-refused", version: version - 1, refused });
    expect(answer.body.plan).toBeUndefined();
    const states = Object.fromEntries(
      (await status()).gateways.map(({ isolate, state }: { isolate: string; state: string }) => [isolate, state]),
    );
    expect(states).toMatchObject({ "isolate-behind": "behind", "isolate-refused": "refused" });
    await runInDurableObject(configStore(), (_object, { storage }) => {
      const rows = storage.sql.exec("SELECT isolate, state FROM leases").toArray();
      for (const { isolate, state } of rows) {
        const ended = JSON.stringify({ ...JSON.parse(String(state)), expiresAtMs: Date.now() });
        storage.sql.exec("UPDATE leases SET state = ?, expires_at = ? WHERE isolate = ?", ended, Date.now(), isolate);
      }
    });
    expect((await status()).gateways).toEqual([]);
  });

  test("are for the gateway alone", async () => {
    expect((await call("POST", "/v1/gateway/lease", "admin", { isolate: "isolate-one", version: 0 })).status).toBe(403);
    expect((await call("POST", "/v1/gateway/lease", undefined, { isolate: "isolate-one", version: 0 })).status).toBe(
      401,
    );
    expect((await lease({ isolate: "short", version: 0 })).status).toBe(400);
  });
});

test("privileged acts are on record", async () => {
  await call("POST", "/v1/join-tokens", "admin", { service: "orders" });
  const { entries } = (await call("GET", "/v1/audit", "admin")).body;
  expect(entries[0]).toMatchObject({ act: "join-token", by: "tester", detail: "service orders" });
  expect(entries.map(({ act }: { act: string }) => act)).toEqual(expect.arrayContaining(["apply", "rollback"]));
});
