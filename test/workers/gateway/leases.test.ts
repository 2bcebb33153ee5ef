import { evictDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { lendableOf } from "../../../shared/policy/limiter-state.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

const bindings = testEnv as unknown as Env;
afterEach(() => vi.restoreAllMocks());

/** The objects of limiters, with every call counted. */
class CountedLimiters {
  calls = 0;
  refunds = 0;
  down = false;
  readonly ids = new Set<DurableObjectId>();

  get namespace(): Env["LIMITER"] {
    const get = (id: DurableObjectId) => {
      this.ids.add(id);
      const stub = bindings.LIMITER.get(id);
      return {
        ask: async (...args: Parameters<typeof stub.ask>) => {
          this.calls++;
          if (this.down) throw new Error("Durable Object is overloaded.");
          return stub.ask(...args);
        },
        refund: async (...args: Parameters<typeof stub.refund>) => {
          this.refunds++;
          return stub.refund(...args);
        },
      };
    };
    return { get, idFromName: (name: string) => bindings.LIMITER.idFromName(name) } as unknown as Env["LIMITER"];
  }
}

let unique = 0;
async function start(
  rateLimits: readonly RateLimitSettings[],
  isolates: number,
  answer: () => Response | Promise<Response> = () => Response.json({ ok: true }),
): Promise<{ gateways: Gateway[]; limiters: CountedLimiters }> {
  const one = plan([route(`leased-${unique++}`, "/limited", { rateLimits })]);
  const limiters = new CountedLimiters();
  const begun = Array.from({ length: isolates }, () =>
    startGateway(one, answer, { env: { LIMITER: limiters.namespace } }),
  );
  return { gateways: await Promise.all(begun), limiters };
}

const leased = (quota: number, more: Partial<RateLimitSettings> = {}) =>
  limit("ip", quota, { mode: "leased", ...more });
const from = (clientIp: string): RequestInit => ({ headers: { "cf-connecting-ip": clientIp } });

async function statuses(
  gateways: readonly Gateway[],
  count: number,
  atOnce = 20,
  clientIp = "192.0.2.1",
): Promise<number[]> {
  const found: number[] = [];
  for (let sent = 0; sent < count; sent += atOnce) {
    const batch = Array.from({ length: atOnce }, (_, at) =>
      (gateways[(sent + at) % gateways.length] as Gateway).fetch("/limited", from(clientIp)),
    );
    for (const response of await Promise.all(batch)) found.push(response.status);
  }
  return found;
}
const passed = (all: readonly number[]): number => all.filter((status) => status === 200).length;

describe("leased", () => {
  test("of ten isolates together no more pass than the limit, and hardly fewer, for fewer calls than requests", async () => {
    const { gateways, limiters } = await start([leased(1000)], 10);
    const all = await statuses(gateways, 1600, 40);
    expect(passed(all)).toBeLessThanOrEqual(1000);
    expect(passed(all)).toBeGreaterThanOrEqual(1000 - lendableOf({ limit: 1000, windowMs: 60_000 }));
    expect(new Set(all)).toEqual(new Set([200, 429]));
    expect(limiters.calls).toBeLessThan(900);
  });

  test("a key that is asked for once costs one call, and leaves nothing lent", async () => {
    const { gateways, limiters } = await start([leased(100)], 1);
    for (let at = 0; at < 20; at++) await statuses(gateways, 1, 1, `192.0.2.${at}`);
    expect(limiters.calls).toBe(20);
  });

  test("what the limiter has refused is refused without asking", async () => {
    const { gateways, limiters } = await start([leased(5)], 1);
    expect(passed(await statuses(gateways, 6, 1))).toBe(5);
    const { calls } = limiters;
    const all = await statuses(gateways, 200);
    expect(passed(all)).toBe(0);
    expect(limiters.calls - calls).toBeLessThanOrEqual(2);
  });

  test("requests that come together share questions", async () => {
    const { gateways, limiters } = await start([leased(10_000)], 1);
    expect(passed(await statuses(gateways, 100, 100))).toBe(100);
    expect(limiters.calls).toBeLessThan(20);
  });

  test("an object that is evicted between loses nothing", async () => {
    const { gateways, limiters } = await start([leased(200)], 4);
    let count = 0;
    for (let round = 0; round < 8; round++) {
      count += passed(await statuses(gateways, 40));
      // One that nobody asked meanwhile is not running: that is as good.
      for (const id of limiters.ids) await evictDurableObject(bindings.LIMITER.get(id)).catch(() => undefined);
    }
    expect(count).toBeLessThanOrEqual(200);
    expect(count).toBeGreaterThanOrEqual(200 - lendableOf({ limit: 200, windowMs: 60_000 }));
  });

  test("what an isolate holds is good while the limiter is away", async () => {
    const { gateways, limiters } = await start([leased(3200)], 1);
    await statuses(gateways, 100);
    limiters.down = true;
    const all = await statuses(gateways, 20, 1);
    expect(passed(all)).toBeGreaterThan(0);
    const more = await statuses(gateways, 400, 50);
    expect(new Set(more)).toEqual(new Set([200, 503]));
  });

  test("what a limit refuses, another gets back", async () => {
    const wide = leased(10_000, { name: "wide" });
    const { gateways, limiters } = await start([limit("narrow", 30), wide], 1);
    const all = await statuses(gateways, 100, 1);
    expect(passed(all)).toBe(30);
    const last = await (gateways[0] as Gateway).fetch("/limited", from("192.0.2.1"));
    expect(last.headers.get("ratelimit")).toMatch(/"wide";r=9970;/);
    expect(limiters.refunds).toBeLessThanOrEqual(1);
  });
});

test("local: each isolate counts for itself and calls nobody", async () => {
  const { gateways, limiters } = await start([limit("ip", 5, { mode: "local" })], 3);
  expect(passed(await statuses(gateways, 60))).toBe(15);
  expect(limiters.calls).toBe(0);
});

describe.each(["exact", "leased", "local"] as const)("requests at once, %s", (mode) => {
  test("a slot is free again when its answer has ended", async () => {
    const open: (() => void)[] = [];
    const answer = () => new Promise<Response>((resolve) => open.push(() => resolve(Response.json({}))));
    const slots = limit("ip", 2, { mode, counts: "concurrent", windowMs: 5000 });
    const { gateways } = await start([slots], 1, answer);
    const [gateway] = gateways as [Gateway];
    const ask = () => gateway.fetch("/limited", { whole: false });
    const running = [ask(), ask()];
    await vi.waitUntil(() => open.length === 2);
    expect((await ask()).status).toBe(429);
    for (const finish of open.splice(0)) finish();
    const answers = await Promise.all(running);
    await new Promise((resolve) => setTimeout(resolve, limits.rateLimit.concurrentRefusedMsMax));
    expect((await ask()).status).toBe(429);
    for (const response of answers) expect(await response.json()).toEqual({});
    await gateway.settled();
    await new Promise((resolve) => setTimeout(resolve, limits.rateLimit.concurrentRefusedMsMax));
    const next = ask();
    await vi.waitUntil(() => open.length === 1);
    for (const finish of open) finish();
    expect((await next).status).toBe(200);
  });
});

describe.each(["exact", "leased"] as const)("costs, %s", (mode) => {
  const cost = { estimate: 10, header: "x-used", body: "/usage/tokens" };
  const costs = (quota: number) => limit("ip", quota, { mode, counts: "cost", cost });
  const ask = async (gateway: Gateway): Promise<{ status: number; text: string; left: number }> => {
    const response = await gateway.fetch("/limited", { whole: false });
    const text = await response.text();
    await gateway.settled();
    return {
      status: response.status,
      text,
      left: Number(/r=(\d+)/.exec(response.headers.get("ratelimit") ?? "")?.[1]),
    };
  };
  const events = { "content-type": "text/event-stream" };
  const stream = [{ usage: null }, { usage: { tokens: 6 } }, { text: "x" }, { usage: { tokens: 7 } }]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .concat("data: [DONE]\n\n")
    .join("");
  const answers: [string, () => Response, number][] = [
    ["a field", () => new Response("x", { headers: { "x-used": "3" } }), 3],
    ["a body", () => Response.json({ usage: { tokens: 4 } }), 4],
    ["the last event of a stream that tells", () => new Response(stream, { headers: events }), 7],
    ["nothing", () => new Response("x"), 10],
    ["a failure", () => new Response("x", { status: 503 }), 0],
    ["more than was reserved", () => new Response("x", { headers: { "x-used": "25" } }), 25],
  ];
  test("an answer whose body tells is asked for whole", async () => {
    const answer = () => Response.json({ usage: { tokens: 4 } });
    for (const [settings, range] of [
      [costs(1000), null],
      [limit("ip", 10, { mode, counts: "cost", cost: { estimate: 10, header: "x-used" } }), "bytes=0-1"],
    ] as const) {
      const { gateways } = await start([settings], 1, answer);
      const [gateway] = gateways as [Gateway];
      await (await gateway.fetch("/limited", { headers: { range: "bytes=0-1" } })).text();
      expect(gateway.sent.map(({ headers }) => headers.get("range"))).toEqual([range]);
    }
  });

  test.each(answers)("%s", async (_, answer, used) => {
    const { gateways } = await start([costs(1000)], 1, answer);
    const [gateway] = gateways as [Gateway];
    expect((await ask(gateway)).left).toBe(990);
    expect((await ask(gateway)).left).toBe(990 - used);
    expect((await ask(gateway)).left).toBe(990 - 2 * used);
  });

  test("are refused when no more can be reserved, and the body that was read arrives whole", async () => {
    const text = JSON.stringify({ usage: { tokens: 10 }, text: "y".repeat(100_000) });
    const json = { headers: { "content-type": "application/json" } };
    const { gateways } = await start([costs(20)], 1, () => new Response(text, json));
    const [gateway] = gateways as [Gateway];
    expect((await ask(gateway)).text).toBe(text);
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway)).status).toBe(429);
  });
});
