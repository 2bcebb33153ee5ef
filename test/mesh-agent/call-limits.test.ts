/** A service's limits on its calls from the mesh, through two agents on real sockets. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { proven } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { compiledService } from "./support/outside.ts";

const fleet = new Fleet();
let control: TestControl;
let agents: Record<"a" | "b" | "limited" | "slots" | "users" | "pair-1" | "pair-2", TestAgent>;
let ingress: TestAgent;

const limitsOf = (rateLimit: unknown) => {
  const { rateLimits = [] } = compiledService({ rateLimit });
  return rateLimits;
};

beforeAll(async () => {
  control = await TestControl.start();
  const outbound = { limited: {}, slots: {}, users: {}, pair: {} };
  control.setPlan("gateway", { outbound });
  control.setPlan("a", { outbound });
  control.setPlan("b", { outbound });
  control.setPlan("limited", {
    rateLimits: limitsOf([
      { limit: "2/hour", by: "service" },
      { limit: "1/hour", by: "all", shadow: true, name: "watched" },
    ]),
  });
  control.setPlan("slots", { rateLimits: limitsOf({ concurrent: 1, by: "all" }) });
  control.setPlan("users", { rateLimits: limitsOf({ limit: "1/hour", by: "identity", missing: "refuse" }) });
  control.setPlan("pair", { rateLimits: limitsOf({ limit: "1/hour", by: "all" }) });
  const run = (name: string, service = name): TestAgent => fleet.run(name, control.joinToken(service));
  agents = {
    ...{ a: run("a"), b: run("b"), limited: run("limited"), slots: run("slots"), users: run("users") },
    ...{ "pair-1": run("pair-1", "pair"), "pair-2": run("pair-2", "pair") },
  };
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  const all = [ingress, ...Object.values(agents)];
  await Promise.all(all.map((one) => one.ready()));
  for (const caller of [ingress, agents.a, agents.b])
    await until(`${caller.name} knows all`, async () => {
      const { text } = await caller.admin("/config");
      return ["limited", "slots", "users", "pair-1", "pair-2"].every((name) => text.includes(`"instance":"${name}"`));
    });
}, 40_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

/** As the gateway, on behalf of somebody. */
async function enter(service: string, sub: string, headers: Record<string, string> = {}, method = "GET") {
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const token = await control.txnToken("", { sub });
  const said = { ...headers, "txn-token": token, "selvage-service": service, "selvage-plan": "1" };
  const fields = proven({ method, target: "/", headers: said }, key);
  return fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}/`, { method, headers: fields });
}

describe("by calling service", () => {
  test("each has its own; beyond it a call is refused before the application, with words for those who ask again", async () => {
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await agents.a.calls("http://limited.mesh/")).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await agents.b.calls("http://limited.mesh/")).status).toBe(200);
    const refused = await agents.a.calls("http://limited.mesh/");
    expect(JSON.parse(refused.body)).toMatchObject({
      code: "limit_exceeded",
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      "violated-policies": ["service"],
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1000);
    expect(refused.headers["ratelimit-policy"]).toBe('"service";q=2;w=3600');
    expect(refused.headers.ratelimit).toMatch(/^"service";r=0;t=\d+$/);
    const { text } = await agents.limited.admin("/metrics");
    expect(text).toMatch(/^selvage_limited_total\{direction="inbound",limit="service",mode="enforce"\} 2$/m);
  });

  test("a limit in shadow refuses nobody and stands in the log", async () => {
    await until("the log tells", () =>
      agents.limited
        .log("inbound")
        .some(
          ({ status, wouldRefuse }) =>
            status === 200 &&
            JSON.stringify(wouldRefuse) === '[{"policy":"limit","error":"limit_exceeded","limit":"watched"}]',
        ),
    );
    expect((await agents.limited.admin("/metrics")).text).toMatch(/limit="watched",mode="shadow"/);
  });

  test("is no failure of the instance: nothing is retried, nobody is ejected", async () => {
    expect((await agents.a.calls("http://limited.mesh/once", "GET")).status).toBe(429);
    const { text } = await agents.a.admin("/metrics");
    expect(text).toMatch(/^selvage_endpoints_ejected\{service="limited"\} 0$/m);
    await until("the caller's log names it", () =>
      agents.a
        .log("outbound")
        .some(({ path, error, attempts }) => path === "/once" && error === "limit_exceeded" && attempts === 1),
    );
    await until("it is logged", () => agents.limited.log("inbound").some(({ path }) => path === "/once"));
    expect(agents.limited.log("inbound").filter(({ path }) => path === "/once")).toHaveLength(1);
  });
});

test("at once: a place is given back when its call is over", async () => {
  const first = agents.a.calls("http://slots.mesh/hold");
  await until("it is there", async () => (await agents.slots.app("/held")).json.count === 1);
  expect((await agents.b.calls("http://slots.mesh/")).status).toBe(429);
  await agents.slots.app("/release");
  expect((await first).status).toBe(200);
  expect((await agents.b.calls("http://slots.mesh/")).status).toBe(200);
});

describe("by end user", () => {
  test("as the transaction token says; without one the call is refused where the limit wants one", async () => {
    expect(
      [await enter("users", "ann"), await enter("users", "ann"), await enter("users", "bob")].map(
        ({ status }) => status,
      ),
    ).toEqual([200, 429, 200]);
    const nobody = await agents.a.calls("http://users.mesh/");
    expect([nobody.status, JSON.parse(nobody.body).code]).toEqual([403, "not_permitted"]);
  });

  test("the gateway hears what became of it", async () => {
    const refused = await enter("users", "ann");
    expect(refused.headers.get("selvage-error")).toBe("limit_exceeded");
    expect(refused.headers.get("selvage-sent")).toBe("none");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(1000);
  });

  test("a call by gRPC is refused with RESOURCE_EXHAUSTED", async () => {
    const refused = await enter("users", "ann", { "content-type": "application/grpc" }, "POST");
    expect(refused.status).toBe(200);
    expect(refused.headers.get("grpc-status")).toBe("8");
    expect(refused.headers.get("content-type")).toBe("application/grpc");
    expect(refused.headers.get("selvage-error")).toBe("limit_exceeded");
  });
});

test("each instance counts for itself, and calls go to the one that has not refused", async () => {
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++) statuses.push((await agents.a.calls("http://pair.mesh/")).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(2);
});

test("changes with the plan, and counts go on", async () => {
  control.setPlan("limited", { rateLimits: limitsOf({ limit: "4/hour", by: "service" }) });
  await until("it holds", async () => (await agents.limited.admin("/config")).text.includes('"limit":4'));
  const statuses = [];
  for (let count = 0; count < 3; count++) statuses.push((await agents.a.calls("http://limited.mesh/")).status);
  expect(statuses).toEqual([200, 200, 429]);
});

describe("over all instances", () => {
  const pair = () => [agents["pair-1"], agents["pair-2"]];
  /** The machine may be busy: whoever waits too long is not counted. */
  const patient = { timeout: "10s" };
  /** Both instances go by these limits from here on. */
  async function holds(...rateLimit: { name: string; [key: string]: unknown }[]): Promise<void> {
    control.setPlan("pair", { rateLimits: limitsOf(rateLimit) });
    for (const agent of pair())
      await until(`${agent.name} holds it`, async () => {
        const { text } = await agent.admin("/config");
        return rateLimit.every(({ name }) => text.includes(`"name":"${name}"`));
      });
  }
  async function statuses(count: number, path = "/"): Promise<Record<number, number>> {
    const answers = await Promise.all(Array.from({ length: count }, () => agents.b.calls(`http://pair.mesh${path}`)));
    return Object.fromEntries(
      [200, 429, 503].map((status) => [status, answers.filter((one) => one.status === status).length]),
    );
  }
  const served = () => pair().map((one) => one.log("inbound").filter(({ status }) => status === 200).length);

  test("exact: as many as the limit says, whichever instance is asked", async () => {
    const before = served();
    await holds({ limit: "20/hour", by: "service", name: "exact", mode: "exact", ...patient });
    expect(await statuses(60)).toEqual({ 200: 20, 429: 40, 503: 0 });
    const after = served().map((count, at) => count - (before[at] ?? 0));
    expect(Math.min(...after)).toBeGreaterThan(0);
    const refused = await agents.b.calls("http://pair.mesh/");
    expect(refused.headers["ratelimit-policy"]).toBe('"exact";q=20;w=3600');
    expect(refused.headers.ratelimit).toMatch(/^"exact";r=0;t=\d+$/);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  });

  test("leased: never more, and what may lie with instances less; few questions", async () => {
    await holds({ limit: "320/hour", by: "service", name: "leased", mode: "leased", ...patient });
    const asked = control.heard.length;
    const { 200: passed = 0 } = await statuses(500);
    expect(passed).toBeLessThanOrEqual(320);
    expect(passed).toBeGreaterThanOrEqual(310);
    const questions = control.heard.slice(asked).flatMap((one) => (one.type === "limits" ? (one.asked ?? []) : []));
    expect(questions.length).toBeLessThan(250);
  });

  test("what another limit refuses is given back", async () => {
    await holds(
      { limit: "5/hour", by: "service", name: "wide", mode: "exact", ...patient },
      { limit: "1/hour", by: "path", name: "narrow", mode: "exact", ...patient },
    );
    for (const path of ["/one", "/two"]) expect(await statuses(2, path)).toEqual({ 200: 1, 429: 1, 503: 0 });
    for (const path of ["/three", "/four", "/five"])
      expect(await statuses(1, path)).toEqual({ 200: 1, 429: 0, 503: 0 });
    expect(await statuses(1, "/six")).toEqual({ 200: 0, 429: 1, 503: 0 });
  });

  test("in shadow it refuses nobody", async () => {
    await holds({ limit: "1/hour", by: "all", name: "hidden", mode: "exact", ...patient, shadow: true });
    expect(await statuses(3)).toEqual({ 200: 3, 429: 0, 503: 0 });
    // The calls do not wait for it, and may be over when it is known.
    await until("it is counted", async () => {
      const texts = await Promise.all(pair().map(async (one) => (await one.admin("/metrics")).text));
      const counts = texts.map((text) => /limit="hidden",mode="shadow"\} (\d+)$/m.exec(text)?.[1] ?? "0");
      return counts.reduce((sum, count) => sum + Number(count), 0) === 2;
    });
  });

  test("nobody counts: each instance lets its share through, and it is told when somebody does again", async () => {
    const states = control.limiters;
    await holds({ limit: "10/hour", by: "all", name: "shared", mode: "exact", timeout: "50ms" });
    control.limiters = undefined;
    expect(await statuses(40)).toEqual({ 200: 10, 429: 30, 503: 0 });
    control.limiters = states;
    await until("both have told", async () => {
      await statuses(2);
      const told = control.heard.filter(
        (one) =>
          one.type === "limits" &&
          one.counted?.series.some(({ kind, labels }) => kind === "serviceLimit" && labels.join() === "pair,shared"),
      );
      return new Set(told.map(({ from }) => from)).size === 2;
    });
    expect(await statuses(10)).toEqual({ 200: 0, 429: 10, 503: 0 });
    expect((await agents["pair-1"].admin("/metrics")).text).toMatch(
      /^selvage_limit_uncounted_total\{limit="shared",answered="share"\} \d+$/m,
    );
  });

  test("nobody counts, and the limit is closed or open", async () => {
    const states = control.limiters;
    control.limiters = undefined;
    const unheard = { limit: "10/hour", by: "all", mode: "exact", timeout: "50ms" };
    await holds({ ...unheard, name: "closed", onFailure: "closed" });
    expect(await statuses(6)).toEqual({ 200: 0, 429: 0, 503: 6 });
    await holds({ ...unheard, name: "open", onFailure: "open" });
    expect(await statuses(20)).toEqual({ 200: 20, 429: 0, 503: 0 });
    control.limiters = states;
  });
});
