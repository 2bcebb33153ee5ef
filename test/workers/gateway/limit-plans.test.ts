/** Limits by plan and consumer, and limits whose numbers change while callers use them. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import type { LimitRows } from "../../../shared/policy/limit-rows.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import { limiterId, limitName } from "../../../workers/gateway/upstream/limit-call.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { admin, bindings, createKey, partners, revokeKey } from "./support/keys.ts";
import { limit, plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const MINUTE_MS = 60_000;
const auth = { any: ["partners"], scopes: [] };
const rows: LimitRows = {
  plans: {
    pro: { limit: 6, windowMs: MINUTE_MS },
    large: { limit: 6000, windowMs: MINUTE_MS },
    internal: "unlimited",
  },
  consumers: { acme: { limit: 4, windowMs: MINUTE_MS } },
};

let unique = 0;
const named = (): string => `plans-${unique++}`;
const byCaller = (more: Partial<RateLimitSettings> = {}): RateLimitSettings =>
  limit("calls", 2, { by: "identity", rows: "calls", ...more });

function planWith(rateLimits: readonly RateLimitSettings[], name = named(), found: LimitRows = rows): GatewayPlan {
  const routes = [
    route(name, "/limited", { auth, rateLimits }),
    route(`${name}-other`, "/other", { auth, rateLimits }),
  ];
  return plan(routes, { identity: { partners }, limitRows: { calls: found } });
}

const start = (of: GatewayPlan): Promise<Gateway> => startGateway(of, () => new Response("ok"));
const owner = (): string => `owner-${unique++}`;

async function ask(gateway: Gateway, key: string, path = "/limited") {
  const { status, headers } = await gateway.fetch(path, { headers: { "x-api-key": key } });
  return { status, policy: headers.get("ratelimit-policy"), left: headers.get("ratelimit") };
}

async function passed(gateway: Gateway, key: string, requests: number, path?: string): Promise<number> {
  let count = 0;
  for (let at = 0; at < requests; at++) if ((await ask(gateway, key, path)).status === 200) count++;
  return count;
}

/** Each gateway has its lease renewed before the next request. */
async function apply(gateway: Gateway, next: GatewayPlan): Promise<void> {
  gateway.control.plan = next;
  gateway.control.version++;
  const now = Date.now();
  vi.spyOn(Date, "now").mockReturnValue(now + 2 * limits.gateway.planLeaseMs);
  await gateway.fetch("/nothing");
}

describe.each(["exact", "leased", "local"] as const)("%s", (mode) => {
  test("the plan's row holds, the consumer's before it, and the limit's own without either", async () => {
    const gateway = await start(planWith([byCaller({ mode })]));
    const keys = await Promise.all(
      [
        { owner: owner() },
        { owner: owner(), plan: "unheard-of" },
        { owner: owner(), plan: "constructor" },
        { owner: owner(), plan: "pro" },
        { owner: "acme", plan: "pro" },
        { owner: owner(), plan: "internal" },
      ].map((one) => createKey(one)),
    );
    const found: [number, string | null][] = [];
    for (const { key } of keys) {
      const { policy } = await ask(gateway, key);
      found.push([1 + (await passed(gateway, key, 9)), policy]);
    }
    const own: [number, string] = [2, '"calls";q=2;w=60'];
    expect(found).toEqual([own, own, own, [6, '"calls";q=6;w=60'], [4, '"calls";q=4;w=60'], [10, null]]);
    for (const { record } of keys) await revokeKey(record.id);
  });

  test("a document with other numbers keeps the count, up and down and over what is logged", async () => {
    const name = named();
    const settings = limit("calls", 5, { by: "identity", mode });
    const gateway = await start(planWith([settings], name));
    const { key } = await createKey({ owner: owner() });
    expect(await passed(gateway, key, 9)).toBe(5);
    await apply(gateway, planWith([{ ...settings, limit: 8 }], name));
    expect(await passed(gateway, key, 9)).toBe(3);
    await apply(gateway, planWith([{ ...settings, limit: 5 }], name));
    expect(await passed(gateway, key, 3)).toBe(0);
    await apply(gateway, planWith([{ ...settings, limit: 2000 }], name));
    const { status, policy, left } = await ask(gateway, key);
    expect([status, policy]).toEqual([200, '"calls";q=2000;w=60']);
    expect(Number(/r=(\d+)/.exec(left ?? "")?.[1])).toBe(2000 - 9);
  });
});

