/** Rows of the numbered versions and their texts. Numbers only grow; the oldest are forgotten. */
import { limits } from "../../../shared/limits.ts";
import type { ChangeSummary } from "../../../shared/plan/changes/summary.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import { appliedAtMs } from "../../../shared/policy/publication.ts";
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
    // Versions that are not live and are older than none that is: canaries, and those that were rolled back.
    this.#sql.exec("CREATE TABLE IF NOT EXISTS withheld (version INTEGER PRIMARY KEY)");
    this.#texts = new TextStore(this.#sql);
  }

  get(version: number): VersionRow | undefined {
    return this.#sql.exec<VersionRow>("SELECT * FROM versions WHERE version = ?", version).toArray()[0];
  }

  /** The newest that is not withheld: it is live. */
  newest(): VersionRow | undefined {
    const live = "version NOT IN (SELECT version FROM withheld)";
    return this.#sql
      .exec<VersionRow>(`SELECT * FROM versions WHERE ${live} ORDER BY version DESC LIMIT 1`)
      .toArray()[0];
  }

  /** It is not live, whatever its number, before it is released. */
  withhold(version: number): void {
    this.#sql.exec("INSERT INTO withheld VALUES (?)", version);
  }

  release(version: number): void {
    this.#sql.exec("DELETE FROM withheld WHERE version = ?", version);
  }

  #isWithheld(version: number): boolean {
    return this.#sql.exec("SELECT 1 FROM withheld WHERE version = ?", version).toArray().length > 0;
  }

  /** Newest first. */
  list(): VersionRow[] {
    return this.#sql.exec<VersionRow>("SELECT * FROM versions ORDER BY version DESC").toArray();
  }

  text(kind: TextKind, version: number): string | undefined {
    return this.#texts.get(`${kind}/${version}`);
  }

  /** Of a version that is kept. */
  plan(version: number): Plan {
    return JSON.parse(this.text("plan", version) ?? "null") as Plan;
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
        appliedAtMs(this.newest()?.applied_at, nowMs),
      )
      .one();
    for (const kind of TEXTS) this.#texts.put(`${kind}/${row.version}`, content[kind]);
    return row;
  }

  /** The live one stays, however many after it were withheld. @returns the numbers of versions that are not kept any more */
  forgetOld(newest: number): number[] {
    const upTo = newest - limits.control.versionsKept;
    const live = this.newest()?.version ?? newest;
    const old = this.#sql
      .exec<VersionRow>("DELETE FROM versions WHERE version <= ? AND version <> ? RETURNING *", upTo, live)
      .toArray();
    this.#sql.exec("DELETE FROM withheld WHERE version <= ?", upTo);
    for (const { version } of old) for (const kind of TEXTS) this.#texts.delete(`${kind}/${version}`);
    return old.map(({ version }) => version);
  }

  info(row: VersionRow): VersionInfo {
    const { version, hash, author, reason, file, applied_at: appliedAtMs } = row;
    const withheld = this.#isWithheld(version) ? ({ isWithheld: true } as const) : {};
    const info = { version, hash, author, reason, file, appliedAtMs, ...withheld };
    const changes = this.text("changes", version);
    return changes ? { ...info, changes: JSON.parse(changes) as ChangeSummary } : info;
  }
}
