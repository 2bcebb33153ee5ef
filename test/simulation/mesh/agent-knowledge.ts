/** What an agent knows and keeps on its disk: what `mesh-agent/control/known-view.ts` does with files. */
import { heldRevisions, newDiscovery } from "../../../shared/policy/discovery-view.ts";
import type { ViewEndpoint } from "../../../shared/policy/endpoint.ts";
import type { NamedRevision } from "../../../shared/policy/hub-state.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { HubSays, TakenPlan, Trust } from "./messages.ts";
import type { Steps } from "./steps.ts";

interface Disk {
  plan?: TakenPlan | undefined;
  trust?: Trust | undefined;
  endpoints?: {
    readonly services: Readonly<Record<string, readonly ViewEndpoint[]>>;
    readonly held: ReadonlyMap<string, HeldRevision>;
  };
}

export interface Answers {
  readonly seen: readonly NamedRevision[];
  readonly resync: readonly NamedRevision[];
}

const NO_ANSWERS: Answers = { seen: [], resync: [] };

export class AgentKnowledge {
  plan: TakenPlan | undefined;
  trust: Trust | undefined;
  /** By service, what requests go to. */
  services: Readonly<Record<string, readonly ViewEndpoint[]>> = {};
  /** Views were told in this run. */
  isFresh = false;
  #knowsEndpoints = false;
  #discovery = newDiscovery();
  #disk: Disk = {};
  readonly #steps: Pick<Steps, "inUse" | "stepDiscovery">;
  readonly #say: (text: () => string) => void;

  /** @param say for the trace */
  constructor(steps: Pick<Steps, "inUse" | "stepDiscovery">, say: (text: () => string) => void) {
    this.#steps = steps;
    this.#say = say;
  }

  get isComplete(): boolean {
    const { plan, trust, services } = this;
    const knowsAll = this.#knowsEndpoints && plan?.callable.every((service) => Object.hasOwn(services, service));
    return plan !== undefined && trust !== undefined && knowsAll === true;
  }

  get held(): NamedRevision[] {
    return heldRevisions(this.#discovery).filter(({ service }) => !this.#discovery.before.has(service));
  }

  get isSettling(): boolean {
    return this.#discovery.before.size > 0;
  }

  /** Instances that a request to a service may be sent to. */
  usedOf(service: string): readonly ViewEndpoint[] {
    return this.plan?.callable.includes(service) === true ? (this.services[service] ?? []) : [];
  }

  forget(): void {
    this.#disk = {};
  }

  load(): void {
    const { stepDiscovery } = this.#steps;
    const { plan, trust, endpoints } = this.#disk;
    this.plan = plan;
    this.trust = trust;
    this.services = endpoints?.services ?? {};
    this.isFresh = false;
    this.#knowsEndpoints = endpoints !== undefined;
    this.#discovery = newDiscovery();
    if (endpoints === undefined) return;
    const { services, held } = endpoints;
    const views = Object.entries(services).flatMap(([service, put]) => {
      const one = held.get(service);
      return one === undefined ? [] : [{ service, ...one, put, remove: [] }];
    });
    stepDiscovery(this.#discovery, { type: "changes", views });
    const others = Object.entries(services).filter(([service]) => !held.has(service));
    stepDiscovery(this.#discovery, { type: "inherited", services: Object.fromEntries(others) });
  }

  connected(): void {
    // The first answer on a connection counts as told even when it changes nothing.
    this.#isFirst = true;
  }
  #isFirst = false;

  take(message: HubSays): Answers {
    switch (message.type) {
      case "plan": {
        this.plan = this.#disk.plan = message;
        const said = this.#steps.stepDiscovery(this.#discovery, { type: "callable", services: message.callable });
        if (said.changed) this.#use();
        return NO_ANSWERS;
      }
      case "trust":
        this.trust = this.#disk.trust = message;
        return NO_ANSWERS;
      case "changes": {
        const said = this.#steps.stepDiscovery(this.#discovery, message);
        this.#knowsEndpoints = true;
        if (said.changed) this.#use();
        if (said.changed || this.#isFirst) this.isFresh = true;
        this.#isFirst = false;
        return said;
      }
      default:
        return NO_ANSWERS;
    }
  }

  settle(): Answers {
    const said = this.#steps.stepDiscovery(this.#discovery, { type: "settled" });
    if (said.changed) this.#use();
    return said;
  }

  #use(): void {
    this.services = this.#steps.inUse(this.#discovery);
    const held = new Map(this.held.map(({ service, ...one }) => [service, one]));
    this.#disk.endpoints = { services: this.services, held };
    this.#say(() => `uses ${describe(this.services)}`);
  }
}

const describe = (services: AgentKnowledge["services"]): string =>
  Object.entries(services)
    .map(
      ([service, all]) => `${service}: ${all.map(({ instance, port }) => `${instance}:${port}`).join(" ") || "none"}`,
    )
    .join(", ");
