import {
  emptyRegistry,
  type Instance,
  type RegistryState,
  type RegistryVerdict,
} from "../../../shared/policy/registry.ts";

/** The registry's state in SQLite: one row an instance, and the revision. */
export class InstanceStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS instances (key TEXT PRIMARY KEY, state TEXT)");
    sql.exec("CREATE TABLE IF NOT EXISTS revision (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER)");
  }

  load(): RegistryState {
    const state = emptyRegistry();
    for (const row of this.#sql.exec<{ key: string; state: string }>("SELECT * FROM instances"))
      state.instances[row.key] = JSON.parse(row.state) as Instance;
    state.revision = this.#sql.exec<{ revision: number }>("SELECT revision FROM revision").toArray()[0]?.revision ?? 0;
    return state;
  }

  /** Writes what a step touched. */
  save(state: RegistryState, verdict: RegistryVerdict): void {
    for (const key of verdict.touched)
      this.#sql.exec("INSERT OR REPLACE INTO instances VALUES (?, ?)", key, JSON.stringify(state.instances[key]));
    for (const key of verdict.removed) this.#sql.exec("DELETE FROM instances WHERE key = ?", key);
    if (verdict.services.length > 0) this.saveRevision(state);
  }

  saveRevision(state: RegistryState): void {
    this.#sql.exec("INSERT OR REPLACE INTO revision VALUES (1, ?)", state.revision);
  }
}
