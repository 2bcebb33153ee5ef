import { textPieces } from "../../../shared/plan/text-pieces.ts";

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
    for (const [part, piece] of textPieces(text, PART_CHARS).entries())
      this.#sql.exec("INSERT INTO texts VALUES (?, ?, ?)", name, part, piece);
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
