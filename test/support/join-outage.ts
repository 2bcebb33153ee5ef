/** The control plane is away for as long as certificates allow, and comes back; the normal run does it short, `test/long` long. */
import { setTimeout as delay } from "node:timers/promises";
import type { Fleet, TestAgent } from "../mesh-agent/support/agents.ts";
import { readState } from "./agent-state.ts";
import type { ControlWorker } from "./control-worker.ts";
import type { JoinWorld } from "./join-world.ts";
import { type LoadResult, startLoad } from "./load.ts";
import { until } from "./system.ts";

export interface OutageResult extends LoadResult {
  /** The agent that was started again during the outage served while the control plane was away. */
  readonly restartedOffline: boolean;
}

export interface Outage {
  /** How long the control plane is away. */
  readonly awayS: number;
  /** Requests a second. */
  readonly rate: number;
  /** It takes so long that certificates have to be renewed at once after it. */
  readonly renews: boolean;
}

/** Agents, and a control plane that can be taken away. */
export interface OutageWorld {
  agent(service: string, instance: string): Promise<TestAgent>;
  /** Starts one again that has ended, with what it keeps. */
  again(ended: TestAgent): TestAgent;
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

/** Its process stands still: connections hang, and it goes on where it was. */
export const suspending = (world: JoinWorld): OutageWorld => ({
  agent: (service, instance) => world.agent(service, instance),
  again: ({ name, folder }) => world.start(name, "/nonexistent", folder),
  leave: async () => world.control("SIGSTOP"),
  comeBack: async () => world.control("SIGCONT"),
});

/** Its process is killed: connections break, and another one starts with what is stored. */
export const killing = (control: ControlWorker, fleet: Fleet): OutageWorld => ({
  agent: async (service, instance) => fleet.run(instance, await control.joinToken(service)),
  again: ({ name, folder }) => fleet.run(name, undefined, [], folder),
  leave: () => control.kill(),
  comeBack: () => control.open(),
});

/** A caller and a callee, without a gateway. */
export function outageDocument(certificates: object): object {
  const services = { caller: { port: 8080, access: [] }, callee: { port: 8080, access: [{ from: "caller" }] } };
  return {
    selvage: 1,
    name: "outage",
    gateway: { hosts: ["localhost"], routes: [{ name: "callee", match: { path: "/*" }, to: "callee" }] },
    mesh: { trustDomain: "outage.internal", certificates, services },
  };
}

/**
 * Of a certificate's life two thirds are left at any time: an outage may take them, as 16 hours of 24, but for what a machine
 * needs to notice.
 */
export async function outageOfControl(world: OutageWorld, { awayS, rate, renews }: Outage): Promise<OutageResult> {
  const [caller, callee, other] = [
    await world.agent("caller", "caller-1"),
    await world.agent("callee", "callee-1"),
    await world.agent("callee", "callee-2"),
  ];
  await Promise.all([caller.ready(), callee.ready(), other.ready()]);
  await until("calls arrive", async () => (await caller.calls("http://callee.mesh/")).status === 200);
  const url = `http://127.0.0.1:${caller.runtime.ports.outbound}`;
  const load = startLoad({ url, rate, make: (index) => ({ path: `/${index}`, headers: { host: "callee.mesh" } }) });
  const tokenOf = (): string => readState(callee.folder, "identity.json").token;
  const { old, restartedOffline, again } = await away(world, other, awayS, tokenOf);
  for (const agent of [caller, callee, again])
    await until("all are connected again", async () => (await agent.admin("/config")).text.includes(CONNECTED), 60_000);
  if (renews) await until("a certificate of after the outage", () => tokenOf() !== old, 60_000);
  const before = again.log("inbound").length;
  await until("the one that was started again has calls", () => again.log("inbound").length > before, 30_000);
  return { ...(await load.stop()), restartedOffline };
}

const CONNECTED = '"connected":true';

/** @param other is started again while the control plane is away */
async function away(world: OutageWorld, other: TestAgent, awayS: number, tokenOf: () => string) {
  await world.leave();
  try {
    const stoppedAtMs = Date.now();
    other.kill("SIGTERM");
    await other.exited;
    const again = await world.again(other).ready();
    await delay(awayS * 1_000 - (Date.now() - stoppedAtMs));
    const restartedOffline = !(await again.admin("/config")).text.includes(CONNECTED);
    return { old: tokenOf(), restartedOffline, again };
  } finally {
    await world.comeBack();
  }
}
