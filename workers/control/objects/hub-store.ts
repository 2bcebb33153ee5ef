import { type Instance, putSession } from "../../../shared/policy/agent-sessions.ts";
import {
  type HubState,
  type HubVerdict,
  type HubView,
  newHub,
  newHubView,
  type Owed,
} from "../../../shared/policy/hub-state.ts";
import { RowStore } from "./row-store.ts";
import { ViewStore } from "./view-store.ts";

/** A hub's state in SQLite: its agents, the views that they are given, and what it owes to registries. */
export class HubStore {
  readonly #instances: RowStore<Instance>;
  readonly #owed: RowStore<Owed>;
  readonly #views: ViewStore<Pick<HubView, "wanted" | "confirmed" | "left">>;
  readonly #times: RowStore<{ readonly atMs: number }>;
  /** Number of the last batch as it is stored. */
  #batch = 0;

  constructor(sql: SqlStorage) {
    // Of the time when one hub had the whole registry.
    sql.exec("DROP TABLE IF EXISTS revision");
    this.#instances = new RowStore(sql, "instances");
    this.#owed = new RowStore(sql, "owed");
    this.#views = new ViewStore(sql);
    this.#times = new RowStore(sql, "times");
  }

  /** Without what services may call, which is the plan's. */
  load(nowMs: number): HubState {
    const state = newHub();
    for (const [key, known] of this.#instances.load()) putSession(state.sessions, key, known);
    for (const [key, owed] of this.#owed.load()) state.owed.set(key, owed);
    for (const [service, { view, more }] of this.#views.load())
      state.views.set(service, newHubView(view, more.wanted, more.confirmed, more.left));
    state.revision = nowMs;
    // A clock that was set back must not number a report below one that is still on its way.
    state.batch = this.#time("batch");
    this.#batch = state.batch;
    return state;
  }

  /** Writes what a step touched. */
  save(state: HubState, { touched, removed, owed, views }: HubVerdict): void {
    if (state.batch !== this.#batch) {
      this.#batch = state.batch;
      this.#times.put("batch", { atMs: state.batch });
    }
    for (const key of [...touched, ...removed]) this.putInstance(key, state.sessions.instances[key]);
    for (const key of owed) this.#owed.put(key, state.owed.get(key));
    for (const [service, instances] of views) {
      const kept = state.views.get(service);
      if (kept === undefined) this.#views.delete(service);
      else
        this.#views.put(
          service,
          kept.view,
          { wanted: kept.wanted, confirmed: kept.confirmed, left: kept.left },
          instances,
        );
    }
  }

  putInstance(key: string, known: Instance | undefined): void {
    this.#instances.put(key, known);
  }

  /** When registries were told everything last. */
  get syncedAtMs(): number {
    return this.#time("synced");
  }

  set syncedAtMs(atMs: number) {
    this.#times.put("synced", { atMs });
  }

  #time(key: string): number {
    return this.#times.load().find(([name]) => name === key)?.[1].atMs ?? 0;
  }
}
