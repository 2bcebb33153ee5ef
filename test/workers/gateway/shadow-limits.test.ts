/** Limits in shadow, in workerd: what they count, what they say and to whom, and that nobody waits for them. */
import { env as testEnv } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

const env = testEnv as unknown as Env;
afterEach(() => vi.restoreAllMocks());

/** Each test has its own route name, so its own limiters. */
let unique = 0;
const shadow = (name: string, quota: number, more: Partial<RateLimitSettings> = {}): RateLimitSettings =>
  limit(name, quota, { shadow: true, ...more });

function start(
  rateLimits: readonly RateLimitSettings[],
  more: { env?: Partial<Env>; outside?: (request: Request) => Response | Promise<Response> } = {},
): Promise<Gateway> {
  const { outside = () => Response.json({ ok: true }), ...options } = more;
  return startGateway(plan([route(`shadowed-${unique++}`, "/r", { rateLimits })]), outside, options);
}

const lines = ({ logs }: Gateway): Record<string, unknown>[] => logs.filter(({ kind }) => kind === "access");
const said = (gateway: Gateway): unknown[] => lines(gateway).map(({ wouldRefuse }) => wouldRefuse);
const exceeded = (name: string): unknown => [{ policy: "limit", error: "limit_exceeded", limit: name }];

async function ask(gateway: Gateway, times: number): Promise<Response[]> {
  const answers: Response[] = [];
  for (let at = 0; at < times; at++) {
    const answer = await gateway.fetch("/r");
    await answer.clone().arrayBuffer();
    answers.push(answer);
  }
  await gateway.settled();
  return answers;
}

const statuses = (answers: readonly Response[]): number[] => answers.map(({ status }) => status);

describe("a limit in shadow", () => {
  test.each(["exact", "leased", "local"] as const)("%s: refuses nobody, and the log names it", async (mode) => {
    const gateway = await start([shadow("tight", 2, { mode })]);
    const answers = await ask(gateway, 5);
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 200]);
    const none = undefined;
    expect(said(gateway)).toEqual([none, none, exceeded("tight"), exceeded("tight"), exceeded("tight")]);
    for (const { headers } of answers)
      expect([...headers.keys()].filter((name) => /ratelimit|retry-after/.test(name))).toEqual([]);
  });

  test("of 100, leased: of 300 requests at once the log names it for exactly 200", async () => {
    const gateway = await start([shadow("hundred", 100, { mode: "leased" })]);
    await gateway.fetch("/nothing");
    await Promise.all(Array.from({ length: 300 }, () => gateway.fetch("/r")));
    await gateway.settled();
    expect(said(gateway).filter((one) => one !== undefined)).toEqual(Array(200).fill(exceeded("hundred")));
  });

  test("beside others: clients hear of those alone", async () => {
    const gateway = await start([shadow("tight", 1), limit("real", 3)]);
    const answers = await ask(gateway, 4);
    expect(statuses(answers)).toEqual([200, 200, 200, 429]);
    expect(answers[1]?.headers.get("ratelimit-policy")).toBe('"real";q=3;w=60');
    expect(answers[1]?.headers.get("ratelimit")).toMatch(/^"real";r=1;t=\d+$/);
    expect(await answers[3]?.json()).toMatchObject({ "violated-policies": ["real"] });
    expect(said(gateway)).toEqual([undefined, exceeded("tight"), exceeded("tight"), undefined]);
  });

  test("is not taken of when another limit refuses", async () => {
    const rateLimits = [limit("real", 2, { windowMs: 3_600_000 }), shadow("wide", 3)];
    const gateway = await start(rateLimits);
    expect(statuses(await ask(gateway, 8))).toEqual([200, 200, 429, 429, 429, 429, 429, 429]);
    // The same limits where the other one is gone: of three there is one left.
    const { name } = gateway.control.plan?.routes[0] ?? { name: "" };
    const after = await startGateway(
      plan([route(name, "/r", { rateLimits: rateLimits.slice(1) })]),
      () => new Response(),
    );
    await ask(after, 2);
    expect(said(after)).toEqual([undefined, exceeded("wide")]);
  });

  test("counts for itself, whatever another one in shadow would have done", async () => {
    const gateway = await start([shadow("one", 1), shadow("three", 3)]);
    await ask(gateway, 4);
    const [, second, , fourth] = said(gateway);
    expect(second).toEqual(exceeded("one"));
    expect(fourth).toEqual([
      { policy: "limit", error: "limit_exceeded", limit: "one" },
      { policy: "limit", error: "limit_exceeded", limit: "three" },
    ]);
  });

  test("is counted for operators", async () => {
    const gateway = await start([limit("real", 4), shadow("tight", 3)]);
    await ask(gateway, 5);
    const later = Date.now() + limits.counters.reportEveryMs;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    await gateway.fetch("/nothing");
    await gateway.settled();
    // Of the other one 4 passed and 1 was refused, which the one in shadow never heard of.
    expect(gateway.control.counted("limit")).toMatchObject({ passed: 4 + 3, refused: 1, wouldRefuse: 1 });
  });

  test("goes on counting when it is enforced", async () => {
    const settings = shadow("quota", 3);
    const gateway = await start([settings]);
    await ask(gateway, 2);
    const { name } = gateway.control.plan?.routes[0] ?? { name: "" };
    const rateLimits = [limit("quota", 3)];
    const after = await startGateway(plan([route(name, "/r", { rateLimits })]), () => new Response());
    expect(statuses(await ask(after, 2))).toEqual([200, 429]);
  });
});

