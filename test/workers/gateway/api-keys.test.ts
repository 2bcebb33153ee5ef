import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ApiKeyProvider } from "../../../shared/auth/api-key.ts";
import { keyOf } from "../../../shared/auth/key-form.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { admin, CountedKeys, createKey, partners, revokeKey } from "./support/keys.ts";
import { plan, route } from "./support/plans.ts";

const { staleMs, confirmAfterMs, unknownBurstAndAddress, unknownPerSecondAndAddress, unknownBurst } = limits.apiKeys;

let gateway: Gateway;
let keys: CountedKeys;
let issuer: Issuer;
let nowMs: number;

const path = "/orders/42";
const get = (key: string, more: Record<string, string> = {}, on: Gateway = gateway): Promise<Response> =>
  on.fetch(path, { headers: { "x-api-key": key, ...more } });

function planWith(provider: Partial<ApiKeyProvider> = {}, any: readonly string[] = ["partners"]): GatewayPlan {
  const { identity } = plan([]);
  return plan([route("orders", "/orders/*", { auth: { any, scopes: ["orders:read"] } }), route("open", "/open/*")], {
    identity: { ...identity, partners: { ...partners, ...provider } },
  });
}

const start = (of: GatewayPlan): Promise<Gateway> =>
  startGateway(of, (request) => issuer.answer(request.url) ?? new Response("ok"), { env: { KEYS: keys.namespace } });

/** A well-formed key that nobody has. */
const unknownKey = (): string => keyOf("slv", crypto.getRandomValues(new Uint8Array(64))) ?? "";

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  keys = new CountedKeys();
  issuer = await createIssuer();
  gateway = await start(planWith());
});
afterEach(() => vi.restoreAllMocks());

describe("a key", () => {
  test("proves its owner, and ends at the gateway", async () => {
    const { key } = await createKey();
    expect((await get(key)).status).toBe(200);
    const [sent] = gateway.sent;
    expect(sent?.headers.get("x-api-key")).toBeNull();
    const claims = JSON.parse(atob((sent?.headers.get("txn-token") ?? "").split(".")[1] ?? ""));
    expect(claims).toMatchObject({ sub: "partner", scope: "orders:read", rctx: { method: "api-key", issuer: "slv" } });
  });

  test("is in no log, but for its first characters", async () => {
    const { key } = await createKey();
    await get(key);
    await get(`${key}x`);
    await get(unknownKey());
    expect(JSON.stringify(gateway.logs)).not.toContain(key.slice(0, 12));
  });

  test("needs the scopes of the route", async () => {
    const { key } = await createKey({ scopes: ["orders:write"] });
    const response = await get(key);
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toBe(
      'ApiKey realm="api.shop.example", in="header", name="x-api-key", error="insufficient_scope", scope="orders:read"',
    );
  });

  test("that is missing, mistyped, unknown, of another prefix or sent twice is one answer but for the challenge", async () => {
    const { key } = await createKey();
    const other = await createKey({ prefix: "other" });
    const missing = await gateway.fetch(path);
    expect(missing.status).toBe(401);
    expect(missing.headers.get("www-authenticate")).toBe(
      'ApiKey realm="api.shop.example", in="header", name="x-api-key"',
    );
    const wrong = [
      `${key.slice(0, -1)}~`,
      "",
      "garbage",
      unknownKey(),
      other.key,
      `${key}, ${key}`,
      `${key} `.repeat(999),
    ];
    for (const one of wrong) {
      const response = await get(one);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain('error="invalid_key"');
      expect(await response.json()).toMatchObject({
        code: "credentials_invalid",
        detail: "The credentials are not valid.",
      });
    }
  });

  test("with a wrong checksum is refused without a look-up", async () => {
    for (let at = 0; at < 20; at++) await get(unknownKey().replace(/.$/, "~"));
    for (const digit of "0123") await get(`slv_${digit.repeat(30)}`);
    expect(keys.lookUps).toBe(0);
  });

  test("ends when it expires", async () => {
    const { key } = await createKey({ expiresAtMs: nowMs + 60_000 });
    expect((await get(key)).status).toBe(200);
    nowMs += 59_999;
    expect((await get(key)).status).toBe(200);
    nowMs += 1;
    expect((await get(key)).status).toBe(401);
  });
});

