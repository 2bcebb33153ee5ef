/** Agents that give their applications no more than they take, on real sockets: who is refused, what callers are told, and what they do by it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLoad } from "../../shared/http/load-report.ts";
import { proven, type WrongProof } from "../support/hop-proof.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const fleet = new Fleet();
let control: TestControl;
let ingress: TestAgent;
let agents: Record<string, TestAgent>;

const shedding = { mode: "enforce", tolerance: 1.2, concurrencyMin: 1, concurrencyMax: 2 } as const;

beforeAll(async () => {
  control = await TestControl.start();
  const services = { one: {}, ranked: {}, pair: {}, watched: {}, plain: {} };
  control.setPlan("gateway", { outbound: services });
  control.setPlan("one", { shedding });
  control.setPlan("ranked", { shedding });
  control.setPlan("pair", { shedding });
  control.setPlan("watched", { shedding: { ...shedding, mode: "shadow" } });
  control.setPlan("plain", { outbound: { one: {} } });
  const run = (name: string, service = name): TestAgent => fleet.run(name, control.joinToken(service));
  agents = {
    one: run("one"),
    ranked: run("ranked"),
    "pair-1": run("pair-1", "pair"),
    "pair-2": run("pair-2", "pair"),
    watched: run("watched"),
    plain: run("plain"),
  };
  ingress = fleet.ingress("ingress-1", control.joinToken("gateway"));
  await Promise.all([ingress, ...Object.values(agents)].map((one) => one.ready()));
  await until("the ingress knows all of them", async () => {
    const { text } = await ingress.admin("/config");
    return Object.keys(agents).every((name) => text.includes(`"${name}"`));
  });
}, 40_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

const agent = (name: string): TestAgent => agents[name] as TestAgent;

/** As the gateway. */
async function enter(service: string, target: string, priority?: string, wrong?: WrongProof) {
  const [key] = control.hopKeys;
  if (key === undefined) throw new Error("no hop key");
  const headers: Record<string, string> = { "txn-token": await control.txnToken(""), "selvage-service": service };
  if (priority !== undefined) headers["selvage-priority"] = priority;
  const fields = proven({ method: "GET", target, headers: { ...headers, "selvage-plan": "1" } }, key, wrong);
  const answer = await fetch(`http://127.0.0.1:${ingress.runtime.ports.ingress}${target}`, { headers: fields });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Record<string, unknown> };
}

/** Requests that stay at the application of a service until they are released. */
interface Crowd {
  /** @returns their statuses */
  release(): Promise<number[]>;
}

async function crowd(service: string, count: number, priority?: string): Promise<Crowd> {
  const members = Object.values(agents).filter(({ name }) => name === service || name.startsWith(`${service}-`));
  const running = Array.from({ length: count }, () => enter(service, "/hold", priority));
  await until(`${count} are at ${service}`, async () => {
    const counts = await Promise.all(members.map(async (one) => Number((await one.app("/held")).json.count)));
    return counts.reduce((sum, one) => sum + one, 0) === count;
  });
  return {
    release: async () => {
      await Promise.all(members.map((one) => one.app("/release")));
      return (await Promise.all(running)).map(({ status }) => status);
    },
  };
}

const inbound = (name: string): Record<string, unknown>[] => agent(name).log("inbound");

