/** Calls to `gateway.upstreams`: which target gets them, what is sent again, and what clients get where none answers. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { upstream } from "../../../shared/config/schema-upstreams.ts";
import { compileUpstream } from "../../../shared/plan/compile-upstreams.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, type Outside, startGateway } from "./support/gateway.ts";
import { settings as onceOnly } from "./support/idempotency.ts";
import { part, plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const A = "http://a.example";
const B = "http://b.example/base";
const DR = { url: "http://dr.example", failover: true };

/** A plan with one upstream, as its part of a document is compiled. */
function planWith(settings: object, more: Partial<GatewayPlan> = {}): GatewayPlan {
  const target = { kind: "forward", to: { upstream: "pay" } } as const;
  const composed = { kind: "aggregate", parts: [part("one", ["/one"], { target: { upstream: "pay" } })] } as const;
  const routes = [route("pay", "/*", { target }), route("composed", "/composed", { target: composed })];
  return plan(routes, { upstreams: { pay: compileUpstream(upstream.parse(settings), "pay") }, ...more });
}

const start = (settings: object, outside: Outside, env: object = {}): Promise<Gateway> =>
  startGateway(planWith(settings), outside, { env: env as Partial<Env> });

/** Hosts that were called, in order. */
const hosts = ({ sent }: Gateway): string[] => sent.map(({ url }) => new URL(url).host);
const codeOf = async (response: Response): Promise<[number, string]> => [
  response.status,
  ((await response.json()) as { code: string }).code,
];
const NEVER = new Promise<undefined>(() => undefined);
const retries = { attempts: 2, on: ["5xx"], backoff: { base: "1ms" } };
const inTurn = { policy: "round-robin" };

describe("targets", () => {
  test("get requests in turn, by weight, with their own path before", async () => {
    const gateway = await start({ targets: [{ url: A, weight: 2 }, B], balance: inTurn }, () => new Response("ok"));
    for (let n = 0; n < 6; n++) await gateway.fetch(`/orders/${n}?q=1`);
    expect(hosts(gateway).filter((host) => host === "a.example")).toHaveLength(4);
    const toB = gateway.sent.find(({ url }) => url.startsWith(B));
    expect(toB?.url).toMatch(/^http:\/\/b\.example\/base\/orders\/\d\?q=1$/);
  });

  test("variants and copies of a route lead to them; a copy is sent once, and no line tells of it", async () => {
    const { upstreams } = planWith({ targets: [A], retries });
    const to = { upstream: "pay" } as const;
    const target = { kind: "forward", to: { origin: "http://main.example" } } as const;
    const gateway = await startGateway(
      plan(
        [
          route("split", "/split", { target, traffic: [{ headers: {}, variants: [{ name: "pay", to, weight: 1 }] }] }),
          route("copied", "/copied", { target, mirror: [{ headers: {}, methods: ["GET"], to, percent: 100 }] }),
        ],
        upstreams && { upstreams },
      ),
      ({ url }) => new Response("x", { status: url === `${A}/copied` ? 503 : 200 }),
    );
    await gateway.fetch("/split");
    expect((await gateway.fetch("/copied")).status).toBe(200);
    await gateway.settled();
    expect(hosts(gateway).sort()).toEqual(["a.example", "a.example", "main.example"]);
    const lines = gateway.logs.filter(({ kind }) => kind === "access");
    expect(lines.map(({ peer }) => peer)).toEqual(["pay", undefined]);
  });

  test("parts of a composed answer come from them", async () => {
    const gateway = await start({ targets: [A] }, () => Response.json({ n: 1 }));
    expect(await (await gateway.fetch("/composed")).json()).toEqual({ one: { n: 1 } });
    expect(gateway.sent[0]?.url).toBe(`${A}/one`);
  });

  test("of the next group are called when those before fail", async () => {
    const settings = { targets: [DR, A], retries, breaker: { consecutiveFailures: 1 } };
    const gateway = await start(settings, ({ url }) => new Response("x", { status: url.startsWith(A) ? 500 : 200 }));
    for (let n = 0; n < 3; n++) expect((await gateway.fetch("/x")).status).toBe(200);
    // The first request finds out, the others know.
    expect(hosts(gateway)).toEqual(["a.example", "dr.example", "dr.example", "dr.example"]);
  });

  test("the same key goes to the same target", async () => {
    const balance = { policy: "consistent-hash", hash: { header: "x-user" } };
    const gateway = await start({ targets: [A, B], balance }, () => new Response("ok"));
    for (let n = 0; n < 20; n++) await gateway.fetch("/x", { headers: { "x-user": `u${n % 4}` } });
    for (let user = 0; user < 4; user++)
      expect(new Set(hosts(gateway).filter((_, at) => at % 4 === user)).size).toBe(1);
    expect(new Set(hosts(gateway)).size).toBe(2);
  });

  test("are told how much time is left", async () => {
    const settings = { targets: [A], deadlineHeader: "X-Time-Left", timeout: "700ms" };
    const gateway = await start(settings, () => new Response("ok"));
    await gateway.fetch("/x");
    const left = Number(gateway.sent[0]?.headers.get("x-time-left"));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(700);
  });

  test("keep their state where a new plan names them", async () => {
    const settings = { targets: [A, B], balance: inTurn, breaker: { consecutiveFailures: 1, maxEjected: 100 } };
    const gateway = await start(settings, ({ url }) => new Response("x", { status: url.startsWith(A) ? 500 : 200 }));
    await gateway.fetch("/1");
    await gateway.fetch("/2");
    gateway.control.plan = planWith({ ...settings, timeout: "4s" });
    gateway.control.version++;
    vi.setSystemTime(Date.now() + 2_500);
    for (let n = 0; n < 4; n++) await gateway.fetch("/x");
    vi.useRealTimers();
    expect(hosts(gateway).slice(2)).toEqual(Array(4).fill("b.example"));
  });
});

