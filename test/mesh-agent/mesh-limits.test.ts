/** What agents hold of limits that all instances share, over connections that lose messages and end. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { LimitLink } from "../../mesh-agent/control/limit-link.ts";
import { MeshLimits, type TakenMesh } from "../../mesh-agent/inbound/mesh-limits.ts";
import { limits } from "../../shared/limits.ts";
import type { MeshLimit } from "../../shared/policy/call-limits.ts";
import { heldOf } from "../../shared/policy/limiter-state.ts";
import { type AgentMessage, agentMessageSchema } from "../../shared/wire/hub.ts";
import type { LimitsMessage } from "../../shared/wire/mesh-limits.ts";
import { seededRandom } from "../simulation/event-queue.ts";
import { answerLimits, type LimiterStates } from "./support/count-limits.ts";

/** Of a hundred messages, how many are lost on either way. */
class Hub {
  connected = true;
  lost = 0;
  readonly told: LimitsMessage[] = [];
  readonly states: LimiterStates;
  readonly #limits: readonly MeshLimit[];
  readonly #instance: string;
  readonly #random: () => number;
  readonly link = new LimitLink(() => "callee");

  constructor(states: LimiterStates, limits: readonly MeshLimit[], instance: string, random: () => number) {
    this.states = states;
    this.#limits = limits;
    this.#instance = instance;
    this.#random = random;
    this.link.start(this);
  }

  tell(message: AgentMessage): boolean {
    const heard = agentMessageSchema.parse(JSON.parse(JSON.stringify(message)));
    if (heard.type !== "limits" || this.#isLost()) return true;
    this.told.push(heard);
    const asker = { service: "callee", instance: this.#instance };
    setTimeout(() => {
      const { answers } = answerLimits(this.states, heard, asker, this.#limits);
      if (!this.#isLost()) setTimeout(() => this.link.answered(answers), this.#random() * 4);
    }, this.#random() * 4);
    return true;
  }

  cut(): void {
    this.connected = false;
    this.link.connection(false);
  }

  #isLost(): boolean {
    return !this.connected || this.#random() * 100 < this.lost;
  }
}

const settings = (more: Partial<MeshLimit>): MeshLimit => ({
  ...{ name: "l", limit: 100, windowMs: 3_600_000, by: ["all"], mode: "leased", ...more },
});

function world(limit: MeshLimit, count: number, seed = 1) {
  const random = seededRandom(seed);
  const states: LimiterStates = new Map();
  const uncounted: string[] = [];
  const agents = Array.from({ length: count }, (_, at) => {
    const hub = new Hub(states, [limit], `i${at}`, random);
    const onUncounted = (_name: string, answered: string): void => void uncounted.push(answered);
    return { hub, mesh: new MeshLimits({ link: hub.link, instances: () => count, onUncounted }) };
  });
  const call = async (at: number, key = "k"): Promise<TakenMesh> => {
    const mesh = agents[at % count]?.mesh;
    if (mesh === undefined) throw new Error("no agent");
    const kept = mesh.find(limit, key);
    return mesh.refusal(kept) ?? mesh.take(kept);
  };
  return { agents, states, uncounted, call, random };
}

const passed = (all: readonly TakenMesh[]): number => all.filter(({ verdict }) => verdict?.admitted).length;
const state = (states: LimiterStates) => [...states.values()][0];

describe("over connections that lose messages", () => {
  test.each([
    ["leased", 1],
    ["leased", 2],
    ["exact", 3],
    ["exact", 4],
  ] as const)("%s: never more than the limit (seed %i)", async (mode, seed) => {
    const limit = settings({ mode, limit: 400, onFailure: "closed", timeoutMs: 30 });
    const { agents, call, random, uncounted } = world(limit, 3, seed);
    for (const { hub } of agents) hub.lost = 20;
    const all: TakenMesh[] = [];
    for (let round = 0; round < 16; round++) {
      all.push(...(await Promise.all(Array.from({ length: 25 }, (_, at) => call(at)))));
      if (round === 6) agents[0]?.hub.cut();
      await delay(random() * 3);
    }
    expect(passed(all)).toBeLessThanOrEqual(400);
    expect(passed(all)).toBeGreaterThan(0);
    expect(uncounted.length).toBeGreaterThan(0);
  });
});

describe("leases", () => {
  test("go back when the plan has another limit, and when the agent ends", async () => {
    const limit = settings({ limit: 3_200 });
    const { agents, states, call } = world(limit, 1);
    const mesh = agents[0]?.mesh;
    for (let at = 0; at < 60; at++) await call(0);
    await expect.poll(() => heldOf(state(states) as never).tokens).toBeGreaterThan(10);
    mesh?.leave([limit]);
    expect(heldOf(state(states) as never).tokens).toBeGreaterThan(10);
    mesh?.leave([settings({ limit: 3_100 })]);
    await expect.poll(() => heldOf(state(states) as never).tokens).toBe(0);
  });

  test("spare questions: those that leave together are one message", async () => {
    const { agents, call } = world(settings({ limit: 100_000 }), 1);
    for (let round = 0; round < 20; round++)
      await Promise.all(Array.from({ length: 100 }, (_, at) => call(0, `k${at % 5}`)));
    const told = agents[0]?.hub.told ?? [];
    const questions = told.flatMap(({ asked = [] }) => asked).length;
    expect(questions).toBeLessThan(200);
    expect(told.length).toBeLessThan(questions);
  });

  test("a crowd that waits is asked for in as large a question as a hub takes", async () => {
    const { callsMax } = limits.meshLimits;
    const { call, agents } = world(settings({ limit: 1_000_000, mode: "exact", timeoutMs: 5_000 }), 1);
    const all = await Promise.all(Array.from({ length: callsMax + 500 }, () => call(0)));
    expect(passed(all)).toBe(callsMax + 500);
    expect(Math.max(...(agents[0]?.hub.told ?? []).flatMap(({ asked = [] }) => asked.map(({ more }) => more)))).toBe(
      callsMax,
    );
  });
});

describe("without a connection", () => {
  test("what is held is spent, then each instance has its share, without a wait", async () => {
    const { agents, call, uncounted } = world(settings({ limit: 40, mode: "exact", timeoutMs: 10_000 }), 2);
    const before = await Promise.all(Array.from({ length: 10 }, (_, at) => call(at)));
    expect(passed(before)).toBe(10);
    for (const { hub } of agents) hub.cut();
    const startMs = performance.now();
    const during = await Promise.all(Array.from({ length: 100 }, (_, at) => call(at)));
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(passed(during)).toBeLessThanOrEqual(30 + 5);
    expect(passed(during)).toBeGreaterThanOrEqual(28);
    expect(uncounted.length).toBe(100);
  });

  test("what passed by shares counts when somebody counts again", async () => {
    const { agents, call, states } = world(settings({ limit: 40, mode: "exact" }), 2);
    for (const { hub } of agents) hub.cut();
    expect(passed(await Promise.all(Array.from({ length: 30 }, (_, at) => call(at))))).toBe(30);
    for (const { hub } of agents) hub.connected = true;
    await expect
      .poll(async () => {
        await Promise.all([call(0), call(1)]);
        return states.size;
      })
      .toBe(1);
    const after = await Promise.all(Array.from({ length: 60 }, (_, at) => call(at)));
    expect(passed(after)).toBeLessThanOrEqual(10);
    expect(passed(await Promise.all(Array.from({ length: 20 }, (_, at) => call(at))))).toBe(0);
  });
});