describe("an application that has all that it takes", () => {
  test("the agent refuses what comes then: nothing was sent, and it says when to come again", async () => {
    const held = await crowd("one", 2);
    const refused = await enter("one", "/a");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("selvage-error")).toBe("overloaded");
    expect(refused.headers.get("selvage-sent")).toBe("none");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.json).toMatchObject({
      code: "overloaded",
      type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    });
    expect(await held.release()).toEqual([200, 200]);
    expect((await enter("one", "/a")).status).toBe(200);
    await until("the log says why", () =>
      inbound("one").some(({ error, reason }) => error === "overloaded" && /no place/.test(String(reason))),
    );
    expect((await agent("one").admin("/metrics")).text).toMatch(
      /^selvage_shed_total\{priority="normal",mode="enforce"\} 1$/m,
    );
  });

  test("tells callers how full it is, and each priority what it would find", async () => {
    const held = await crowd("one", 2);
    const { headers } = await enter("one", "/a", "low");
    expect(parseLoad(headers.get("selvage-load"))).toMatchObject({ places: 2 });
    // Both are means of late: they come to what there is.
    await until("it says that there is no place", async () => {
      const load = parseLoad((await enter("one", "/a", "low")).headers.get("selvage-load"));
      return load !== undefined && load.utilization > 0.95 && load.full[2] > 0.95 && load.full[0] > 0.95;
    });
    await held.release();
  });

  test("keeps places for the important: a refused one is followed by one that lower ones do not get", async () => {
    const held = await crowd("ranked", 2, "low");
    expect((await enter("ranked", "/a", "high")).status).toBe(503);
    await held.release();
    const one = await crowd("ranked", 1, "low");
    expect((await enter("ranked", "/a", "low")).status).toBe(503);
    expect((await enter("ranked", "/a", "high")).status).toBe(200);
    await one.release();
  });

  test("a priority that the gateway's proof does not cover is none: the request is refused", async () => {
    const { status, json } = await enter("one", "/a", "high", { uncovered: "selvage-priority" });
    expect([status, json.code]).toEqual([401, "hop_proof_invalid"]);
  });

  test("applications are told nothing of it, and cannot say it", async () => {
    const { headers, json } = await enter("one", "/a", "high");
    expect(Object.keys(json.headers as object).filter((name) => /priority|load/.test(name))).toEqual([]);
    expect(headers.get("selvage-load")).not.toBeNull();
    const called = await agent("plain").calls("http://one.mesh/a");
    expect(called.status).toBe(200);
    expect(Object.keys(called.headers).filter((name) => name.startsWith("selvage-"))).toEqual([]);
  });
});

test("without `shedding` nobody is refused and nothing is told", async () => {
  const held = await crowd("plain", 8);
  const { status, headers } = await enter("plain", "/a");
  expect([status, headers.get("selvage-load")]).toEqual([200, null]);
  await held.release();
});

test("in shadow nobody is refused, the log says who would be, and callers are told nothing", async () => {
  const held = await crowd("watched", 3);
  const { status, headers } = await enter("watched", "/a");
  expect([status, headers.get("selvage-load")]).toEqual([200, null]);
  expect(await held.release()).toEqual([200, 200, 200]);
  await until("the log says it", () => inbound("watched").length >= 4);
  expect(inbound("watched").filter(({ wouldRefuse }) => wouldRefuse !== undefined)).toMatchObject([
    { status: 200, wouldRefuse: [{ error: "overloaded" }] },
    { status: 200, wouldRefuse: [{ error: "overloaded" }] },
  ]);
  expect((await agent("watched").admin("/metrics")).text).toContain(
    'selvage_shed_total{priority="normal",mode="shadow"} 2',
  );
});

describe("of two instances", () => {
  test("one that is full sends a request to the other, unless it is of low priority", async () => {
    const held = await crowd("pair", 3);
    const low = new Set<number>();
    for (let at = 0; at < 4; at++) low.add((await enter("pair", "/a", "low")).status);
    expect(low).toEqual(new Set([200, 503]));
    // One of the two has a place: every request that may look for it finds it.
    for (let at = 0; at < 6; at++) expect((await enter("pair", "/a", "high")).status).toBe(200);
    await held.release();
    await until("the log tells of a second attempt", () =>
      ingress.log("ingress").some(({ peer, attempts }) => peer === "pair" && attempts === 2),
    );
  });

  test("what the ingress tells the gateway is of both", async () => {
    for (let at = 0; at < 4; at++) await enter("pair", "/a");
    const { headers } = await enter("pair", "/a");
    expect(parseLoad(headers.get("selvage-load"))).toMatchObject({ places: 4 });
  });
});