describe("places", () => {
  test("as bearer, beside tokens of a login", async () => {
    gateway = await start(planWith({ bearer: true }, ["login", "partners"]));
    const { key } = await createKey();
    const as = (token: string) => gateway.fetch(path, { headers: { authorization: `Bearer ${token}` } });
    expect((await as(key)).status).toBe(200);
    expect((await as(await issuer.sign())).status).toBe(200);
    expect(gateway.sent.map(({ headers }) => headers.get("authorization"))).toEqual([null, null]);
    const refused = await as(unknownKey());
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe(
      'Bearer realm="api.shop.example", error="invalid_token", ApiKey realm="api.shop.example", in="header", name="x-api-key", error="invalid_key"',
    );
  });

  test("a bearer is no key unless the document says so", async () => {
    const { key } = await createKey();
    expect((await gateway.fetch(path, { headers: { authorization: `Bearer ${key}` } })).status).toBe(401);
  });

  test("in the query, from which it is taken away", async () => {
    gateway = await start(planWith({ query: "api_key" }));
    const { key } = await createKey();
    expect((await gateway.fetch(`${path}?a=1&api%5Fkey=${key}&b=%20`)).status).toBe(200);
    expect(new URL(gateway.sent[0]?.url ?? "").search).toBe("?a=1&b=%20");
    expect((await gateway.fetch(`${path}?api_key=${key}&api_key=${key}`)).status).toBe(401);
    expect(gateway.logs.some((line) => JSON.stringify(line).includes(key))).toBe(false);
  });

  test("a query is looked at only where the document says so", async () => {
    const { key } = await createKey();
    expect((await gateway.fetch(`${path}?api_key=${key}`)).status).toBe(401);
  });

  test("one proof that holds is enough, whatever else is sent", async () => {
    gateway = await start(planWith({}, ["login", "partners"]));
    const { key } = await createKey();
    const token = await issuer.sign();
    expect((await get(unknownKey(), { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get(key, { authorization: "Bearer nonsense" })).status).toBe(200);
    expect((await get(unknownKey(), { authorization: "Bearer nonsense" })).status).toBe(401);
  });

  test("without a pepper no key is taken", async () => {
    const outside = () => new Response("ok");
    gateway = await startGateway(planWith(), outside, { env: { KEY_PEPPER: "" } });
    expect((await get(unknownKey())).status).toBe(500);
  });
});

describe("what an isolate remembers", () => {
  test("a key in use costs one call when it is new, and none on the request's path later", async () => {
    const { key } = await createKey();
    for (let at = 0; at < 100; at++) {
      expect((await get(key)).status).toBe(200);
      nowMs += 200;
    }
    expect(keys.lookUps).toBe(1);
    // 20 s of use, one confirmation a second.
    expect(keys.confirmations).toBeGreaterThan(5);
    expect(keys.confirmations).toBeLessThanOrEqual(20_000 / confirmAfterMs);
  });

  test("is not believed for longer than its bound", async () => {
    const { key } = await createKey();
    await get(key);
    nowMs += staleMs;
    keys.mode = "down";
    expect((await get(key)).status).toBe(200);
    nowMs += 1;
    expect((await get(key)).status).toBe(503);
    keys.mode = "silent";
    expect((await get(key)).status).toBe(503);
    keys.mode = "up";
    expect((await get(key)).status).toBe(200);
  });

  test("a revoked key is refused by ten isolates within the bound, in use or not", async () => {
    const { key, record } = await createKey();
    const isolates = await Promise.all(Array.from({ length: 10 }, () => start(planWith())));
    for (const isolate of isolates) expect((await get(key, {}, isolate)).status).toBe(200);
    await revokeKey(record.id);
    const [idle, ...busy] = isolates as [Gateway, ...Gateway[]];
    for (let waited = 0; waited <= staleMs; waited += 500) {
      for (const isolate of busy) await get(key, {}, isolate);
      nowMs += 500;
    }
    for (const isolate of [idle, ...busy]) expect((await get(key, {}, isolate)).status).toBe(401);
  });

  test("an answer that a revocation has overtaken is not remembered", async () => {
    const other = await createKey();
    let { key, record } = await createKey();
    while (record.id[0] !== other.record.id[0]) ({ key, record } = await createKey());
    await get(other.key);
    keys.onAnswer = async () => {
      // The shard has answered "good"; before the isolate hears it, the key is revoked and the isolate is told so.
      keys.onAnswer = undefined;
      await revokeKey(record.id);
      nowMs += confirmAfterMs;
      await get(other.key);
    };
    await get(key);
    expect((await get(key)).status).toBe(401);
  });

  test("an unknown key that comes to be is accepted within the bound", async () => {
    const key = unknownKey();
    expect((await get(key)).status).toBe(401);
    expect((await get(key)).status).toBe(401);
    expect(keys.lookUps).toBe(1);
    await admin("POST", "/keys/import", `${JSON.stringify({ key, owner: "late", scopes: ["orders:read"] })}\n`);
    nowMs += staleMs + 1;
    expect((await get(key)).status).toBe(200);
  });

  test("requests for one new key share its look-up", async () => {
    const { key } = await createKey();
    vi.restoreAllMocks();
    gateway = await start(planWith());
    const answers = await Promise.all(Array.from({ length: 50 }, () => get(key)));
    expect(answers.map(({ status }) => status)).toEqual(new Array(50).fill(200));
    expect(keys.lookUps).toBe(1);
  });

  test("last use is told, coarsely", async () => {
    const { key, record } = await createKey();
    await get(key);
    nowMs += limits.apiKeys.lastUsedStepMs;
    await get(key);
    await get(key);
    await vi.waitUntil(async () => (await admin("GET", `/keys/${record.id}`)).body.lastUsedAtMs !== undefined, 5_000);
    const { lastUsedAtMs } = (await admin("GET", `/keys/${record.id}`)).body;
    expect(lastUsedAtMs % limits.apiKeys.lastUsedStepMs).toBe(0);
  });
});

describe("a flood of random keys", () => {
  test("from one address is looked up to its bound; good keys go on", async () => {
    const { key } = await createKey();
    await get(key);
    const statuses = new Map<number, number>();
    for (let at = 0; at < 3 * unknownBurstAndAddress; at++) {
      const { status, headers } = await get(unknownKey(), { "cf-connecting-ip": "192.0.2.1" });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 429) expect(headers.get("retry-after")).toBe("1");
    }
    expect(statuses).toEqual(
      new Map([
        [401, unknownBurstAndAddress],
        [429, 2 * unknownBurstAndAddress],
      ]),
    );
    expect(keys.lookUps).toBe(1 + unknownBurstAndAddress);
    const late = await createKey();
    expect((await get(key, { "cf-connecting-ip": "192.0.2.1" })).status).toBe(200);
    expect((await get(late.key, { "cf-connecting-ip": "192.0.2.2" })).status).toBe(200);
    nowMs += 1000;
    for (let at = 0; at < 100; at++) await get(unknownKey(), { "cf-connecting-ip": "192.0.2.1" });
    expect(keys.lookUps).toBe(2 + unknownBurstAndAddress + unknownPerSecondAndAddress);
  });

  test("from everywhere is looked up to the bound of the isolate", async () => {
    for (let at = 0; at < 2 * unknownBurst; at++)
      await get(unknownKey(), { "cf-connecting-ip": `10.0.${at >> 8}.${at & 255}` });
    expect(keys.lookUps).toBe(unknownBurst);
  });

  test("at once is bounded, too", async () => {
    await Promise.all(Array.from({ length: 1000 }, () => get(unknownKey(), { "cf-connecting-ip": "192.0.2.1" })));
    expect(keys.lookUps).toBeLessThanOrEqual(limits.apiKeys.lookUpsMax);
  });
});

test("routes without auth pass a key on, as they pass Authorization", async () => {
  await gateway.fetch("/open/1", { headers: { "x-api-key": "theirs" } });
  expect(gateway.sent[0]?.headers.get("x-api-key")).toBe("theirs");
});

test("a key of another form is taken where the document says so", async () => {
  const key = "legacy-key-of-another-gateway";
  await admin("POST", "/keys/import", JSON.stringify({ key, owner: "old", scopes: ["orders:read"] }));
  expect((await get(key)).status).toBe(401);
  gateway = await start(planWith({ foreign: true }));
  expect((await get(key)).status).toBe(200);
});

test("whatever stands where a key belongs: no crash, no entry, no look-up", async () => {
  gateway = await start(planWith({ bearer: true, query: "k" }, ["login", "partners"]));
  const { key } = await createKey();
  const before = keys.lookUps;
  for (let at = 0; at < 300; at++) {
    const random = crypto.getRandomValues(new Uint8Array(1 + (at % 60)));
    const bytes = [...random].map((byte) => String.fromCharCode(32 + (byte % 95))).join("");
    const cut = (random[0] ?? 0) % key.length;
    const value = at % 2 === 0 ? bytes : key.slice(0, cut) + bytes + key.slice(cut + 1);
    const place = [
      [path, { "x-api-key": value }],
      [path, { authorization: `Bearer ${value}` }],
      [`${path}?k=${[...random].map((byte) => `%${byte.toString(16)}`).join("")}`, {}],
    ][at % 3] as [string, Record<string, string>];
    const { status } = await gateway.fetch(place[0], { headers: place[1] });
    expect([400, 401]).toContain(status);
  }
  expect(keys.lookUps).toBe(before);
});
