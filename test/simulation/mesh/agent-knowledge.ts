/** What an agent knows and keeps on its disk: what `mesh-agent/control/known-view.ts` does with files. */
import { heldRevisions, newDiscovery } from "../../../shared/policy/discovery-view.ts";
import type { ViewEndpoint } from "../../../shared/policy/endpoint.ts";
import type { HeldVersions } from "../../../shared/policy/held-versions.ts";
import type { NamedRevision } from "../../../shared/policy/hub-state.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { HubSays, TakenPlan, Trust } from "./messages.ts";
import type { Steps } from "./steps.ts";

type KnowledgeSteps = Pick<Steps, "inUse" | "keepsFormer" | "secondAfter" | "stepDiscovery">;

interface Disk {
  plan?: TakenPlan | undefined;
  second?: TakenPlan | undefined;
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
  /** A canary, or the plan before it. */
  second: TakenPlan | undefined;
  /** The second one is kept for requests under way alone. */
  isReleased = false;
  trust: Trust | undefined;
  /** By service, what requests go to. */
  services: Readonly<Record<string, readonly ViewEndpoint[]>> = {};
  /** Views were told in this run. */
  isFresh = false;
  #knowsEndpoints = false;
  #discovery = newDiscovery();
  #disk: Disk = {};
  readonly #steps: KnowledgeSteps;
  readonly #say: (text: () => string) => void;

  /** @param say for the trace */
  constructor(steps: KnowledgeSteps, say: (text: () => string) => void) {
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
    const { plan, second, trust, endpoints } = this.#disk;
    this.plan = plan;
    this.second = second?.version === plan?.version ? undefined : second;
    this.isReleased = false;
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
        const [before, held] = [this.plan, this.#versions];
        this.plan = this.#disk.plan = message;
        if (before !== undefined && this.#steps.keepsFormer(message.version, held)) this.#hold(before, true);
        this.#forgetUncallable();
        return NO_ANSWERS;
      }
      case "canary": {
        const act = this.#steps.secondAfter(message.plan?.version ?? 0, this.#versions);
        if (act === "release") this.isReleased = this.second !== undefined;
        else if (act === "hold" && message.plan !== undefined) this.#hold(message.plan, false);
        this.#forgetUncallable();
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

  /** The time of the second one is over. */
  dropSecond(): void {
    this.second = this.#disk.second = undefined;
    this.isReleased = false;
    this.#forgetUncallable();
  }

  #hold(plan: TakenPlan, isReleased: boolean): void {
    this.second = this.#disk.second = plan;
    this.isReleased = isReleased;
  }

  get #versions(): HeldVersions {
    return { live: this.plan?.version ?? 0, second: this.second?.version ?? 0 };
  }

  #forgetUncallable(): void {
    const services = [this.plan, this.second].flatMap((known) => known?.callable ?? []);
    if (this.#steps.stepDiscovery(this.#discovery, { type: "callable", services }).changed) this.#use();
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
