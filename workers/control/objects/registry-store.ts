import {
  type HubLink,
  type Member,
  newRegistry,
  type RegistryState,
  type RegistryVerdict,
} from "../../../shared/policy/registry.ts";
import { RowStore } from "./row-store.ts";
import { ViewStore } from "./view-store.ts";

interface About {
  readonly service: string;
  /** Hubs were asked for what they know. */
  readonly gathered: boolean;
}

/** The state of a service's registry in SQLite. */
export class RegistryStore {
  readonly #views: ViewStore<object>;
  readonly #members: RowStore<Member>;
  readonly #hubs: RowStore<HubLink>;
  readonly #about: RowStore<About>;
  #known: About;
  /** Revision of the view as it is stored. */
  #revision = 0;

  constructor(sql: SqlStorage) {
    this.#views = new ViewStore(sql);
    this.#members = new RowStore(sql, "members");
    this.#hubs = new RowStore(sql, "hubs");
    this.#about = new RowStore(sql, "about");
    this.#known = this.#about.load()[0]?.[1] ?? { service: "", gathered: false };
  }

  /** @param epoch for a registry that is new */
  load(epoch: () => string): RegistryState {
    const kept = [...this.#views.load().values()][0];
    const state = kept === undefined ? newRegistry(epoch()) : { ...newRegistry(""), view: kept.view };
    for (const [instance, member] of this.#members.load()) state.members.set(instance, member);
    for (const [hub, link] of this.#hubs.load()) state.hubs.set(hub, link);
    if (kept === undefined) this.#views.put("", state.view, {}, []);
    this.#revision = state.view.revision;
    return state;
  }

  /** Writes what a step touched. */
  save({ view, members, hubs }: RegistryState, { touched, hubs: links }: RegistryVerdict): void {
    if (touched.size > 0 || view.revision !== this.#revision) this.#views.put("", view, {}, touched);
    this.#revision = view.revision;
    for (const instance of touched) this.#members.put(instance, members.get(instance));
    for (const hub of links) this.#hubs.put(hub, hubs.get(hub));
  }

  get service(): string {
    return this.#known.service;
  }

  set service(service: string) {
    if (service !== this.#known.service) this.#change({ service });
  }

  get gathered(): boolean {
    return this.#known.gathered;
  }

  set gathered(gathered: boolean) {
    this.#change({ gathered });
  }

  #change(change: Partial<About>): void {
    this.#known = { ...this.#known, ...change };
    this.#about.put("about", this.#known);
  }
}