describe("what is sent again", () => {
  const failing = (times: number): Outside => {
    let left = times;
    return () => new Response("x", { status: left-- > 0 ? 503 : 200 });
  };

  test.each<[string, RequestInit, number, number]>([
    ["GET", {}, 200, 3],
    ["PUT with a small body", { method: "PUT", body: "small" }, 200, 3],
    ["DELETE", { method: "DELETE" }, 200, 3],
    ["POST", { method: "POST", body: "small" }, 503, 1],
    ["PUT with a large body", { method: "PUT", body: "x".repeat(65 * 1024) }, 503, 1],
  ])("%s", async (_, init, status, calls) => {
    const gateway = await start({ targets: [A], retries }, failing(2));
    const stated = typeof init.body === "string" ? { "content-length": String(init.body.length) } : {};
    const response = await gateway.fetch("/x", { ...init, headers: stated as Record<string, string> });
    expect([response.status, gateway.sent.length]).toEqual([status, calls]);
    for (const request of gateway.sent) expect(await request.text()).toBe(init.body ?? "");
  });

  test("POST where the document says that it may be carried out twice", async () => {
    const settings = { targets: [A], retries: { ...retries, idempotent: ["/safe/*"] } };
    const post = { method: "POST", body: "b", headers: { "content-length": "1" } };
    const gateway = await start(settings, failing(1));
    expect((await gateway.fetch("/safe/x", post)).status).toBe(200);
    expect(gateway.sent).toHaveLength(2);
  });

  test.each(["reset", "connect-failure", "5xx", "gateway-error"])("no answer at all, by %s", async (on) => {
    let calls = 0;
    const settings = { targets: [A, B], retries: { ...retries, on: [on] } };
    const gateway = await start(settings, () => (calls++ === 0 ? undefined : new Response("ok")));
    expect((await gateway.fetch("/x")).status).toBe(200);
    expect(new Set(hosts(gateway)).size).toBe(2);
  });

  test("one that hangs, after its own time", async () => {
    let calls = 0;
    const settings = { targets: [A, B], retries: { ...retries, perTry: "50ms", on: ["reset"] } };
    const gateway = await start(settings, () => (calls++ === 0 ? NEVER : new Response("ok")));
    expect((await gateway.fetch("/x")).status).toBe(200);
  });

  test("what the document does not name is not", async () => {
    const settings = { targets: [A, B], retries: { ...retries, on: ["connect-failure"] } };
    const gateway = await start(settings, failing(2));
    expect([(await gateway.fetch("/x")).status, gateway.sent.length]).toEqual([503, 1]);
  });

  test("a status that means nothing is tried again", async () => {
    let calls = 0;
    const odd = (): Response =>
      Object.defineProperty(new Response("odd"), "status", { value: calls++ === 0 ? 103 : 200 });
    const gateway = await start({ targets: [A, B], retries: { ...retries, on: ["reset"] } }, odd);
    expect((await gateway.fetch("/x")).status).toBe(200);
  });

  test("the last answer goes on as it is", async () => {
    let calls = 0;
    const gateway = await start({ targets: [A], retries }, () => new Response(`${++calls}`, { status: 500 }));
    const response = await gateway.fetch("/x");
    expect([response.status, await response.text()]).toEqual([500, "3"]);
  });

  test("the last answer goes on as it is when no target may get one more request", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    const pause = { ...retries, attempts: 1, backoff: { base: "400ms" } };
    const slow = Promise.withResolvers<Response>();
    const gateway = await start({ targets: [A], retries: pause, breaker: { maxRequests: 1 } }, ({ url }) =>
      url.endsWith("/other") ? slow.promise : new Response("its own", { status: 503 }),
    );
    const first = gateway.fetch("/x");
    let other = first;
    await vi.waitFor(async () => {
      other = gateway.fetch("/other");
      await Promise.race([other, new Promise((resolve) => setTimeout(resolve, 20))]);
      expect(gateway.sent.some(({ url }) => url.endsWith("/other"))).toBe(true);
    });
    const response = await first;
    expect([response.status, await response.text()]).toEqual([503, "its own"]);
    slow.resolve(new Response("ok"));
    expect((await other).status).toBe(200);
    const line = gateway.logs.find(({ kind, path }) => kind === "access" && path === "/x");
    expect(line).toMatchObject({ endpoint: A, attempts: 1 });
  });

  test("nothing after the deadline", async () => {
    const gateway = await start({ targets: [A, B], timeout: "60ms", retries }, () => NEVER);
    expect(await codeOf(await gateway.fetch("/x"))).toEqual([504, "upstream_timeout"]);
    expect(gateway.sent).toHaveLength(1);
  });

  test("what was sent stays sent, though the last attempt was not", async () => {
    const targets = [A, { binding: "NONE" }];
    const settings = { targets, balance: inTurn, retries: { attempts: 1, on: ["reset"], idempotent: true } };
    const { upstreams } = planWith(settings);
    const target = { kind: "forward", to: { upstream: "pay" } } as const;
    const gateway = await startGateway(
      plan([route("pay", "/*", { target, idempotency: onceOnly() })], upstreams && { upstreams }),
      () => undefined,
    );
    const post = { method: "POST", body: "b", headers: { "content-length": "1", "idempotency-key": '"k"' } };
    expect(await codeOf(await gateway.fetch("/x", post))).toEqual([503, "binding_missing"]);
    expect(await codeOf(await gateway.fetch("/x", post))).toEqual([409, "outcome_unknown"]);
    expect(gateway.sent).toHaveLength(1);
  });

  test("not while repetitions are in vain", async () => {
    const gateway = await start({ targets: [A], retries }, () => new Response("x", { status: 500 }));
    for (let n = 0; n < 20; n++) await gateway.fetch("/x");
    expect(gateway.sent.length).toBeLessThan(20 + 2 * 10);
  });
});

