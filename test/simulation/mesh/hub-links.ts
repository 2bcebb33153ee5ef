/** What a hub owes to registries: what `workers/control/objects/registry-links.ts` does with promises. */
import { limits } from "../../../shared/limits.ts";
import { isAsking, owedServices, unsubscribed } from "../../../shared/policy/hub-duties.ts";
import type { HubEvent, HubState } from "../../../shared/policy/hub-state.ts";
import type { RegistryUpdate } from "../../../shared/policy/registry.ts";
import type { RegistryNode, World } from "./nodes.ts";
import type { VirtualNode } from "./virtual-node.ts";

/** What its links need of a hub. */
interface LinkedHub extends VirtualNode<World> {
  readonly state: HubState;
  step(event: HubEvent): void;
}

export class HubLinks {
  readonly #hub: LinkedHub;
  readonly #busy = new Set<string>();

  constructor(hub: LinkedHub) {
    this.#hub = hub;
  }

  get owes(): boolean {
    const { state } = this.#hub;
    return this.#busy.size > 0 || state.owed.size > 0 || isAsking(state) || unsubscribed(state).length > 0;
  }

  run(gaps: readonly string[] = []): void {
    const hub = this.#hub;
    const { state } = hub;
    for (const service of new Set([...unsubscribed(state), ...gaps])) this.#subscribe(service);
    for (const service of owedServices(state)) this.#report(service, false);
    for (const { service, held } of hub.world.steps.confirmable(state, hub.nowMs))
      this.#start<true>("seen", service, {
        handle: (registry, reply) => registry.seen(service, hub.name, held, () => reply(true)),
        onAnswer: () => hub.step({ type: "confirmed", service, revision: held.revision }),
      });
  }

  /** Everything about a service anew. */
  sync(service: string): void {
    this.#report(service, true);
    if (this.#hub.state.views.has(service)) this.#subscribe(service);
  }

  leave(service: string): void {
    const hub = this.#hub;
    if (this.#busy.has(`subscribe ${service}`)) return;
    hub.step({ type: "leaving", service });
    this.#start<true>("subscribe", service, {
      handle: (registry, reply) => registry.unsubscribe(service, hub.name, () => reply(true)),
      onAnswer: () => hub.step({ type: "unsubscribed", service }),
    });
  }

  #subscribe(service: string): void {
    const hub = this.#hub;
    const view = hub.state.views.get(service)?.view;
    if (view === undefined) return;
    const held = view.epoch === "" ? undefined : { epoch: view.epoch, revision: view.revision };
    this.#start<RegistryUpdate>("subscribe", service, {
      handle: (registry, reply) => registry.subscribe(service, hub.name, held, reply),
      onAnswer: (update) => hub.step({ type: "view", service, ...update }),
    });
  }

  #report(service: string, all: boolean): void {
    const hub = this.#hub;
    if (this.#busy.has(`report ${service}`)) return;
    const { batch, reports, owed } = hub.world.steps.reportsOf(hub.state, service, all, hub.nowMs);
    this.#start<{ later: number | undefined }>("report", service, {
      handle: (registry, reply) =>
        registry.report(service, hub.name, { batch, reports }, all, (later) => reply({ later })),
      onAnswer: ({ later }) =>
        hub.step(later === undefined ? { type: "reported", reported: owed } : { type: "late", batch: later }),
    });
  }

  #start<T>(
    kind: string,
    service: string,
    {
      handle,
      onAnswer,
    }: { handle: (registry: RegistryNode, reply: (value: T) => void) => void; onAnswer: (value: T) => void },
  ): void {
    const name = `${kind} ${service}`;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    const hub = this.#hub;
    const to = hub.world.registry(service);
    hub.world.network.call<T>({
      ...{ from: hub, to, act: name, onAnswer },
      handle: (reply) => handle(to, reply),
      onEnd: (value) => {
        if (value === undefined) this.#busy.delete(name);
        else
          hub.later(limits.control.changeGapMs, () => {
            this.#busy.delete(name);
            this.run();
          });
      },
    });
  }
}
