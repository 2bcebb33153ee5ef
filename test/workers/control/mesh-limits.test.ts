/** Limits over all instances of a service: what agents may ask a hub, and what counts. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { AskedLimit, LimitedAnswer } from "../../../shared/wire/mesh-limits.ts";
import { closeCodes } from "../../../workers/control/objects/hub-messages.ts";
import { applyDocument, bindings, call, connect, helloOf, joined, shop, type TestAgent, token } from "./support.ts";

const EXACT = { name: "exact", limit: "10/hour", by: "service", mode: "exact" };
const LEASED = { name: "leased", limit: "3200/hour", by: "all", mode: "leased" };

function limited(...rateLimit: object[]): Record<string, unknown> {
  const document = shop() as { mesh: { services: Record<string, object> } };
  const { users, orders } = document.mesh.services;
  Object.assign(document.mesh.services, { users: { ...users, rateLimit }, orders: { ...orders, rateLimit: [EXACT] } });
  return document;
}

beforeAll(async () => {
  expect((await applyDocument(limited(EXACT, LEASED, { name: "own", limit: "5/hour", by: "all" }))).status).toBe(201);
});

let asked = 0;
async function ask(
  agent: TestAgent,
  ...questions: Partial<AskedLimit>[]
): Promise<(LimitedAnswer["answer"] | undefined)[]> {
  const first = asked;
  const all = questions.map((one) => ({ n: ++asked, limit: "exact", key: "k", cost: 1, more: 0, ...one }));
  agent.send({ type: "limits", asked: all });
  const answers = new Map<number, LimitedAnswer>();
  while (answers.size < all.length) for (const one of (await agent.take("limited")).answers) answers.set(one.n, one);
  return all.map((_, at) => answers.get(first + at + 1)?.answer);
}
const account = { id: "a", seq: 1, spent: 0, acknowledged: 0, left: 0, inUse: 0, sinceSpentMs: 0, demand: 100 };

describe("a limit over all instances", () => {
  test("is one count, whichever instance asks and whichever hub it is connected to, and outlives an eviction", async () => {
    const agents = [];
    for (let at = 0; at < 5; at++) agents.push(await joined("users", `users-${at}`));
    const key = { key: "one count" };
    for (const agent of agents) expect((await ask(agent, key))[0]).toMatchObject({ admitted: true });
    const names = await limiterIds();
    expect(names.length).toBe(1);
    for (const id of names) await evictDurableObject(bindings.MESH_LIMITER.get(id));
    const [agent] = agents as [TestAgent];
    expect((await ask(agent, { ...key, cost: 0, more: 0 }))[0]).toMatchObject({ remaining: 5 });
    expect((await ask(agent, { ...key, more: 10 }))[0]).toMatchObject({ admitted: true, more: 4 });
    expect((await ask(agent, key))[0]).toMatchObject({ admitted: false, remaining: 0 });
    for (const one of agents) one.close();
  });

  test("many questions in one message are answered each", async () => {
    const agent = await joined("users", "users-many");
    const answers = await ask(agent, ...Array.from({ length: 30 }, (_, at) => ({ key: `many ${at % 2}` })));
    expect(answers.filter((one) => one?.admitted)).toHaveLength(20);
    agent.close();
  });

  test("lends, and takes back what was not used and what did not go on", async () => {
    const agent = await joined("users", "users-leased");
    const leased = { limit: "leased", key: "lent" };
    const [first] = await ask(agent, { ...leased, account });
    expect(first).toMatchObject({ admitted: true, lent: 50, leaseMs: limits.rateLimit.leaseMsMax });
    const [back] = await ask(agent, { ...leased, cost: 0, account: { ...account, seq: 2, demand: 0 } });
    expect(back).toMatchObject({ lent: 0, remaining: 3199 });
    agent.send({ type: "limits", back: [{ limit: "leased", key: "lent", atMs: first?.atMs ?? 0 }] });
    for (let seq = 3; ; seq++) {
      const [now] = await ask(agent, { ...leased, cost: 0, account: { ...account, seq, demand: 0 } });
      if (now?.remaining === 3200) break;
    }
    agent.close();
  });

  test("goes on with what was counted when its numbers change", async () => {
    const agent = await joined("users", "users-changed");
    await ask(agent, { key: "changes", more: 3 });
    expect((await applyDocument(limited({ ...EXACT, limit: "5/hour" }, LEASED))).status).toBe(201);
    expect((await ask(agent, { key: "changes", cost: 0 }))[0]).toMatchObject({ remaining: 1 });
    agent.close();
  });
});

async function limiterIds(): Promise<DurableObjectId[]> {
  const { listDurableObjectIds } = await import("cloudflare:test");
  return listDurableObjectIds(bindings.MESH_LIMITER);
}

describe("an agent", () => {
  test("counts for its own service alone, and for itself", async () => {
    const [users, orders] = [await joined("users", "users-own"), await joined("orders", "orders-own")];
    expect((await ask(users, { key: "same", more: 100 }))[0]).toMatchObject({ admitted: true, more: 4 });
    expect((await ask(orders, { key: "same" }))[0]).toMatchObject({ admitted: true, remaining: 9 });
    const other = await joined("users", "users-other");
    const leased = { limit: "leased", key: "whose" };
    await ask(users, { ...leased, account });
    const [stolen] = await ask(other, {
      ...leased,
      cost: 0,
      account: { ...account, seq: 9, spent: 3000, acknowledged: 3000 },
    });
    expect(stolen?.remaining).toBeGreaterThan(3000);
    for (const agent of [users, orders, other]) agent.close();
  });

  test.each([
    ["of another service", { limit: "secret" }],
    ["that each instance counts for itself", { limit: "own" }],
    ["that is a part of an object", { limit: "__proto__" }],
  ])("is told that a limit %s cannot be counted", async (_, question) => {
    const agent = await joined("users", "users-unknown");
    expect(await ask(agent, question)).toEqual([undefined]);
    agent.close();
  });

  test("says what policies in shadow of its own service would refuse, each report once", async () => {
    const agent = await joined("users", "users-shadow");
    const judged = (service: string, error: string, requests: number) => ({
      ...{ kind: "serviceShadow", labels: [service, "access", error], counts: { requests } },
    });
    const counted = {
      seq: 1,
      series: [
        judged("users", "access_denied", 2),
        judged("users", "", 6),
        judged("orders", "access_denied", 99),
        judged("users", "evil", 99),
      ],
    };
    agent.send({ type: "limits", counted });
    agent.send({ type: "limits", counted });
    const shadow = (route: string, error: string) => ({
      ...{ kind: "shadow", labels: [route, "auth", error], counts: { requests: 1 } },
    });
    const series = [shadow("orders", "credentials_missing"), shadow("orders", "scope_missing"), shadow("orders", "")];
    await call("POST", "/v1/gateway/lease", "gateway", {
      isolate: "isolate-shadow",
      version: 0,
      counted: { seq: 1, series },
    });
    const rows = async () => (await call("GET", "/v1/shadow?windowMs=3600000", "admin")).body.rows;
    await expect.poll(async () => (await rows()).length).toBe(2);
    expect(await rows()).toEqual([
      {
        ...{ of: "service", name: "users", policy: "access", judged: 8, wouldRefuse: 2, share: 0.25 },
        errors: { access_denied: 2 },
      },
      {
        ...{ of: "route", name: "orders", policy: "auth", judged: 3, wouldRefuse: 2, share: 2 / 3 },
        errors: { credentials_missing: 1, scope_missing: 1 },
      },
    ]);
    expect((await call("GET", "/v1/shadow?by=routes", "admin")).status).toBe(400);
    agent.close();
  });

  const one = { n: 1, limit: "exact", key: "k", cost: 1, more: 0 };
  const { keyCharsMax, questionsMax, callsMax } = limits.meshLimits;
  test.each([
    ["asks for many at once", { asked: [{ ...one, cost: 2 }] }],
    ["asks for less than nothing", { asked: [{ ...one, cost: -1 }] }],
    ["asks for no number", { asked: [{ ...one, more: "9" }] }],
    ["asks for more than there is room for", { asked: [{ ...one, more: callsMax + 1 }] }],
    ["names a long key", { asked: [{ ...one, key: "k".repeat(keyCharsMax + 1) }] }],
    ["names no limit", { asked: [{ ...one, limit: "" }] }],
    ["asks too often at once", { asked: Array.from({ length: questionsMax + 1 }, () => one) }],
    ["has spent less than nothing", { asked: [{ ...one, account: { ...account, spent: -5 } }] }],
    ["wants all there is", { asked: [{ ...one, account: { ...account, demand: 1e300 } }] }],
    ["gives back what never was", { back: [{ limit: "exact", key: "k", atMs: -1 }] }],
  ])("that %s is cut off", async (_, message) => {
    const agent = await joined("users", "users-hostile");
    agent.send(JSON.stringify({ type: "limits", ...message }));
    expect((await agent.untilClosed()).code).toBe(closeCodes.policy);
  });

  test("that has not said who it is, is not heard", async () => {
    const agent = await connect(await token({ role: "agent", service: "users", sub: "users-silent" }));
    agent.send(JSON.stringify({ type: "limits", asked: [one] }));
    expect((await agent.untilClosed()).reason).toBe("the first message must be hello");
  });
});

test("what could not be counted is an alarm, of its own service alone", async () => {
  const agent = await connect(await token({ role: "agent", service: "users", sub: "users-alarm" }));
  agent.send(helloOf("users-alarm"));
  const series = (service: string, kind = "serviceLimit") => ({
    kind,
    labels: [service, "exact"],
    counts: { share: 7 },
  });
  agent.send({
    type: "limits",
    counted: { seq: 1, series: [series("users"), series("orders"), series("users", "limit")] },
  });
  agent.send({ type: "limits", counted: { seq: 1, series: [series("users")] } });
  for (;;) {
    const { alarms, counters } = (await call("GET", "/v1/status", "admin")).body;
    if (alarms.length === 0) continue;
    const text =
      "limit `exact` of service `users` could not be counted over all instances for 7 requests in the last 5 min (answered each instance its share)";
    const told = { service: "users", limit: "exact", requests: 7, answered: "share" };
    expect(alarms).toEqual([{ code: "service_limit_uncounted", ...told, text }]);
    expect(counters.series).toEqual([series("users")]);
    break;
  }
  agent.close();
});

test("an object that nobody asks any more is empty", async () => {
  const agent = await joined("users", "users-forgotten");
  await ask(agent, { key: "forgotten" });
  const ids = await limiterIds();
  const stored = await Promise.all(
    ids.map((id) => runInDurableObject(bindings.MESH_LIMITER.get(id), (_, { storage }) => storage.getAlarm())),
  );
  expect(stored.every((atMs) => atMs !== null)).toBe(true);
  agent.close();
});
