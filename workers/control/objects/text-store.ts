/** Texts of any length in SQLite, whose rows hold 2 MB at most on Cloudflare. */
const PART_CHARS = 400_000;

export class TextStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS texts (name TEXT, part INTEGER, text TEXT, PRIMARY KEY (name, part))");
  }

  /** Replaces the text of that name. */
  put(name: string, text: string): void {
    this.delete(name);
    for (let part = 0; part * PART_CHARS < text.length || part === 0; part++) {
      const piece = text.slice(part * PART_CHARS, (part + 1) * PART_CHARS);
      this.#sql.exec("INSERT INTO texts VALUES (?, ?, ?)", name, part, piece);
    }
  }

  get(name: string): string | undefined {
    const rows = this.#sql
      .exec<{ text: string }>("SELECT text FROM texts WHERE name = ? ORDER BY part", name)
      .toArray();
    return rows.length === 0 ? undefined : rows.map((row) => row.text).join("");
  }

  delete(name: string): void {
    this.#sql.exec("DELETE FROM texts WHERE name = ?", name);
  }
}