test("a month's quota that is raised or lowered goes on, also when its object was evicted", async () => {
  const name = named();
  const month = (quota: number): RateLimitSettings =>
    limit("quota", quota, { by: "identity", window: "month", windowMs: limits.rateLimit.windowMsMax });
  const gateway = await start(planWith([month(5)], name));
  const whose = owner();
  const { key } = await createKey({ owner: whose });
  expect(await passed(gateway, key, 4)).toBe(4);
  const object = async () => {
    const key = JSON.stringify([["identity", "api-key", "slv", whose]]);
    return bindings.LIMITER.get(await limiterId(bindings, name, month(5), limitName(name, month(5), key)));
  };
  await evictDurableObject(await object());
  await apply(gateway, planWith([month(6)], name));
  expect(await passed(gateway, key, 5)).toBe(2);
  await evictDurableObject(await object());
  await apply(gateway, planWith([month(3)], name));
  expect(await passed(gateway, key, 2)).toBe(0);
  gateway.restart();
  await apply(gateway, planWith([month(8)], name));
  expect(await passed(gateway, key, 5)).toBe(2);
});

test("a limit of the gateway is one count over its routes; one of each route is not", async () => {
  const whole = await start(planWith([byCaller({ scope: "gateway" })]));
  const { key } = await createKey({ owner: owner(), plan: "pro" });
  expect(await passed(whole, key, 4)).toBe(4);
  expect(await passed(whole, key, 4, "/other")).toBe(2);
  const each = await start(planWith([byCaller()]));
  expect(await passed(each, key, 7)).toBe(6);
  expect(await passed(each, key, 7, "/other")).toBe(6);
});

describe("a key whose plan changes", () => {
  const { staleMs } = limits.apiKeys;
  let nowMs = Date.now();
  const elapse = (ms: number): void => {
    nowMs += ms;
  };

  test.each(["exact", "leased"] as const)("%s: counts on by the new plan 3 s later at the latest", async (mode) => {
    nowMs = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => nowMs);
    const gateway = await start(planWith([byCaller({ mode })]));
    const { key, record } = await createKey({ owner: owner() });
    const update = (change: object) => admin("PATCH", `/keys/${record.id}`, change);
    expect(await passed(gateway, key, 4)).toBe(2);
    expect((await update({ plan: "pro" })).body.plan).toBe("pro");
    elapse(staleMs + 1);
    expect(await ask(gateway, key)).toMatchObject({ status: 200, policy: '"calls";q=6;w=60' });
    expect(await passed(gateway, key, 9)).toBe(3);
    expect((await update({ plan: "large" })).status).toBe(200);
    elapse(staleMs + 1);
    expect(await ask(gateway, key)).toMatchObject({ status: 200, policy: '"calls";q=6000;w=60' });
    expect((await update({ plan: null })).body).not.toHaveProperty("plan");
    elapse(staleMs + 1);
    expect(await ask(gateway, key)).toMatchObject({ status: 429, policy: '"calls";q=2;w=60' });
  });

  test("two keys of one owner share a count, each by its own plan", async () => {
    const gateway = await start(planWith([byCaller()]));
    const whose = owner();
    const [small, pro] = [await createKey({ owner: whose }), await createKey({ owner: whose, plan: "pro" })];
    const statuses: number[] = [];
    for (const key of [pro, small, pro, small, pro, small, pro, pro, pro, pro])
      statuses.push((await ask(gateway, key.key)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 200, 429, 200, 200, 429, 429]);
  });
});

test.each<[string, Record<string, unknown>, number]>([
  ["its plan", { plan: "pro" }, 6],
  ["its consumer before its plan", { plan: "pro", azp: "acme" }, 4],
  ["a plan of no row", { plan: "Pro" }, 2],
  ["names of built-in members", { plan: "__proto__", azp: "toString" }, 2],
  ["a name that ends a line", { plan: "pro\n", azp: "acme " }, 2],
  ["a very long name", { plan: "p".repeat(5000) }, 2],
  ["no name", { plan: 7, azp: { acme: true } }, 2],
])("a token that says %j", async (_, claims, expected) => {
  const issuer = await createIssuer();
  const login = plan([]).identity.login as JwtProvider;
  const of: GatewayPlan = {
    ...plan([route(named(), "/limited", { auth: { any: ["login"], scopes: [] }, rateLimits: [byCaller()] })]),
    identity: { login: { ...login, claims: { plan: "plan", consumer: "azp" } } },
    limitRows: { calls: rows },
  };
  const gateway = await startGateway(of, ({ url }) => issuer.answer(url) ?? new Response("ok"));
  const headers = { authorization: `Bearer ${await issuer.sign({ sub: owner(), ...claims })}` };
  const response = await gateway.fetch("/limited", { headers });
  expect([response.status, response.headers.get("ratelimit-policy")]).toEqual([200, `"calls";q=${expected};w=60`]);
});
