/** Opaque tokens: what is remembered of the issuer's answers, and what happens when it is away or others flood it. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { fuzzing } from "./support/fuzz.ts";
import { at, begin, good, OPAQUE_ISSUER, OpaqueIssuer, opaquePlan } from "./support/opaque-issuer.ts";

const exp = Math.floor(begin / 1000) + 600;
let issuer: OpaqueIssuer;

beforeEach(() => {
  issuer = new OpaqueIssuer();
});
afterEach(() => vi.restoreAllMocks());

describe("what is remembered", () => {
  test("saves questions for its time, and no longer than the token lives", async () => {
    await issuer.start();
    issuer.answers.set("short", () => ({ ...good, exp: Math.floor(begin / 1000) + 11 }));
    for (const ms of [0, 9_000, 29_000]) {
      at(ms);
      expect(await issuer.status("good")).toBe(200);
    }
    expect(issuer.asked).toHaveLength(1);
    at(31_000);
    expect(await issuer.status("good")).toBe(200);
    expect(issuer.asked).toHaveLength(2);
    at(0);
    expect(await issuer.status("short")).toBe(200);
    at(9_000);
    expect(await issuer.status("short")).toBe(200);
    expect(issuer.asked).toHaveLength(3);
    at(12_000);
    expect(await issuer.status("short")).toBe(401);
    expect(issuer.asked).toHaveLength(4);
  });

  test("is what was revoked at the issuer, at most for that time", async () => {
    await issuer.start();
    at(0);
    expect(await issuer.status("good")).toBe(200);
    issuer.answers.set("good", () => ({ active: false }));
    at(29_000);
    expect(await issuer.status("good")).toBe(200);
    at(31_000);
    expect(await issuer.status("good")).toBe(401);
  });

  test("does not outlive a revocation here", async () => {
    await issuer.start();
    issuer.answers.set("good", () => ({ ...good, jti: "one" }));
    expect(await issuer.status("good")).toBe(200);
    issuer.gateway.control.revocations = { revision: 1, entries: [{ jti: "one", expiresAtMs: begin + 3_600_000 }] };
    await vi.waitFor(async () => expect(await issuer.status("good")).toBe(401), { timeout: 10_000, interval: 100 });
    expect(issuer.asked).toHaveLength(1);
  });

  test("is nothing where the document says so, but equal questions at once are one", async () => {
    await issuer.start({ rememberMs: 0 });
    expect([await issuer.status("good"), await issuer.status("good")]).toEqual([200, 200]);
    expect(issuer.asked).toHaveLength(2);
    issuer.answers.set("good", () => new Promise((done) => setTimeout(done, 50, good)));
    expect(await Promise.all(Array.from({ length: 20 }, () => issuer.status("good")))).toEqual(Array(20).fill(200));
    expect(issuer.asked).toHaveLength(3);
  });

  test("counts for its own settings alone: a new plan with others asks anew, one with the same does not", async () => {
    await issuer.start();
    expect(await issuer.status("good")).toBe(200);
    const live = async (next: GatewayPlan): Promise<void> => {
      issuer.gateway.control.plan = next;
      issuer.gateway.control.version++;
      const { version } = issuer.gateway.control;
      const isLive = async () => {
        await issuer.status("good");
        return issuer.gateway.logs.some(({ plan }) => plan === version);
      };
      await vi.waitFor(async () => expect(await isLive()).toBe(true), { timeout: 10_000, interval: 100 });
    };
    await live(opaquePlan({}, { hosts: ["api.shop.example", "other.example"] }));
    expect(issuer.asked).toHaveLength(1);
    await live(opaquePlan({ audiences: ["api"] }));
    expect(await issuer.status("good")).toBe(401);
  });

  test("is a failure for a moment, so that those who wait together fail together", async () => {
    await issuer.start();
    issuer.answers.set("t", () => new Promise((done) => setTimeout(done, 50, new Response(null, { status: 500 }))));
    expect(await Promise.all(Array.from({ length: 10 }, () => issuer.status("t")))).toEqual(Array(10).fill(503));
    expect(issuer.asked).toHaveLength(1);
  });
});

describe("an endpoint that is away", () => {
  test("lets nobody in whom it has not named lately: 503, and 401 to nobody who may be good", async () => {
    await issuer.start();
    at(0);
    expect(await issuer.status("good")).toBe(200);
    issuer.isUp = false;
    at(29_000);
    expect([await issuer.status("good"), await issuer.status("new")]).toEqual([200, 503]);
    at(31_000);
    expect(await issuer.status("good")).toBe(503);
    issuer.isUp = true;
    at(31_000 + limits.introspection.failureMs);
    expect(await issuer.status("good")).toBe(200);
  });

  test("that is silent is waited for no longer than its time", async () => {
    await issuer.start({ timeoutMs: 100 });
    issuer.answers.set("t", () => new Promise(() => undefined));
    expect(await issuer.status("t")).toBe(503);
    expect(issuer.lastReason).toContain("no answer in time");
  });

  test("is replaced by its last good answer where the document says so, for a time and never beyond `exp`", async () => {
    await issuer.start({ staleMs: 60_000 });
    issuer.answers.set("short", () => ({ ...good, exp: Math.floor(begin / 1000) + 50 }));
    at(0);
    expect([await issuer.status("good"), await issuer.status("short"), await issuer.status("bad")]).toEqual([
      200, 200, 401,
    ]);
    issuer.isUp = false;
    at(45_000);
    expect([
      await issuer.status("good"),
      await issuer.status("short"),
      await issuer.status("bad"),
      await issuer.status("new"),
    ]).toEqual([200, 200, 503, 503]);
    expect(issuer.gateway.logs.some(({ answered }) => answered === "stale")).toBe(true);
    at(52_000);
    expect([await issuer.status("good"), await issuer.status("short")]).toEqual([200, 503]);
    at(90_001);
    expect(await issuer.status("good")).toBe(503);
  });

  test("never replaces an answer that it gave", async () => {
    await issuer.start({ staleMs: 60_000 });
    at(0);
    expect(await issuer.status("good")).toBe(200);
    issuer.answers.set("good", () => ({ active: false }));
    at(31_000);
    expect(await issuer.status("good")).toBe(401);
    issuer.isUp = false;
    at(37_000);
    expect(await issuer.status("good")).toBe(503);
  });
});

describe("a flood of random tokens", () => {
  test("of one client is asked about to its bound, and known tokens go on", async () => {
    await issuer.start();
    at(0);
    expect(await issuer.status("good")).toBe(200);
    const { unknownBurstAndAddress } = limits.introspection;
    const statuses: number[] = [];
    for (let n = 0; n < unknownBurstAndAddress + 20; n++)
      statuses.push(await issuer.status(`random-${n}`, "192.0.2.9"));
    expect(issuer.asked).toHaveLength(1 + unknownBurstAndAddress);
    expect(statuses.slice(-20)).toEqual(Array(20).fill(429));
    const refused = await issuer.get("another", "192.0.2.9");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await issuer.status("good", "192.0.2.9")).toBe(200);
    at(31_000 - 1);
    expect(await issuer.status("good", "192.0.2.9")).toBe(200);
  });

  test("from everywhere is bounded, too", async () => {
    await issuer.start();
    at(0);
    const { unknownBurst } = limits.introspection;
    for (let n = 0; n < unknownBurst + 50; n++) await issuer.status(`random-${n}`, `198.51.${n >> 8}.${n & 255}`);
    expect(issuer.asked).toHaveLength(unknownBurst);
  });
});

test("whatever stands in Authorization and in the answer: no error of ours, and no pass but the good one", async () => {
  await issuer.start({ rememberMs: 0 });
  let reply: () => Response = () => Response.json(good);
  vi.spyOn(issuer.answers, "get").mockImplementation(() => () => reply());
  const members = ["active", "sub", "scope", "iss", "aud", "exp", "nbf", "iat", "token_type", "cnf", "client_id"];
  const value = fc.oneof(fc.constantFrom<unknown>(true, "true", "alice", OPAQUE_ISSUER, exp, 0, null), fc.jsonValue());
  const body = fc.oneof(
    fc.dictionary(fc.constantFrom(...members), value).map((said) => JSON.stringify(said)),
    fc.string(),
  );
  const header = fc.oneof(
    fc.stringMatching(/^[Bb]earer +[\x21-\x7e]{0,20}$/),
    fc.stringMatching(/^[\x20-\x7e]{0,30}$/),
  );
  let clients = 0;
  await fc.assert(
    fc.asyncProperty(header, body, async (authorization, said) => {
      reply = () => new Response(said, { headers: { "content-type": "application/json" } });
      const ip = `10.${++clients >> 8}.${clients & 255}.1`;
      const response = await issuer.gateway.fetch("/orders/1", { headers: { authorization, "cf-connecting-ip": ip } });
      if (response.status === 200) expect(JSON.parse(said)).toMatchObject({ active: true, sub: expect.any(String) });
      else expect([401, 403, 429, 503]).toContain(response.status);
    }),
    fuzzing(800),
  );
}, 60_000);
