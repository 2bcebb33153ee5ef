/** Tables of a shard of stored answers. */

export interface EntryRow extends Record<string, SqlStorageValue> {
  seq: number;
  id: string;
  /** Null: it is not found. */
  key: string | null;
  head: string;
  /** Of body and head. */
  bytes: number;
  head_bytes: number;
  /** Whether it was found since SIEVE's hand came by. */
  used: number;
  ends_at: number;
  purge: number;
  path: string;
}

export function openTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE entries (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT, head TEXT NOT NULL, bytes INTEGER NOT NULL,
      head_bytes INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0, ends_at INTEGER NOT NULL,
      purge INTEGER NOT NULL DEFAULT 0, path TEXT NOT NULL DEFAULT '');
    CREATE INDEX entries_by_key ON entries (key);
    CREATE INDEX entries_by_end ON entries (ends_at);
    CREATE INDEX entries_by_path ON entries (path);
    CREATE TABLE tags (tag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tag, seq)) WITHOUT ROWID;
    CREATE INDEX tags_by_seq ON tags (seq);
    CREATE TABLE pieces (id TEXT NOT NULL, first INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (id, first));`);
}
