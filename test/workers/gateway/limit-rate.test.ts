import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { parseList } from "structured-headers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import type { LimitAnswer, LimiterSettings } from "../../../shared/policy/limiter-state.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { limiterId, limitName } from "../../../workers/gateway/upstream/limit-call.ts";
import { LimitTaker } from "../../../workers/gateway/upstream/take-limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const env = testEnv as unknown as Env;
const issuer = await createIssuer();
afterEach(() => vi.restoreAllMocks());

/** Each test has its own route name, so its own limiters. */
let unique = 0;
const limited = (rateLimits: RoutePlan["rateLimits"], more: Partial<RoutePlan> = {}): RoutePlan =>
  route(`limited-${unique++}`, "/limited", { rateLimits, ...more });

const start = (one: RoutePlan, options: { env?: Partial<Env> } = {}): Promise<Gateway> =>
  startGateway(plan([one]), ({ url }) => issuer.answer(url) ?? Response.json({ ok: true }), options);

const from = (clientIp: string): RequestInit => ({ headers: { "cf-connecting-ip": clientIp } });

describe("a limit", () => {
  test("of 100: of 300 requests at once exactly 100 pass", async () => {
    const gateway = await start(limited([limit("ip", 100)]));
    await gateway.fetch("/nothing");
    const answers = await Promise.all(Array.from({ length: 300 }, () => gateway.fetch("/limited", from("192.0.2.1"))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(200);
    expect(gateway.sent).toHaveLength(100);
    expect((await gateway.fetch("/limited", from("192.0.2.2"))).status).toBe(200);
  });

  test("tells what is left, and when there is more", async () => {
    const gateway = await start(limited([limit("minute", 2), limit("hour", 10, { windowMs: 3_600_000 })]));
    const first = await gateway.fetch("/limited", from("192.0.2.1"));
    expect(first.headers.get("ratelimit-policy")).toBe('"minute";q=2;w=60, "hour";q=10;w=3600');
    expect(first.headers.get("ratelimit")).toBe('"minute";r=1;t=60, "hour";r=9;t=3600');
    await gateway.fetch("/limited", from("192.0.2.1"));
    const refused = await gateway.fetch("/limited", from("192.0.2.1"));
    expect(refused.status).toBe(429);
    const retryAfter = Number(refused.headers.get("retry-after"));
    const [minute] = parseList(refused.headers.get("ratelimit") as string);
    expect(retryAfter).toBeGreaterThanOrEqual(minute?.[1].get("t") as number);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(minute?.[1].get("r")).toBe(0);
    expect(await refused.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      title: "Too many requests",
      status: 429,
      code: "limit_exceeded",
      "violated-policies": ["minute"],
    });
    expect(gateway.logs.at(-1)).toMatchObject({ error: "limit_exceeded", reason: "limit minute" });
  });

  test("tells X-RateLimit fields where the route wants them, of the limit that is tightest", async () => {
    const limits = [limit("minute", 2), limit("hour", 10, { windowMs: 3_600_000 })];
    const gateway = await start(limited(limits, { legacyRateLimitHeaders: "epoch" }));
    const told = (response: Response) =>
      ["limit", "remaining", "reset"].map((name) => Number(response.headers.get(`x-ratelimit-${name}`)));
    const before = Date.now() / 1000;
    const [most, left, reset] = told(await gateway.fetch("/limited", from("192.0.2.1")));
    expect([most, left]).toEqual([2, 1]);
    expect(reset).toBeGreaterThanOrEqual(Math.floor(before) + 59);
    expect(reset).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 60);
    await gateway.fetch("/limited", from("192.0.2.1"));
    const refused = await gateway.fetch("/limited", from("192.0.2.1"));
    expect(refused.status).toBe(429);
    expect(told(refused).slice(0, 2)).toEqual([2, 0]);
    const plain = await start(limited(limits));
    expect((await plain.fetch("/limited", from("192.0.2.1"))).headers.has("x-ratelimit-limit")).toBe(false);
  });

  test("by identity counts each subject for itself, whatever its address", async () => {
    const one = limited([limit("identity", 1, { by: "identity" })], { auth: { any: ["login"], scopes: [] } });
    const gateway = await start(one);
    const ask = async (sub: string, clientIp: string): Promise<number> => {
      const headers = { authorization: `Bearer ${await issuer.sign({ sub })}`, "cf-connecting-ip": clientIp };
      return (await gateway.fetch("/limited", { headers })).status;
    };
    expect(await ask("alice", "192.0.2.1")).toBe(200);
    expect(await ask("alice", "192.0.2.2")).toBe(429);
    expect(await ask("bob", "192.0.2.1")).toBe(200);
  });

  test("that refuses gives back what the others took", async () => {
    const gateway = await start(limited([limit("narrow", 1), limit("wide", 3)]));
    expect((await gateway.fetch("/limited", from("192.0.2.1"))).status).toBe(200);
    for (let at = 0; at < 5; at++) {
      const refused = await gateway.fetch("/limited", from("192.0.2.1"));
      expect(await refused.json()).toMatchObject({ "violated-policies": ["narrow"] });
    }
    const last = await gateway.fetch("/limited", from("192.0.2.1"));
    expect(last.headers.get("ratelimit")).toContain('"wide";r=2');
  });

  test("is given back by those who waited for another's question, too", async () => {
    const settings = limit("ip", 20, { mode: "leased" });
    const name = `waited-${unique++}`;
    const work: Promise<unknown>[] = [];
    const caller = { env, background: (one: Promise<unknown>) => void work.push(one) };
    const taker = new LimitTaker("isolate");
    const all = await Promise.all(
      Array.from({ length: 6 }, () => taker.take(caller, [{ settings, route: name, key: "k" }])),
    );
    expect(all.flatMap(({ outcomes }) => outcomes.map(([, { admitted }]) => admitted))).toEqual(Array(6).fill(true));
    for (const taken of all) taken.undo();
    await Promise.all(work);
    const limiter = env.LIMITER.get(await limiterId(env, name, settings, limitName(name, settings, "k")));
    await runInDurableObject(limiter, (_, { storage }) =>
      expect(storage.kv.get("limiter")).toMatchObject({ history: { used: 0 } }),
    );
  });

  test("a burst, then the rate", async () => {
    const gateway = await start(limited([limit("ip", 1, { burst: 3, windowMs: 60_000 })]));
    const statuses: number[] = [];
    for (let at = 0; at < 5; at++) statuses.push((await gateway.fetch("/limited", from("192.0.2.1"))).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  test("is one count for isolates that decide by two plans", async () => {
    const one = limited([limit("ip", 2)]);
    const other = { ...one, rateLimits: [limit("ip", 3)] };
    const gateways = [await start(one), await start(other)];
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++)
      statuses.push((await (gateways[at % 2] as Gateway).fetch("/limited", from("192.0.2.1"))).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
  });

  test("without an address of the client all count together", async () => {
    const gateway = await start(limited([limit("ip", 1)]));
    expect((await gateway.fetch("/limited")).status).toBe(200);
    expect((await gateway.fetch("/limited")).status).toBe(429);
  });

  test("refusals of authentication do not count", async () => {
    const one = limited([limit("ip", 1)], { auth: { any: ["login"], scopes: [] } });
    const gateway = await start(one);
    for (let at = 0; at < 3; at++) expect((await gateway.fetch("/limited", from("192.0.2.1"))).status).toBe(401);
    const headers = { authorization: `Bearer ${await issuer.sign()}`, "cf-connecting-ip": "192.0.2.1" };
    expect((await gateway.fetch("/limited", { headers })).status).toBe(200);
  });
});

describe("a limiter that does not answer", () => {
  const broken = {
    idFromName: () => ({}),
    get: () => ({ ask: () => Promise.reject(new Error("overloaded")), refund: () => Promise.resolve() }),
  } as unknown as Env["LIMITER"];

  test("closed: 503", async () => {
    const gateway = await start(limited([limit("ip", 1)]), { env: { LIMITER: broken } });
    const response = await gateway.fetch("/limited");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "limiter_unavailable" });
  });

  test("open: the request passes without its word, and the log says so", async () => {
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const gateway = await start(limited([limit("ip", 1, { onFailure: "open" })]), { env: { LIMITER: broken } });
    const response = await gateway.fetch("/limited");
    expect(response.status).toBe(200);
    expect(response.headers.get("ratelimit")).toBeNull();
    const lines = warn.mock.calls.map(([line]) => JSON.parse(line as string) as { kind: string });
    expect(lines.filter(({ kind }) => kind === "limit")).toEqual([
      expect.objectContaining({
        reason: expect.stringMatching(/^limit ip of route limited-\d+ did/),
        answered: "open",
      }),
    ]);
  });
});

describe("the limiter object", () => {
  const settings = { limit: 2, windowMs: 60_000 };
  const open = (name: string) => env.LIMITER.get(env.LIMITER.idFromName(name));
  const take = (limiter: ReturnType<typeof open>, one: LimiterSettings): Promise<LimitAnswer> =>
    limiter.ask(one, { cost: 1, more: 0 }) as Promise<LimitAnswer>;

  test("forgets nothing when it is evicted", async () => {
    const limiter = open("evicted");
    expect((await take(limiter, settings)).remaining).toBe(1);
    await evictDurableObject(limiter);
    expect((await take(limiter, settings)).remaining).toBe(0);
    await evictDurableObject(limiter);
    const refused = await take(limiter, settings);
    expect(refused.admitted).toBe(false);
    await limiter.refund(refused.atMs - 1, 1);
    expect((await take(limiter, settings)).admitted).toBe(false);
  });

  test("gives back", async () => {
    const limiter = open("refunded");
    const { atMs } = await take(limiter, { limit: 1, windowMs: 60_000 });
    await limiter.refund(atMs, 1);
    expect((await take(limiter, { limit: 1, windowMs: 60_000 })).admitted).toBe(true);
  });

  test("goes on counting under other numbers, also after an eviction", async () => {
    const limiter = open("changed");
    await take(limiter, { limit: 1, windowMs: 60_000 });
    expect((await take(limiter, { limit: 1, windowMs: 60_000 })).admitted).toBe(false);
    expect(await take(limiter, { limit: 5, windowMs: 60_000 })).toMatchObject({ admitted: true, remaining: 3 });
    await evictDurableObject(limiter);
    expect(await take(limiter, { limit: 5000, windowMs: 60_000 })).toMatchObject({ admitted: true, remaining: 4997 });
    await evictDurableObject(limiter);
    expect(await take(limiter, { limit: 3, windowMs: 60_000 })).toMatchObject({ admitted: false, remaining: 0 });
  });

  test("leaves nothing behind once its window is over, and counts again after that", async () => {
    const limiter = open("cleaned");
    await take(limiter, settings);
    expect(await runDurableObjectAlarm(limiter)).toBe(true);
    await runInDurableObject(limiter, (_, state) => {
      expect(state.storage.kv.get("limiter")).toBeDefined();
    });
    const later = Date.now() + 60_000;
    vi.spyOn(Date, "now").mockReturnValue(later);
    expect(await runDurableObjectAlarm(limiter)).toBe(true);
    await runInDurableObject(limiter, async (_, state) => {
      expect([...state.storage.kv.list()]).toEqual([]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
    expect((await take(limiter, settings)).remaining).toBe(1);
    await runInDurableObject(limiter, async (_, state) => {
      expect(await state.storage.getAlarm()).not.toBeNull();
    });
  });
});
