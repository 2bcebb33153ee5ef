import { evictDurableObject } from "cloudflare:test";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { LeaseAnswer } from "../../../shared/wire/gateway-lease.ts";
import { applyShop, call, configStore, connect, helloOf, joined, type TestAgent, token } from "./support.ts";

type Told = NonNullable<LeaseAnswer["ingress"]>;
type Held = Omit<Told, "addresses">;

let isolates = 0;
const newIsolate = (): string => `isolate-${++isolates}`;

async function lease(isolate: string, held?: Held): Promise<Told | undefined> {
  const ingress = held && { epoch: held.epoch, revision: held.revision };
  const body = { isolate, version: 0, ...(ingress && { ingress }) };
  return (await call("POST", "/v1/gateway/lease", "gateway", body)).body.ingress;
}

/** Asks until those addresses are told. */
async function told(isolate: string, addresses: readonly string[], held?: Held): Promise<Told> {
  let last: Told | undefined;
  await expect
    .poll(async () => {
      last = await lease(isolate, held);
      return last?.addresses;
    })
    .toEqual(addresses);
  return last as Told;
}

async function ingress(instance: string, port: number): Promise<TestAgent> {
  const agent = await joined("gateway", instance, port);
  agent.send({ type: "ready" });
  return agent;
}

const isReleased = ({ messages }: TestAgent): boolean => messages.some(({ type }) => type === "drained");

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});

describe("a lease", () => {
  test("says nothing of ingress agents that do not say where they are", async () => {
    const agent = await ingress("ingress-silent", 0);
    expect(await lease(newIsolate())).toBeUndefined();
    agent.close();
  });

  test("says where they are to those who do not know it, also after an eviction", async () => {
    const isolate = newIsolate();
    const agent = await ingress("ingress-1", 4300);
    const first = await told(isolate, ["127.0.0.1:4300"]);
    expect(await lease(isolate, first)).toBeUndefined();
    await evictDurableObject(configStore());
    expect(await told(newIsolate(), ["127.0.0.1:4300"])).toEqual(first);
    const second = await ingress("ingress-2", 4301);
    const both = await told(isolate, ["127.0.0.1:4300", "127.0.0.1:4301"], first);
    expect(both.revision).toBeGreaterThan(first.revision);
    for (const one of [agent, second]) one.send({ type: "draining" });
    await told(isolate, [], both);
    for (const one of [agent, second]) one.close();
  });

  test("names agents of the gateway alone, and no host that is none", async () => {
    const stranger = await joined("orders", "orders-stranger", 4310);
    stranger.send({ type: "ready" });
    const odd = await connect(await token({ role: "agent", service: "gateway", sub: "ingress-odd" }));
    const hello = helloOf("ingress-odd", 4311);
    const endpoint = { instance: "ingress-odd", host: "a@b/c", port: 4311, labels: {} };
    odd.send({ ...hello, endpoint });
    odd.send({ type: "ready" });
    const agent = await ingress("ingress-3", 4312);
    const isolate = newIsolate();
    const known = await told(isolate, ["127.0.0.1:4312"]);
    for (const one of [odd, agent]) one.send({ type: "draining" });
    await told(isolate, [], known);
    for (const one of [stranger, odd, agent]) one.close();
  });
});

describe("one that leaves", () => {
  let agent: TestAgent;
  let known: Told;
  let isolate: string;
  beforeEach(async () => {
    agent = await ingress(`ingress-leaves-${isolates}`, 4320);
    isolate = newIsolate();
    known = await told(isolate, ["127.0.0.1:4320"]);
    await lease(isolate, known);
  });

  test("is released when every isolate goes by that, and not before", async () => {
    const startMs = Date.now();
    agent.send({ type: "draining" });
    const gone = await told(isolate, [], known);
    // A moment in which it would have been released.
    await lease(isolate, known);
    expect(isReleased(agent)).toBe(false);
    await lease(isolate, gone);
    await agent.take("drained");
    expect(Date.now() - startMs).toBeLessThan(limits.control.drainBoundMs);
    agent.close();
  });

  test("does not wait for an isolate whose lease has ended", async () => {
    const startMs = Date.now();
    agent.send({ type: "draining" });
    await agent.take("drained");
    const tookMs = Date.now() - startMs;
    expect(tookMs).toBeLessThan(limits.control.drainBoundMs);
    agent.close();
  });
});

test("an isolate that names nothing is told, and waited for by nobody", async () => {
  const agent = await ingress("ingress-old", 4330);
  const isolate = newIsolate();
  await told(isolate, ["127.0.0.1:4330"]);
  agent.send({ type: "draining" });
  await expect.poll(async () => (await lease(isolate))?.addresses).toBeUndefined();
  await agent.take("drained");
  agent.close();
});
