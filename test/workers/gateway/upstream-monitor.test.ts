/** The object that isolates share of an upstream: its checks, what it keeps, and what isolates make of it. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { upstream } from "../../../shared/config/schema-upstreams.ts";
import { limits } from "../../../shared/limits.ts";
import { compileUpstream } from "../../../shared/plan/compile-upstreams.ts";
import type { MonitorQuestion } from "../../../shared/policy/upstream-monitor.ts";
import type { HealthSettings } from "../../../shared/policy/upstream-settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { checkTarget } from "../../../workers/gateway/upstream/check-target.ts";
import { startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const targets = ["http://a.example/base", "http://b.example"].map((url) => ({ name: url, url, weight: 1, group: 0 }));
const [a = "", b = ""] = targets.map(({ name }) => name);
const health: HealthSettings = {
  method: "GET",
  path: "/up",
  intervalMs: 5_000,
  timeoutMs: 200,
  healthyAfter: 2,
  unhealthyAfter: 2,
};
const env = testEnv as unknown as Env;
let names = 0;
const fresh = () => env.UPSTREAMS.getByName(`monitor ${names++}`);
const question = (more: Partial<MonitorQuestion> = {}): MonitorQuestion => ({
  isolate: "one",
  version: 1,
  targets,
  ejected: [],
  health,
  ...more,
});

/** Plays the targets. @param sick names of those that fail @returns what they are asked */
function play(sick: Set<string>): Request[] {
  const asked: Request[] = [];
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    asked.push(request);
    return new Response("up", { status: [...sick].some((name) => request.url.startsWith(name)) ? 500 : 200 });
  });
  return asked;
}

describe("checks", () => {
  test("run by its alarm while isolates ask, and change what they are told", async () => {
    const sick = new Set([a]);
    const asked = play(sick);
    const monitor = fresh();
    expect(await monitor.ask(question())).toEqual({ unwell: [], ejected: [] });
    for (let n = 0; n < 2; n++) expect(await runDurableObjectAlarm(monitor)).toBe(true);
    expect((await monitor.ask(question())).unwell).toEqual([a]);
    expect(asked.slice(0, 2).map(({ url }) => url)).toEqual([`${a}/up`, `${b}/up`]);
    sick.clear();
    for (let n = 0; n < 2; n++) await runDurableObjectAlarm(monitor);
    expect((await monitor.ask(question())).unwell).toEqual([]);
  });

  test("end when nobody asks any more, and go on with the next question", async () => {
    const asked = play(new Set());
    const monitor = fresh();
    await monitor.ask(question());
    await runDurableObjectAlarm(monitor);
    const before = asked.length;
    vi.setSystemTime(Date.now() + limits.upstreams.checkedForMs + 1_000);
    await runDurableObjectAlarm(monitor);
    expect([asked.length, await runDurableObjectAlarm(monitor)]).toEqual([before, false]);
    await monitor.ask(question());
    expect(await runDurableObjectAlarm(monitor)).toBe(true);
    vi.useRealTimers();
    expect(asked.length).toBeGreaterThan(before);
  });

  test("outlive an eviction", async () => {
    play(new Set([b]));
    const monitor = fresh();
    await monitor.ask(question());
    for (let n = 0; n < 2; n++) await runDurableObjectAlarm(monitor);
    await evictDurableObject(monitor);
    expect((await monitor.ask(question())).unwell).toEqual([b]);
  });

  test("end with settings that have none", async () => {
    const asked = play(new Set());
    const monitor = fresh();
    await monitor.ask(question());
    const { health: _, ...without } = question({ version: 2 });
    await monitor.ask(without);
    expect([await runDurableObjectAlarm(monitor), asked.length]).toEqual([false, 0]);
    await runInDurableObject(monitor, async (_object, state) => expect(await state.storage.getAlarm()).toBeNull());
  });
});

