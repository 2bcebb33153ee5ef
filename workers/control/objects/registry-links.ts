import { limits } from "../../../shared/limits.ts";
import type { CallerReport } from "../../../shared/policy/caller-view.ts";
import { confirmable, isAsking, owedServices, reportsOf, unsubscribed } from "../../../shared/policy/hub-duties.ts";
import type { HubEvent, HubState } from "../../../shared/policy/hub-state.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { Env } from "../env.ts";
import { within } from "../upstream/within.ts";
import type { ServiceRegistryRpc } from "./rpc.ts";

const { objectCallMs, changeGapMs } = limits.control;

export interface LinkOptions {
  readonly env: Env;
  /** Name of this hub. */
  readonly hub: () => string;
  readonly state: () => HubState;
  /** Takes what a registry answered. */
  readonly onEvent: (event: HubEvent) => void;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/** What a hub owes to the registries, one call of a kind for a service at a time; what fails is left to the next `run`. */
export class RegistryLinks {
  readonly #options: LinkOptions;
  /** Calls under way. */
  readonly #busy = new Set<string>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Whether something is owed or under way. */
  get owes(): boolean {
    const state = this.#options.state();
    return this.#busy.size > 0 || state.owed.size > 0 || isAsking(state) || unsubscribed(state).length > 0;
  }

  /** Begins all that is owed. */
  run(gaps: readonly string[] = []): void {
    const state = this.#options.state();
    for (const service of new Set([...unsubscribed(state), ...gaps]))
      this.#start("subscribe", service, this.#subscribe);
    for (const service of owedServices(state)) this.#start("report", service, this.#report);
    for (const { service, held } of confirmable(state, Date.now()))
      this.#start("seen", service, (registry) => this.#confirm(registry, service, held));
  }

  /** Everything about a service anew, so that whatever went wrong is right again. */
  sync(service: string): void {
    this.#start("report", service, (registry) => this.#reportAll(registry, service));
    if (this.#options.state().views.has(service)) this.#start("subscribe", service, this.#subscribe);
  }

  leave(service: string): void {
    this.#start("subscribe", service, async (registry) => {
      this.#options.onEvent({ type: "leaving", service });
      await registry.unsubscribe(service, this.#options.hub());
      this.#options.onEvent({ type: "unsubscribed", service });
    });
  }

  /** What an agent says of services that it may call. Advice alone hangs on it: what is lost, the agent says again. */
  observed(service: string, caller: string, reports: readonly CallerReport[]): void {
    const callable = this.#options.state().callable.get(service) ?? [];
    for (const { service: called, ...report } of reports) {
      if (!callable.includes(called)) continue;
      const told = this.#options.env.REGISTRY.getByName(called).observed(called, caller, report);
      this.#options.waitUntil(
        within(told, objectCallMs, `observed ${called}`).catch((error) => {
          console.warn(JSON.stringify({ kind: "error", act: `observed ${called}`, reason: String(error) }));
        }),
      );
    }
  }

  #start(
    kind: string,
    service: string,
    call: (registry: DurableObjectStub<ServiceRegistryRpc>, service: string) => Promise<void>,
  ): void {
    const name = `${kind} ${service}`;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    this.#options.waitUntil(this.#see(name, call(this.#options.env.REGISTRY.getByName(service), service)));
  }

  async #see(name: string, call: Promise<void>): Promise<void> {
    try {
      await within(call, objectCallMs, name);
      // What comes meanwhile travels together.
      await scheduler.wait(changeGapMs);
      this.#busy.delete(name);
      this.run();
    } catch (error) {
      this.#busy.delete(name);
      console.warn(JSON.stringify({ kind: "error", act: name, reason: String(error) }));
    }
  }

  readonly #subscribe = async (registry: DurableObjectStub<ServiceRegistryRpc>, service: string): Promise<void> => {
    const view = this.#options.state().views.get(service)?.view;
    if (view === undefined) return;
    const held = view.epoch === "" ? undefined : { epoch: view.epoch, revision: view.revision };
    const update = await registry.subscribe(service, this.#options.hub(), held);
    this.#options.onEvent({ type: "view", service, ...update });
  };

  readonly #report = async (registry: DurableObjectStub<ServiceRegistryRpc>, service: string): Promise<void> => {
    const { batch, reports, owed } = reportsOf(this.#options.state(), service, false, Date.now());
    const later = await registry.report(service, this.#options.hub(), { batch, reports }, false);
    if (later === undefined) this.#options.onEvent({ type: "reported", reported: owed });
    else this.#options.onEvent({ type: "late", batch: later });
  };

  async #reportAll(registry: DurableObjectStub<ServiceRegistryRpc>, service: string): Promise<void> {
    const { batch, reports, owed } = reportsOf(this.#options.state(), service, true, Date.now());
    const later = await registry.report(service, this.#options.hub(), { batch, reports }, true);
    this.#options.onEvent(later === undefined ? { type: "reported", reported: owed } : { type: "late", batch: later });
  }

  async #confirm(registry: DurableObjectStub<ServiceRegistryRpc>, service: string, held: HeldRevision): Promise<void> {
    await registry.seen(service, this.#options.hub(), held);
    this.#options.onEvent({ type: "confirmed", service, revision: held.revision });
  }
}
