import type { ServiceView, ViewEntry } from "../../../shared/policy/service-view.ts";

interface HeadRow extends Record<string, SqlStorageValue> {
  service: string;
  head: string;
}
interface EntryRow extends Record<string, SqlStorageValue> {
  service: string;
  instance: string;
  entry: string;
}

/** Views of services in SQLite: one row an endpoint, one for the rest with what else is kept with it. */
export class ViewStore<More extends object> {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS views (service TEXT PRIMARY KEY, head TEXT)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS entries (service TEXT, instance TEXT, entry TEXT, PRIMARY KEY (service, instance))",
    );
  }

  load(): Map<string, { readonly view: ServiceView; readonly more: More }> {
    const found = new Map<string, { readonly view: ServiceView; readonly more: More }>();
    for (const { service, head } of this.#sql.exec<HeadRow>("SELECT * FROM views")) {
      const { epoch, revision, floor, ...more } = JSON.parse(head) as Omit<ServiceView, "entries"> & More;
      found.set(service, { view: { epoch, revision, floor, entries: new Map() }, more: more as unknown as More });
    }
    for (const { service, instance, entry } of this.#sql.exec<EntryRow>("SELECT * FROM entries"))
      found.get(service)?.view.entries.set(instance, JSON.parse(entry) as ViewEntry);
    return found;
  }

  /** @param touched instances whose entries changed or are gone */
  put(service: string, { entries, ...head }: ServiceView, more: More, touched: Iterable<string>): void {
    this.#sql.exec("INSERT OR REPLACE INTO views VALUES (?, ?)", service, JSON.stringify({ ...head, ...more }));
    for (const instance of touched) {
      const entry = entries.get(instance);
      if (entry === undefined)
        this.#sql.exec("DELETE FROM entries WHERE service = ? AND instance = ?", service, instance);
      else this.#sql.exec("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", service, instance, JSON.stringify(entry));
    }
  }

  delete(service: string): void {
    this.#sql.exec("DELETE FROM views WHERE service = ?", service);
    this.#sql.exec("DELETE FROM entries WHERE service = ?", service);
  }
}
