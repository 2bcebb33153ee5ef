import { runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { shardOf } from "../../../shared/policy/limit-load.ts";
import { type LimitAnswer, lendableOf, type ShardsTold } from "../../../shared/policy/limiter-state.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

const bindings = testEnv as unknown as Env;
let unique = 0;

/** Limiters and their shards, whose calls are counted; the limiters tell of as many shards as the test wants. */
class CountedObjects {
  calls = 0;
  shardCalls = 0;
  shardsDown = false;
  #told: ShardsTold = { count: 1, sinceMs: 1 };
  readonly #ids = new Map<string, DurableObjectId>();

  tell(count: number): void {
    this.#told = { count, sinceMs: this.#told.sinceMs + 1 };
  }

  get env(): Partial<Env> {
    const limiter = (id: DurableObjectId) => {
      const stub = bindings.LIMITER.get(id);
      return {
        ask: async (...args: Parameters<typeof stub.ask>) => {
          this.calls++;
          return { ...((await stub.ask(...args)) as LimitAnswer), shards: this.#told };
        },
        refund: (...args: Parameters<typeof stub.refund>) => stub.refund(...args),
      };
    };
    const shard = (id: DurableObjectId) => {
      this.#ids.set(id.toString(), id);
      const stub = bindings.LIMITER_SHARD.get(id);
      return {
        ask: async (...args: Parameters<typeof stub.ask>) => {
          this.shardCalls++;
          if (this.shardsDown) throw new Error("Durable Object is overloaded.");
          return { ...((await stub.ask(...args)) as LimitAnswer), shards: this.#told };
        },
        refund: (...args: Parameters<typeof stub.refund>) => stub.refund(...args),
      };
    };
    return {
      LIMITER: { get: limiter, idFromName: (name: string) => bindings.LIMITER.idFromName(name) },
      LIMITER_SHARD: { get: shard, idFromName: (name: string) => bindings.LIMITER_SHARD.idFromName(name) },
    } as unknown as Partial<Env>;
  }

  async evictShards(): Promise<void> {
    for (const id of this.#ids.values()) {
      await runInDurableObject(bindings.LIMITER_SHARD.get(id), (_, ctx) => ctx.abort("evicted")).catch(() => undefined);
      // Until it is gone, calls fail that would begin a new one.
      const isBack = () =>
        Promise.resolve(bindings.LIMITER_SHARD.get(id).refund(0)).then(
          () => true,
          () => false,
        );
      await vi.waitUntil(isBack, { timeout: 20_000 });
    }
  }
}

async function start(
  settings: RateLimitSettings,
  isolates: number,
  answer: () => Response | Promise<Response> = () => Response.json({ ok: true }),
): Promise<{ gateways: Gateway[]; objects: CountedObjects }> {
  const one = plan([route(`sharded-${unique++}`, "/limited", { rateLimits: [settings] })]);
  const objects = new CountedObjects();
  const begun = Array.from({ length: isolates }, () => startGateway(one, answer, { env: objects.env }));
  return { gateways: await Promise.all(begun), objects };
}

async function passed(
  gateways: readonly Gateway[],
  count: number,
  { atOnce = 20, others = [429] }: { atOnce?: number; others?: readonly number[] } = {},
): Promise<number> {
  let found = 0;
  for (let sent = 0; sent < count; sent += atOnce) {
    const batch = Array.from({ length: atOnce }, (_, at) =>
      (gateways[(sent + at) % gateways.length] as Gateway).fetch("/limited"),
    );
    for (const { status } of await Promise.all(batch)) {
      expect([200, ...others]).toContain(status);
      if (status === 200) found++;
    }
  }
  return found;
}

const QUOTA = 640;
const counted = { limit: QUOTA, windowMs: 60_000 };

describe.each(["exact", "leased"] as const)("shards, %s", (mode) => {
  const settings = limit("ip", QUOTA, { mode, windowMs: counted.windowMs });

  test("of all isolates together no more pass than the limit, and hardly fewer; the limiter is asked seldom", async () => {
    const { gateways, objects } = await start(settings, 8);
    objects.tell(4);
    const count = await passed(gateways, 1_000);
    expect(count).toBeLessThanOrEqual(QUOTA);
    expect(count).toBeGreaterThanOrEqual(QUOTA - lendableOf(counted));
    expect(objects.shardCalls).toBeGreaterThan(0);
    if (mode === "exact") expect(objects.calls).toBeLessThan(60);
  });

  test("isolates that go to shards, to others and back lose nothing", async () => {
    const { gateways, objects } = await start(settings, 6);
    let count = 0;
    for (const shards of [1, 2, 8, 4, 1, 2, 1]) {
      objects.tell(shards);
      count += await passed(gateways, 180);
    }
    expect(count).toBeLessThanOrEqual(QUOTA);
    expect(count).toBeGreaterThanOrEqual(QUOTA - lendableOf(counted));
  });

  test("what lies in a shard that is evicted counts as spent", async () => {
    const { gateways, objects } = await start(settings, 6);
    objects.tell(2);
    let count = 0;
    for (let round = 0; round < 5; round++) {
      // An object that is ended so says it with its stack, for which the whole process may stand still longer than a limit waits.
      count += await passed(gateways, 200, { others: [429, 503] });
      // A call to an object that is ended in the middle of it takes its whole time to fail.
      for (const gateway of gateways) await gateway.settled();
      await objects.evictShards();
    }
    expect(count).toBeLessThanOrEqual(QUOTA);
    expect(count).toBeGreaterThanOrEqual(QUOTA - 2 * lendableOf(counted));
  });

  test("where a shard does not answer, the limiter itself is asked", async () => {
    const { gateways, objects } = await start(settings, 1);
    objects.tell(2);
    await passed(gateways, 20, { atOnce: 1 });
    objects.shardsDown = true;
    const [gateway] = gateways as [Gateway];
    const statuses: number[] = [];
    for (let at = 0; at < 40; at++) statuses.push((await gateway.fetch("/limited")).status);
    expect(statuses.filter((status) => status === 503).length).toBeLessThanOrEqual(1);
    expect(statuses.at(-1)).toBe(200);
  });
});

test("slots through a shard are free again when their answers have ended", async () => {
  const open: (() => void)[] = [];
  const answer = () => new Promise<Response>((resolve) => open.push(() => resolve(Response.json({}))));
  const slots = limit("ip", 2, { mode: "exact", counts: "concurrent", windowMs: 5_000 });
  const { gateways, objects } = await start(slots, 1, answer);
  objects.tell(2);
  const [gateway] = gateways as [Gateway];
  const begin = async (): Promise<{ asked: Promise<Response> }> => {
    for (;;) {
      const before = open.length;
      let refused: Response | undefined;
      const asked = gateway.fetch("/limited", { whole: false });
      void asked.then((response) => {
        refused = response;
      });
      await vi.waitUntil(() => open.length > before || refused !== undefined, { timeout: 20_000 });
      if (open.length > before) return { asked };
      expect(refused?.status).toBe(429);
    }
  };
  for (let round = 0; round < 3; round++) {
    const running = [await begin(), await begin()];
    expect((await gateway.fetch("/limited")).status).toBe(429);
    for (const finish of open.splice(0)) finish();
    for (const { asked } of running) expect(await (await asked).json()).toEqual({});
  }
  expect(objects.shardCalls).toBeGreaterThan(2);
});

test("costs through a shard are settled by what answers tell", async () => {
  const cost = { estimate: 10, header: "x-used" };
  const settings = limit("ip", 1_000, { mode: "exact", counts: "cost", cost, windowMs: 60_000 });
  const answer = () => new Response("x", { headers: { "x-used": "3" } });
  const { gateways, objects } = await start(settings, 1, answer);
  objects.tell(2);
  const [gateway] = gateways as [Gateway];
  let count = 0;
  for (let at = 0; at < 340; at++) {
    const response = await gateway.fetch("/limited");
    await response.text();
    await gateway.settled();
    if (response.status === 200) count++;
  }
  expect(3 * count).toBeLessThanOrEqual(1_000);
  expect(3 * count).toBeGreaterThanOrEqual(1_000 - lendableOf({ limit: 1_000, windowMs: 60_000 }) - 10);
  expect(objects.shardCalls).toBeGreaterThan(100);
});

describe("the objects", () => {
  test("a limiter that is asked more than it bears tells of shards, which ask it in turn", async () => {
    const settings = { limit: 1_000_000, windowMs: 60_000 };
    const limiter = bindings.LIMITER.idFromName("hot");
    const stub = bindings.LIMITER.get(limiter);
    let told: ShardsTold = { count: 1, sinceMs: 0 };
    await vi.waitUntil(
      async () => {
        const asked = Array.from({ length: 200 }, () => stub.ask(settings, { cost: 1, more: 0 }));
        told = ((await Promise.all(asked)) as LimitAnswer[]).at(-1)?.shards ?? told;
        return told.count > 1;
      },
      { timeout: 20_000, interval: 0 },
    );
    const shard = bindings.LIMITER_SHARD.get(bindings.LIMITER_SHARD.idFromName("hot/0"));
    const answer = (await shard.ask(limiter.toString(), settings, { cost: 1, more: 0 })) as LimitAnswer;
    expect(answer).toMatchObject({ admitted: true, shards: told });
  });

  test("questions that come together to a shard share those to its limiter", async () => {
    const settings = { limit: 100, windowMs: 60_000 };
    const limiter = bindings.LIMITER.idFromName("shared").toString();
    const shard = bindings.LIMITER_SHARD.get(bindings.LIMITER_SHARD.idFromName("shared/0"));
    const asked = Array.from({ length: 150 }, () => shard.ask(limiter, settings, { cost: 1, more: 0 }));
    const admitted = ((await Promise.all(asked)) as LimitAnswer[]).filter((answer) => answer.admitted);
    expect(admitted).toHaveLength(100);
  });

  test("a shard that is told of no limiter fails instead of guessing", async () => {
    const shard = bindings.LIMITER_SHARD.get(bindings.LIMITER_SHARD.idFromName("none/0"));
    const asked = Promise.resolve(shard.ask("0".repeat(64), { limit: 100, windowMs: 60_000 }, { cost: 1, more: 0 }));
    await expect(asked).rejects.toThrow("did not answer");
  });
});

test("isolates spread over the shards by their names", () => {
  expect(new Set(["a", "b", "c", "d", "e", "f"].map((name) => shardOf(name, 2))).size).toBe(2);
});
