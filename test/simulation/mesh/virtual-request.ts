/** A request on its way from a gateway through the mesh: each hop decides it by the version that it is named. */
import type { AgentHost } from "./agent-host.ts";
import type { IsolateNode, World } from "./nodes.ts";

interface Travelling extends World {
  readonly agents: readonly AgentHost[];
  pick<T>(all: readonly T[]): T | undefined;
}

const HOPS_MAX = 3;
/** How long an application takes before it calls the next, at most; most take none of it. */
const SLOW_MS = 8_000;

/** @param version that the gateway decides it by */
export function travel(world: Travelling, isolate: IsolateNode, version: number): void {
  const { events, network, random } = world;
  const beganMs = events.nowMs;
  let named: string | undefined = String(version);
  const hop = (left: number): void => {
    const callable = world.config.versions[Number(named) - 1]?.plan.callable;
    const agent = world.pick(
      world.agents.filter(({ phase, service }) => phase === "ready" && callable?.has(service) === true),
    );
    if (agent === undefined || left === 0) return;
    const waitMs = network.tripMs() + (random() < 0.15 ? random() * SLOW_MS : 0);
    events.at(events.nowMs + waitMs, () =>
      agent.run(agent.life, () => {
        const decided = agent.decide(named);
        world.rules.canaries.decided({ version, beganMs, isolate: isolate.name }, agent, named, decided.version);
        // One that holds a single version names none: what it calls begins anew.
        named = decided.named;
        if (named !== undefined) hop(left - 1);
      }),
    );
  };
  hop(1 + Math.floor(random() * HOPS_MAX));
}
