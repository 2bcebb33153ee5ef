/** Rows of the numbered versions and their texts. Numbers only grow; the oldest are forgotten. */
import { limits } from "../../../shared/limits.ts";
import type { ChangeSummary } from "../../../shared/plan/changes/summary.ts";
import type { VersionInfo } from "../../../shared/wire/admin.ts";
import { TextStore } from "./text-store.ts";

export interface VersionRow extends Record<string, SqlStorageValue> {
  version: number;
  hash: string;
  gateway_hash: string;
  author: string;
  reason: string;
  file: string;
  applied_at: number;
}

const TEXTS = ["source", "document", "plan", "gateway", "changes"] as const;
type TextKind = (typeof TEXTS)[number];

/** What a version is made of. `plan` and `gateway`, its part for gateways, are canonical JSON; `changes` is empty or JSON. */
export type VersionContent = { readonly [Kind in TextKind]: string } & {
  readonly hash: string;
  readonly gatewayHash: string;
  readonly author: string;
  readonly reason: string;
  readonly file: string;
};

export class VersionStore {
  readonly #sql: SqlStorage;
  readonly #texts: TextStore;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS versions (
      version INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT, gateway_hash TEXT,
      author TEXT, reason TEXT, file TEXT, applied_at INTEGER)`);
    this.#texts = new TextStore(this.#sql);
  }

  get(version: number): VersionRow | undefined {
    return this.#sql.exec<VersionRow>("SELECT * FROM versions WHERE version = ?", version).toArray()[0];
  }

  newest(): VersionRow | undefined {
    return this.#sql.exec<VersionRow>("SELECT * FROM versions ORDER BY version DESC LIMIT 1").toArray()[0];
  }

  /** Newest first. */
  list(): VersionRow[] {
    return this.#sql.exec<VersionRow>("SELECT * FROM versions ORDER BY version DESC").toArray();
  }

  text(kind: TextKind, version: number): string | undefined {
    return this.#texts.get(`${kind}/${version}`);
  }

  /** Inside of a transaction, since it is several statements. */
  add(content: VersionContent, nowMs: number): VersionRow {
    const { hash, gatewayHash, author, reason, file } = content;
    const row = this.#sql
      .exec<VersionRow>(
        `INSERT INTO versions (hash, gateway_hash, author, reason, file, applied_at)
         VALUES (?, ?, ?, ?, ?, ?) RETURNING *`,
        hash,
        gatewayHash,
        author,
        reason,
        file,
        nowMs,
      )
      .one();
    for (const kind of TEXTS) this.#texts.put(`${kind}/${row.version}`, content[kind]);
    return row;
  }

  /** @returns the numbers of versions that are not kept any more */
  forgetOld(newest: number): number[] {
    const upTo = newest - limits.control.versionsKept;
    const old = this.#sql.exec<VersionRow>("DELETE FROM versions WHERE version <= ? RETURNING *", upTo).toArray();
    for (const { version } of old) for (const kind of TEXTS) this.#texts.delete(`${kind}/${version}`);
    return old.map(({ version }) => version);
  }

  info(row: VersionRow): VersionInfo {
    const { version, hash, author, reason, file, applied_at: appliedAtMs } = row;
    const info = { version, hash, author, reason, file, appliedAtMs };
    const changes = this.text("changes", version);
    return changes ? { ...info, changes: JSON.parse(changes) as ChangeSummary } : info;
  }
}