describe("what requests reserve", () => {
  test("slots: held while the request runs, and given back", async () => {
    const waiting: (() => void)[] = [];
    const outside = async (): Promise<Response> => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return new Response("ok");
    };
    const gateway = await start([shadow("slots", 2, { counts: "concurrent", mode: "exact" })], { outside });
    await gateway.fetch("/nothing");
    const round = async (): Promise<number[]> => {
      const running = [1, 2, 3].map(() => gateway.fetch("/r"));
      await vi.waitFor(() => expect(waiting).toHaveLength(3));
      for (const release of waiting.splice(0)) release();
      const answers = await Promise.all(running);
      await Promise.all(answers.map((answer) => answer.text()));
      await gateway.settled();
      return statuses(answers);
    };
    expect(await round()).toEqual([200, 200, 200]);
    expect(said(gateway).filter((one) => one !== undefined)).toEqual([exceeded("slots")]);
    // Refusals are believed for a moment; after that there are two slots again.
    await vi.waitFor(async () => {
      gateway.logs.length = 0;
      await round();
      expect(said(gateway).filter((one) => one !== undefined)).toEqual([exceeded("slots")]);
    });
  });

  test("costs: settled by what the answer tells", async () => {
    const cost = { estimate: 10, body: "/usage/total_tokens" };
    const settings = shadow("tokens", 100, { counts: "cost", cost, mode: "exact" });
    const gateway = await start([settings], { outside: () => Response.json({ usage: { total_tokens: 60 } }) });
    const answers = await ask(gateway, 3);
    expect(statuses(answers)).toEqual([200, 200, 200]);
    // 60, then 10 of the 40 left are reserved and become 60, then nothing is left.
    expect(said(gateway)).toEqual([undefined, undefined, exceeded("tokens")]);
    expect(await answers[0]?.json()).toEqual({ usage: { total_tokens: 60 } });
  });
});

describe("whose limiter does not answer", () => {
  /** A limiter that hears nothing until it is told to. */
  const silent = (): Partial<Env> => ({
    LIMITER: {
      idFromName: (name: string) => env.LIMITER.idFromName(name),
      get: () => ({ ask: () => new Promise(() => undefined), refund: async () => undefined }),
    } as unknown as Env["LIMITER"],
  });

  test("the answer does not wait for it; the line of the log does, and says so", async () => {
    const gateway = await start([shadow("mute", 5)], { env: silent() });
    await gateway.fetch("/nothing");
    const answer = await gateway.fetch("/r", { whole: false });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ ok: true });
    // It still waits for its limiter, up to a second: the answer was here before.
    expect(lines(gateway).filter(({ path }) => path === "/r")).toEqual([]);
    await gateway.settled();
    expect(lines(gateway).at(-1)).toMatchObject({
      status: 200,
      wouldRefuse: [{ policy: "limit", error: "limiter_unavailable", limit: "mute" }],
    });
  });

  test("open: nobody would be refused, and the log says that it did not count", async () => {
    const gateway = await start([shadow("mute", 5, { onFailure: "open" })], { env: silent() });
    expect(statuses(await ask(gateway, 1))).toEqual([200]);
    expect(said(gateway)).toEqual([undefined]);
    expect(gateway.logs.find(({ kind }) => kind === "limit")).toMatchObject({ answered: "open", requests: 1 });
  });

  test("costs that answers tell meanwhile harm nobody", async () => {
    const settings = shadow("mute", 100, { counts: "cost", cost: { estimate: 10, header: "x-tokens" } });
    const gateway = await start([settings], { env: silent() });
    expect(statuses(await ask(gateway, 2))).toEqual([200, 200]);
  });
});
