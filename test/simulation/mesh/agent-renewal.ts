/** When an agent asks for its next certificate: what `mesh-agent/control/renewal.ts` does with timers and promises. */
import { backoffMs } from "../../../mesh-agent/control/backoff.ts";
import { waitAfterRenewalMs } from "../../../mesh-agent/control/renewal-time.ts";
import { renewAtMs } from "../../../mesh-agent/tls/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { Leaf } from "./messages.ts";
import type { Workload, World } from "./nodes.ts";
import type { VirtualNode } from "./virtual-node.ts";

/** What it needs of the agent. */
interface Holder extends VirtualNode<World>, Workload {
  readonly leaf: Leaf | undefined;
  renewed(leaf: Leaf): void;
  renewalFailed(): void;
}

const { renewBackoffBaseMs, renewBackoffMaxMs } = limits.certificate;
const TIMER_MAX_MS = 2 ** 31 - 1;

export class AgentRenewal {
  readonly #agent: Holder;
  #failures = 0;
  #isRunning = false;
  #isHurried = false;
  #timer = 0;

  constructor(agent: Holder) {
    this.#agent = agent;
  }

  start(): void {
    const { leaf, nowMs, world } = this.#agent;
    if (leaf !== undefined) this.#schedule(renewAtMs(leaf, world.random()) - nowMs);
  }

  /** The control plane can be reached again. */
  nudge(): void {
    if (this.#failures > 0) this.#soon();
    else if (!this.#isHurried) this.start();
  }

  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    this.#soon();
  }

  #soon(): void {
    this.#schedule(this.#agent.world.random() * renewBackoffBaseMs);
  }

  #schedule(inMs: number): void {
    const timer = ++this.#timer;
    if (this.#isRunning) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, inMs));
    this.#agent.later(waitMs, () => {
      if (timer === this.#timer) this.#run();
    });
  }

  #run(): void {
    const agent = this.#agent;
    const { network, authority } = agent.world;
    this.#isRunning = true;
    network.call<{ leaf: Leaf | undefined }>({
      ...{ from: agent, to: authority, act: "renew" },
      handle: (reply) =>
        authority.issue(agent.instance, { kind: "renewal", service: agent.service }, (leaf) => {
          const key = { service: agent.service, instance: agent.instance };
          const hub = agent.world.hubFor(agent);
          const notAfterMs = leaf?.notAfterMs ?? 0;
          const tell = (done: (value: true) => void): void => {
            hub.renewed(key.service, key.instance, notAfterMs);
            done(true);
          };
          if (leaf !== undefined) network.call<true>({ from: authority, to: hub, act: "renewed", handle: tell });
          reply({ leaf });
        }),
      onEnd: (answer) => this.#ended(answer?.leaf),
    });
  }

  #ended(leaf: Leaf | undefined): void {
    this.#isRunning = false;
    if (leaf !== undefined) {
      this.#failures = 0;
      this.#isHurried = false;
      const { nowMs, world } = this.#agent;
      this.#schedule(waitAfterRenewalMs(leaf, nowMs, world.random()));
      this.#agent.renewed(leaf);
      return;
    }
    this.#failures++;
    this.#agent.renewalFailed();
    const { random } = this.#agent.world;
    this.#schedule(backoffMs(this.#failures, renewBackoffBaseMs, renewBackoffMaxMs, random()));
  }
}