describe("hedges", () => {
  const settings = { targets: [A, B], balance: inTurn, hedge: { after: "20ms", budget: 100 } };

  test("win over one that hangs, which is ended", async () => {
    const gateway = await start(settings, ({ url }) => (url.startsWith(A) ? NEVER : new Response("fast")));
    expect(await (await gateway.fetch("/x")).text()).toBe("fast");
    expect(hosts(gateway)).toEqual(["a.example", "b.example"]);
    expect(gateway.sent[0]?.signal.aborted).toBe(true);
  });

  test("are as many as a request may have, however often it is sent again", async () => {
    const settings = { targets: [A, B, "http://c.example", "http://d.example"], retries: { ...retries, attempts: 1 } };
    const gateway = await start({ ...settings, hedge: { after: "1ms", max: 1, budget: 100 } }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return new Response("x", { status: 503 });
    });
    expect((await gateway.fetch("/x")).status).toBe(503);
    expect(gateway.sent.length).toBeLessThanOrEqual(3);
  });

  test("leave POST alone", async () => {
    const slow: Outside = async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return new Response("slow");
    };
    const gateway = await start(settings, slow);
    await gateway.fetch("/x", { method: "POST", body: "b" });
    expect(gateway.sent).toHaveLength(1);
  });
});

describe("bindings", () => {
  const binding = (answer: (url: string) => Response) => ({ fetch: async (url: string) => answer(url) });

  test("are called, with the host of the upstream", async () => {
    const seen: string[] = [];
    const PAY = binding((url) => {
      seen.push(url);
      return new Response("bound");
    });
    const gateway = await start({ targets: [{ binding: "PAY" }] }, () => undefined, { PAY });
    expect(await (await gateway.fetch("/x?y=1")).text()).toBe("bound");
    expect(seen).toEqual(["http://pay/x?y=1"]);
    expect(gateway.sent).toEqual([]);
  });

  test("are real ones of the platform", async () => {
    const gateway = await start({ targets: [{ binding: "PAYMENTS" }] }, () => undefined);
    const init = { method: "POST", body: "pay", headers: { host: "api.shop.example" } };
    const response = await gateway.fetch("/orders/1?status=201", init);
    const url = "http://pay/orders/1?status=201";
    expect([response.status, await response.json()]).toMatchObject([
      201,
      { method: "POST", url, host: "pay", body: "pay" },
    ]);
  });

  test("that are missing are told to operators alone", async () => {
    const gateway = await start({ targets: [{ binding: "PAY" }] }, () => undefined);
    const response = await gateway.fetch("/x", { method: "POST", body: "b" });
    expect(await codeOf(response.clone() as Response)).toEqual([503, "binding_missing"]);
    expect(await response.text()).not.toContain("PAY");
    expect(gateway.logs.find(({ kind }) => kind === "access")?.reason).toContain("PAY");
  });

  test("that are missing or none are passed over for another target, whatever the method", async () => {
    const targets = [{ binding: "PAY" }, { url: "https://b.example", mtls: "TEXT" }, { url: A, failover: 1 }];
    const gateway = await start({ targets }, () => new Response("ok"), { TEXT: "a text" });
    expect((await gateway.fetch("/x", { method: "POST", body: "whole" })).status).toBe(200);
    expect(hosts(gateway)).toEqual(["a.example"]);
    expect(await gateway.sent[0]?.text()).toBe("whole");
  });
});

