/** A WebSocket of an agent to its hub: ordered both ways; it ends at each end by itself. */
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import type { HubSays } from "./messages.ts";
import type { Network } from "./network.ts";
import type { DurableNode, NodeWorld, VirtualNode } from "./virtual-node.ts";

/** What it needs of the agent. */
export interface AgentEnd extends VirtualNode<NodeWorld & { readonly network: Network }> {
  readonly service: string;
  readonly instance: string;
  hears(socket: AgentSocket, message: HubSays): void;
  /** The socket has ended, or could not be made. */
  lost(socket: AgentSocket): void;
}

/** What it needs of the hub. */
export interface HubEnd extends DurableNode {
  hears(socket: AgentSocket, message: AgentMessage): void;
  closed(socket: AgentSocket): void;
}

export class AgentSocket {
  readonly id: string;
  readonly agent: AgentEnd;
  readonly hub: HubEnd;
  /** What the hub keeps with it while it sleeps. */
  greeted = false;
  pingedAtMs = 0;
  agentOpen = true;
  hubOpen = true;
  #toAgentAtMs = 0;
  #toHubAtMs = 0;

  constructor(id: string, agent: AgentEnd, hub: HubEnd) {
    this.id = id;
    this.agent = agent;
    this.hub = hub;
  }

  toAgent(message: HubSays): void {
    if (!this.hubOpen) return;
    this.#toAgentAtMs = this.#arrival(this.#toAgentAtMs);
    const { agent } = this;
    const { life } = agent;
    agent.world.events.at(this.#toAgentAtMs, () =>
      agent.run(life, () => {
        if (this.agentOpen) agent.hears(this, message);
      }),
    );
  }

  toHub(message: AgentMessage): void {
    if (!this.agentOpen) return;
    this.#atHub(() => this.hub.hears(this, message));
  }

  /** The agent's end: what it said before still arrives. */
  closeByAgent(): void {
    if (!this.agentOpen) return;
    this.agentOpen = false;
    this.#atHub(() => {
      this.hubOpen = false;
      this.hub.closed(this);
    });
  }

  closeByHub(): void {
    if (!this.hubOpen) return;
    this.hubOpen = false;
    this.#toAgentAtMs = this.#arrival(this.#toAgentAtMs);
    const { agent } = this;
    const { life } = agent;
    agent.world.events.at(this.#toAgentAtMs, () => agent.run(life, () => agent.lost(this)));
    agent.world.events.at(this.#toAgentAtMs, () => this.hub.serve(() => this.hub.closed(this)));
  }

  /** The hub's process is gone: it will never hear of the end. */
  drop(): void {
    if (!this.hubOpen) return;
    this.hubOpen = false;
    const { agent } = this;
    const { life } = agent;
    agent.world.events.at(this.#arrival(0), () => agent.run(life, () => agent.lost(this)));
  }

  /** Something between breaks it: both ends notice, what was on the way is lost. */
  break(): void {
    if (!this.hubOpen || !this.agentOpen) return;
    this.hubOpen = false;
    this.hub.serve(() => this.hub.closed(this));
    const { agent } = this;
    agent.run(agent.life, () => agent.lost(this));
  }

  #atHub(act: () => void): void {
    this.#toHubAtMs = this.#arrival(this.#toHubAtMs);
    this.agent.world.events.at(this.#toHubAtMs, () => {
      if (this.hubOpen) this.hub.serve(act);
    });
  }

  /** While they do not reach each other it waits, in order. */
  #arrival(lastMs: number): number {
    const { network, events } = this.agent.world;
    const fromMs = Math.max(events.nowMs, network.cutUntilMs(this.agent, this.hub));
    return Math.max(lastMs, fromMs + network.tripMs());
  }
}
