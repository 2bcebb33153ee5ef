interface Row extends Record<string, SqlStorageValue> {
  key: string;
  state: string;
}

/** Plain values by key in SQLite, a row each. */
export class RowStore<T extends object> {
  readonly #sql: SqlStorage;
  readonly #table: string;

  /** @param table a name of ours */
  constructor(sql: SqlStorage, table: string) {
    this.#sql = sql;
    this.#table = table;
    sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (key TEXT PRIMARY KEY, state TEXT)`);
  }

  load(): [string, T][] {
    const rows = this.#sql.exec<Row>(`SELECT * FROM ${this.#table}`).toArray();
    return rows.map(({ key, state }) => [key, JSON.parse(state) as T]);
  }

  /** Undefined: its row goes. */
  put(key: string, value: T | undefined): void {
    if (value === undefined) this.#sql.exec(`DELETE FROM ${this.#table} WHERE key = ?`, key);
    else this.#sql.exec(`INSERT OR REPLACE INTO ${this.#table} VALUES (?, ?)`, key, JSON.stringify(value));
  }
}
