/** Limiters that hang, are slow or are away: real objects in workerd, held so that they answer nobody. */
import { runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { limiterId, limitName } from "../../../workers/gateway/upstream/limit-call.ts";
import { LimitTaker } from "../../../workers/gateway/upstream/take-limits.ts";
import { sleep } from "../../../workers/gateway/upstream/wait.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

const bindings = testEnv as unknown as Env;
const held: Held[] = [];
afterEach(async () => {
  for (const one of held.splice(0)) await one.release();
  vi.restoreAllMocks();
});

/** Objects that are busy with something else until they are released. */
class Held {
  #released = false;
  #over: Promise<unknown>[] = [];

  async hold(routeName: string, settings: RateLimitSettings, clientIp: string): Promise<void> {
    const name = limitName(routeName, settings, JSON.stringify([["ip", clientIp]]));
    const limiter = bindings.LIMITER.get(await limiterId(bindings, routeName, settings, name));
    let busy = false;
    const holding = runInDurableObject(limiter, (_, state) =>
      state.blockConcurrencyWhile(async () => {
        busy = true;
        while (!this.#released) await sleep(5);
      }),
    );
    this.#over.push(holding);
    while (!busy) await sleep(1);
  }

  async release(): Promise<void> {
    this.#released = true;
    await Promise.all(this.#over);
  }
}

/** The objects, each question counted and put after a delay. */
class Asked {
  questions = 0;
  delayMs = 0;

  get namespace(): Env["LIMITER"] {
    const get = (id: DurableObjectId) => {
      const stub = bindings.LIMITER.get(id);
      return {
        ask: async (...args: Parameters<typeof stub.ask>) => {
          this.questions++;
          if (this.delayMs > 0) await sleep(this.delayMs);
          return stub.ask(...args);
        },
        refund: (...args: Parameters<typeof stub.refund>) => stub.refund(...args),
      };
    };
    return { get, idFromName: (name: string) => bindings.LIMITER.idFromName(name) } as unknown as Env["LIMITER"];
  }
}

let unique = 0;
async function start(settings: RateLimitSettings) {
  const name = `unreliable-${unique++}`;
  const asked = new Asked();
  const one = route(name, "/limited", { rateLimits: [settings] });
  const gateway = await startGateway(plan([one]), () => Response.json({ ok: true }), {
    env: { LIMITER: asked.namespace },
  });
  const objects = new Held();
  held.push(objects);
  const hold = (clientIp: string) => objects.hold(name, settings, clientIp);
  return { gateway, asked, objects, hold, name };
}

const ask = (gateway: Gateway, clientIp = "192.0.2.1") =>
  gateway.fetch("/limited", { headers: { "cf-connecting-ip": clientIp }, whole: false });
const LONG = { timeout: 30_000, interval: 20 };
const isCounted = (response: Response): boolean => response.headers.has("ratelimit");

async function untilCounted(gateway: Gateway, clientIp?: string): Promise<void> {
  await vi.waitUntil(async () => isCounted(await ask(gateway, clientIp)), LONG);
}

const accessLines = ({ logs }: Gateway) => logs.filter(({ kind }) => kind === "access");

describe.each(["exact", "leased"] as const)("a limiter that hangs, %s", (mode) => {
  const settings = (more: Partial<RateLimitSettings> = {}) => limit("ip", 1000, { mode, timeoutMs: 50, ...more });

  test("open: requests pass uncounted, and after a few nobody waits for it; then they are counted again", async () => {
    const { gateway, asked, objects, hold } = await start(settings({ onFailure: "open" }));
    // An object that has just been made may take longer than this limit waits.
    await untilCounted(gateway);
    await hold("192.0.2.1");
    asked.questions = 0;
    for (let at = 0; at < 60; at++) {
      const response = await ask(gateway);
      expect([response.status, isCounted(response)]).toEqual([200, false]);
    }
    expect(asked.questions).toBeLessThan(10);
    expect(accessLines(gateway).at(-1)).toMatchObject({ status: 200, uncounted: ["ip"] });
    await objects.release();
    await untilCounted(gateway);
    expect(accessLines(gateway).at(-1)).not.toHaveProperty("uncounted");
  });

  test("closed: 503 that says when, and is no fault of the client", async () => {
    const { gateway, asked, hold } = await start(settings());
    await hold("192.0.2.1");
    for (let at = 0; at < 60; at++) expect((await ask(gateway)).status).toBe(503);
    expect(asked.questions).toBeLessThan(10);
    const response = await ask(gateway);
    expect(response.headers.get("retry-after")).toMatch(/^[1-5]$/);
    expect(response.headers.has("ratelimit")).toBe(false);
    expect(await response.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
      code: "limiter_unavailable",
      status: 503,
    });
    expect(accessLines(gateway).at(-1)).toMatchObject({ error: "limiter_unavailable", uncounted: ["ip"] });
    expect(gateway.sent).toHaveLength(0);
  });

  test("is the trouble of its key alone", async () => {
    const { gateway, hold } = await start(settings());
    await hold("192.0.2.1");
    for (let at = 0; at < 20; at++) {
      expect((await ask(gateway, "192.0.2.1")).status).toBe(503);
      expect(isCounted(await ask(gateway, "192.0.2.2"))).toBe(true);
    }
  });

  test("with many others of its limit: a new key does not find out by itself", async () => {
    const { gateway, asked, objects, hold } = await start(settings({ onFailure: "open" }));
    const addresses = Array.from({ length: limits.rateLimit.limitersFailingMax }, (_, at) => `192.0.2.${at}`);
    for (const address of addresses) await hold(address);
    for (const address of addresses) expect(isCounted(await ask(gateway, address))).toBe(false);
    asked.questions = 0;
    for (let at = 0; at < 100; at++) expect(isCounted(await ask(gateway, `198.51.100.${at}`))).toBe(false);
    expect(asked.questions).toBeLessThan(5);
    await objects.release();
    await untilCounted(gateway, "203.0.113.1");
  });

  test("requests that come together wait once", async () => {
    const { gateway, asked, hold } = await start(settings({ onFailure: "open", timeoutMs: 100 }));
    await hold("192.0.2.1");
    const all = await Promise.all(Array.from({ length: 30 }, () => ask(gateway)));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    asked.questions = 0;
    for (let at = 0; at < 20; at++) await ask(gateway);
    expect(asked.questions).toBeLessThan(5);
  });
});

describe("a limiter that is slow", () => {
  test("is waited for as long as its limit says", async () => {
    const patient = await start(limit("ip", 10, { timeoutMs: 5000 }));
    patient.asked.delayMs = 100;
    expect(isCounted(await ask(patient.gateway))).toBe(true);
    const hasty = await start(limit("ip", 10, { timeoutMs: 10, onFailure: "open" }));
    hasty.asked.delayMs = 100;
    expect(isCounted(await ask(hasty.gateway))).toBe(false);
  });

  test("leased: what it answers too late for one request is there for the next ones", async () => {
    const { gateway, asked } = await start(limit("ip", 10_000, { mode: "leased", timeoutMs: 20, onFailure: "open" }));
    asked.delayMs = 100;
    for (let at = 0; at < 5; at++) await ask(gateway);
    await untilCounted(gateway);
  });
});

test("a limit that changes what it does when it fails does so at once, for keys that are known, too", async () => {
  const asked = new Asked();
  const taker = new LimitTaker("isolate");
  const caller = { env: { ...bindings, LIMITER: asked.namespace }, background: () => undefined };
  const name = `unreliable-${unique++}`;
  const take = async (more: Partial<RateLimitSettings>) =>
    taker.take(caller, [{ settings: limit("ip", 5, more), route: name, key: "k" }]);
  expect((await take({})).failed).toEqual([]);
  asked.delayMs = 50;
  expect((await take({ onFailure: "open", timeoutMs: 10 })).failed).toMatchObject([{ onFailure: "open" }]);
  expect((await take({ timeoutMs: 10 })).failed).toMatchObject([{ onFailure: "closed" }]);
  asked.delayMs = 0;
  const [outcome] = (await take({})).outcomes;
  expect(outcome?.[1].remaining).toBeLessThan(4);
});

describe("what could not be counted is told", () => {
  test("in one line for many requests", async () => {
    const { gateway, hold, name } = await start(limit("ip", 10, { timeoutMs: 20, onFailure: "open" }));
    await hold("192.0.2.1");
    for (let at = 0; at < 30; at++) await ask(gateway);
    const reason = `limit ip of route ${name} did not answer`;
    expect(gateway.logs.filter(({ kind }) => kind === "limit")).toEqual([
      { kind: "limit", reason, answered: "open", requests: 1 },
    ]);
  });

  test("to the control plane, each request once, though no other request comes and acknowledgements get lost", async () => {
    const { gateway, hold } = await start(limit("ip", 10, { timeoutMs: 20, onFailure: "open" }));
    const { control, logs } = gateway;
    const uncounted = () => logs.filter((line) => line.uncounted !== undefined).length;
    await hold("192.0.2.1");
    control.acknowledges = false;
    for (let at = 0; at < 7; at++) await ask(gateway);
    await gateway.settled();
    expect(control.counted("limit").open).toBe(7);
    for (let at = 0; at < 4; at++) await ask(gateway);
    await gateway.settled();
    expect(control.counted("limit").open).toBe(7);
    control.acknowledges = true;
    await vi.waitUntil(async () => {
      await ask(gateway);
      await gateway.settled();
      return control.counted("limit").open === uncounted();
    }, LONG);
    expect(uncounted()).toBeGreaterThan(11);
  });

  test("beside what was counted", async () => {
    const { gateway } = await start(limit("ip", 3));
    for (let at = 0; at < 5; at++) await ask(gateway);
    const later = Date.now() + limits.counters.reportEveryMs;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    await ask(gateway);
    await gateway.settled();
    // The one at the later time came after that report; so long after, it passes.
    expect(gateway.control.counted("limit")).toMatchObject({ passed: 3, refused: 2, asked: 3 });
  });
});
