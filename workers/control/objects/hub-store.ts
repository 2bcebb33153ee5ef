import { type Instance, putSession } from "../../../shared/policy/agent-sessions.ts";
import { type HubState, type HubVerdict, newHub, newHubView, type Owed } from "../../../shared/policy/hub-state.ts";
import { RowStore } from "./row-store.ts";
import { ViewStore } from "./view-store.ts";

/** A hub's state in SQLite: its agents, the views that they are given, and what it owes to registries. */
export class HubStore {
  readonly #instances: RowStore<Instance>;
  readonly #owed: RowStore<Owed>;
  readonly #views: ViewStore<{ readonly wanted: number; readonly confirmed: number }>;
  readonly #times: RowStore<{ readonly atMs: number }>;

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
      state.views.set(service, newHubView(view, more.wanted, more.confirmed));
    state.revision = nowMs;
    return state;
  }

  /** Writes what a step touched. */
  save(state: HubState, { touched, removed, owed, views }: HubVerdict): void {
    for (const key of [...touched, ...removed]) this.putInstance(key, state.sessions.instances[key]);
    for (const key of owed) this.#owed.put(key, state.owed.get(key));
    for (const [service, instances] of views) {
      const kept = state.views.get(service);
      if (kept === undefined) this.#views.delete(service);
      else this.#views.put(service, kept.view, { wanted: kept.wanted, confirmed: kept.confirmed }, instances);
    }
  }

  putInstance(key: string, known: Instance | undefined): void {
    this.#instances.put(key, known);
  }

  /** When registries were told everything last. */
  get syncedAtMs(): number {
    return this.#times.load()[0]?.[1].atMs ?? 0;
  }

  set syncedAtMs(atMs: number) {
    this.#times.put("synced", { atMs });
  }
}