describe("one check", () => {
  const [target] = targets;
  const check = (answer: () => Promise<Response>, more: Partial<HealthSettings> = {}, bindings: object = {}) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(answer);
    if (target === undefined) throw new Error("no target");
    return checkTarget(target, { ...health, ...more }, bindings);
  };
  const body =
    (text: string, status = 200) =>
    async () =>
      new Response(text, { status });
  const endless = async () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode("x".repeat(1_024))),
      }),
    );

  test.each<[string, () => Promise<Response>, Partial<HealthSettings>, string | undefined]>([
    ["any 2xx", body("", 200), {}, undefined],
    ["a redirection", body("", 301), {}, "status 301"],
    ["a status that is asked for", body("", 401), { statuses: [200, 401] }, undefined],
    ["another", body("", 200), { statuses: [401] }, "status 200"],
    ["its text", body("all is ok here"), { contains: "ok" }, undefined],
    ["another text", body("down"), { contains: "ok" }, "the body lacks what it must contain"],
    ["a body without an end", endless, { contains: "ok" }, "the body lacks what it must contain"],
    ["no body", async () => new Response(null), { contains: "ok" }, "the body lacks what it must contain"],
    ["no answer", () => new Promise(() => undefined), {}, "no answer within 200 ms"],
    ["nobody there", () => Promise.reject(new Error("Network connection lost.")), {}, "Network connection lost."],
    [
      "a body that stands still",
      async () => new Response(new ReadableStream()),
      { contains: "ok" },
      "no answer within 200 ms",
    ],
  ])("%s", async (_, answer, more, fault) => {
    expect(await check(answer, more)).toBe(fault);
  });

  test("by a binding, and by one that is missing", async () => {
    const bound = { name: "PAY", url: "http://pay", binding: "PAY", weight: 1, group: 0 };
    const PAY = { fetch: async (url: string) => new Response("", { status: url === "http://pay/up" ? 200 : 500 }) };
    expect(await checkTarget(bound, health, { PAY })).toBeUndefined();
    expect(await checkTarget(bound, health, {})).toContain("no binding PAY");
  });
});

describe("isolates", () => {
  const settings = (more: object) =>
    compileUpstream(upstream.parse({ targets: [a, b], balance: { policy: "round-robin" }, ...more }), "pay");
  const planWith = (name: string, more: object) =>
    plan([route("pay", "/*", { target: { kind: "forward", to: { upstream: name } } })], {
      upstreams: { [name]: settings(more) },
    });

  test("leave out what fails its checks, and call the rest", async () => {
    const gateway = await startGateway(
      planWith("checked", { health: { path: "/up", unhealthyAfter: 1 } }),
      ({ url }) => new Response("x", { status: url === `${a}/up` ? 503 : 200 }),
    );
    await gateway.fetch("/first");
    await runDurableObjectAlarm(env.UPSTREAMS.getByName("checked"));
    vi.setSystemTime(Date.now() + limits.upstreams.askAfterMs);
    await gateway.fetch("/second");
    gateway.sent.length = 0;
    for (let n = 0; n < 6; n++) await gateway.fetch(`/${n}`);
    vi.useRealTimers();
    expect(gateway.sent.filter(({ url }) => url.startsWith(a))).toEqual([]);
  });

  test("hear of what others have ejected", async () => {
    const monitor = env.UPSTREAMS.getByName("shared");
    const more = { breaker: { shared: true } };
    const gateway = await startGateway(planWith("shared", more), () => new Response("ok"));
    await gateway.fetch("/first");
    const ejected = [{ target: a, forMs: 30_000 }];
    const known = settings(more).targets;
    for (const isolate of ["x", "y"]) await monitor.ask({ isolate, version: 1, targets: known, ejected });
    vi.setSystemTime(Date.now() + limits.upstreams.askAfterMs);
    await gateway.fetch("/second");
    gateway.sent.length = 0;
    for (let n = 0; n < 6; n++) await gateway.fetch(`/${n}`);
    // Who was silent for a while is forgotten, with what it had ejected.
    vi.setSystemTime(Date.now() + limits.upstreams.heardForMs + 1_000);
    await gateway.fetch("/third");
    const later = gateway.sent.length;
    for (let n = 0; n < 6; n++) await gateway.fetch(`/${n}`);
    vi.useRealTimers();
    expect(gateway.sent.slice(0, 6).filter(({ url }) => url.startsWith(a))).toEqual([]);
    expect(gateway.sent.slice(later).filter(({ url }) => url.startsWith(a))).toHaveLength(3);
  });

  test("go on by what they know themselves when the object does not answer", async () => {
    const UPSTREAMS = { getByName: () => ({ ask: () => Promise.reject(new Error("gone")) }) };
    const gateway = await startGateway(planWith("gone", { health: { path: "/up" } }), () => new Response("ok"), {
      env: { UPSTREAMS } as never,
    });
    expect((await gateway.fetch("/x")).status).toBe(200);
    expect(gateway.logs.find(({ kind }) => kind === "upstream")).toMatchObject({ upstream: "gone" });
  });
});