describe("operators", () => {
  test("hear which target answered, and after how many attempts", async () => {
    let calls = 0;
    const gateway = await start(
      { targets: [A, DR], retries },
      () => new Response("x", { status: calls++ === 0 ? 500 : 200 }),
    );
    await gateway.fetch("/x");
    const line = gateway.logs.find(({ kind }) => kind === "access");
    expect(line).toMatchObject({ peer: "pay", endpoint: "http://dr.example", attempts: 2 });
  });

  test("are told nothing bad of a target whose call was called off", async () => {
    const { upstreams } = planWith({ targets: [A], breaker: { consecutiveFailures: 1 } });
    const target = { upstream: "pay" } as const;
    const parts = [part("slow", ["/slow"], { target }), part("gone", ["/gone"], { target: { origin: "http://gone" } })];
    const composed = route("composed", "/composed", { target: { kind: "aggregate", parts } });
    const gateway = await startGateway(plan([composed], upstreams && { upstreams }), ({ url }) =>
      url.startsWith(A) ? NEVER : undefined,
    );
    expect((await gateway.fetch("/composed")).status).toBe(502);
    vi.setSystemTime(Date.now() + 12_000);
    await gateway.fetch("/composed");
    vi.useRealTimers();
    expect(gateway.control.counted("upstream").ejections).toBeUndefined();
  });

  test.each([undefined, "70000"])(
    "hear nothing bad of a target from an upload that breaks off (length %s)",
    async (length) => {
      const settings = { targets: [A, B], balance: inTurn, breaker: { consecutiveFailures: 1, maxEjected: 100 } };
      const gateway = await start(settings, async (request) => {
        await request.text();
        return new Response("ok");
      });
      for (let n = 0; n < 4; n++) {
        const body = new ReadableStream({ pull: (controller) => controller.error(new Error("the client left")) });
        const headers = length === undefined ? {} : { "content-length": length };
        expect((await gateway.fetch("/up", { method: "POST", body, headers: headers as HeadersInit })).status).toBe(
          502,
        );
      }
      for (let n = 0; n < 4; n++) await gateway.fetch("/x");
      expect(new Set(hosts(gateway).slice(-4)).size).toBe(2);
      expect(gateway.logs.at(-1)).not.toMatchObject({ error: "breaker_open" });
    },
  );

  test("see what was counted", async () => {
    const settings = { targets: [A, B], retries, breaker: { consecutiveFailures: 1, maxEjected: 100 } };
    const gateway = await start(settings, () => new Response("x", { status: 500 }));
    for (let n = 0; n < 3; n++) {
      await gateway.fetch("/x");
      vi.setSystemTime(Date.now() + 12_000);
    }
    vi.useRealTimers();
    const counted = gateway.control.counted("upstream");
    expect(counted).toMatchObject({ ejections: 2 });
    expect(counted.retries).toBeGreaterThan(0);
    expect(counted.panics).toBeGreaterThan(0);
  });
});
