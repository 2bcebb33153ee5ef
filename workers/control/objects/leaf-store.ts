/** What was issued, in SQLite: the log of it, and the certificates that are valid, by which their holders are found. */
import { limits } from "../../../shared/limits.ts";
import { serialText } from "../../../shared/policy/denial.ts";
import type { IssuanceEntry } from "../../../shared/wire/ca.ts";

/** A certificate of an agent. */
export interface Leaf {
  readonly serial: string;
  readonly service: string;
  readonly instance: string;
  /** Fingerprint of the root that it leads to. */
  readonly root: string;
  /** Hash of its key, as the token that was given with it carries it. */
  readonly key: string;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  /** By what right it was asked for. */
  readonly cause: string;
}

interface LeafRow extends Record<string, SqlStorageValue> {
  serial: string;
  service: string;
  instance: string;
  key: string;
  not_after: number;
}

/** Of each instance only its newest certificate counts: with it the ones before were replaced. */
const HELD = `FROM leaves WHERE root = ? AND not_after > ? AND id IN (SELECT max(id) FROM leaves GROUP BY service, instance)`;

export class LeafStore {
  readonly #sql: SqlStorage;
  /** Refusals of strangers in the present minute. */
  #strangers = { minute: 0, count: 0 };

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS issued (
      id INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT, service TEXT, instance TEXT,
      issued_at INTEGER, not_after INTEGER, cause TEXT)`);
    sql.exec(`CREATE TABLE IF NOT EXISTS leaves (
      id INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT, service TEXT, instance TEXT, root TEXT, key TEXT, not_after INTEGER)`);
    sql.exec("CREATE INDEX IF NOT EXISTS leaves_of ON leaves (service, instance)");
    sql.exec("CREATE INDEX IF NOT EXISTS leaves_by_serial ON leaves (serial)");
    sql.exec(`CREATE TABLE IF NOT EXISTS refusals (
      id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, service TEXT, instance TEXT, cause TEXT, reason TEXT)`);
  }

  /** Certificates from before they were kept one by one, all of the first root. */
  adopt(root: string, nowMs: number): void {
    if (this.#sql.exec("SELECT 1 FROM leaves LIMIT 1").toArray().length > 0) return;
    this.#sql.exec(
      `INSERT INTO leaves (serial, service, instance, root, key, not_after)
       SELECT serial, service, instance, ?, '', not_after FROM issued WHERE not_after > ? ORDER BY id`,
      root,
      nowMs,
    );
  }

  hasIssued(): boolean {
    return this.#sql.exec("SELECT 1 FROM issued LIMIT 1").toArray().length > 0;
  }

  record(leaf: Leaf): void {
    const { serial, service, instance, root, key, issuedAtMs, notAfterMs, cause } = leaf;
    const row = [serial, service, instance] as const;
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO issued (serial, service, instance, issued_at, not_after, cause) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        ...row,
        issuedAtMs,
        notAfterMs,
        cause,
      )
      .one();
    this.#sql.exec("DELETE FROM issued WHERE id <= ?", id - limits.control.logRowsKept);
    this.#sql.exec("DELETE FROM leaves WHERE not_after <= ?", issuedAtMs - limits.certificate.backdateMs);
    this.#sql.exec(
      "INSERT INTO leaves (serial, service, instance, root, key, not_after) VALUES (?, ?, ?, ?, ?, ?)",
      ...row,
      root,
      key,
      notAfterMs,
    );
    const entry = { act: "issue", service, instance, serial, notAfterMs, cause };
    console.log(JSON.stringify({ time: new Date(issuedAtMs).toISOString(), kind: "audit", ...entry }));
  }

  /** Something was asked for that is not given. @param service empty: a stranger's, of which not all are kept */
  refused(service: string, instance: string, cause: string, reason: string, nowMs: number): void {
    const entry = { act: "refuse-issue", service, instance, cause, reason };
    console.warn(JSON.stringify({ time: new Date(nowMs).toISOString(), kind: "audit", ...entry }));
    if (service === "" && this.#isTooMany(nowMs)) return;
    const { id } = this.#sql
      .exec<{ id: number }>(
        "INSERT INTO refusals (at, service, instance, cause, reason) VALUES (?, ?, ?, ?, ?) RETURNING id",
        nowMs,
        service,
        instance,
        cause,
        reason,
      )
      .one();
    this.#sql.exec("DELETE FROM refusals WHERE id <= ?", id - limits.authority.refusalsKept);
  }

  #isTooMany(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#strangers.minute) this.#strangers = { minute, count: 0 };
    return ++this.#strangers.count > limits.authority.strangersKeptPerMinute;
  }

  /** Newest first. */
  log(): IssuanceEntry[] {
    const issued = this.#sql.exec<Record<string, SqlStorageValue> & { at: number }>(
      `SELECT issued_at AS at, service, instance, cause, serial, not_after AS notAfterMs FROM issued
       ORDER BY id DESC LIMIT ?`,
      limits.authority.logShown,
    );
    const refused = this.#sql.exec<Record<string, SqlStorageValue> & { at: number }>(
      "SELECT at, service, instance, cause, reason FROM refusals ORDER BY id DESC LIMIT ?",
      limits.authority.logShown,
    );
    return [...issued.toArray(), ...refused.toArray()]
      .map(({ at, ...entry }) => ({ atMs: at, ...entry }) as unknown as IssuanceEntry)
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, limits.authority.logShown);
  }

  /** How many valid certificates of a root are the newest of their holder, and the names of those that end last. */
  held(root: string, nowMs: number): { count: number; named: { name: string; notAfterMs: number }[] } {
    const { count } = this.#sql.exec<{ count: number }>(`SELECT count(*) AS count ${HELD}`, root, nowMs).one();
    const query = `SELECT service, instance, not_after ${HELD} ORDER BY not_after DESC LIMIT ?`;
    const rows = this.#sql.exec<LeafRow>(query, root, nowMs, limits.authority.namedMax).toArray();
    const named = rows.map(({ service, instance, not_after }) => {
      return { name: `${service}/${instance}`, notAfterMs: not_after };
    });
    return { count, named };
  }

  /** Valid certificates of one instance. */
  ofInstance(service: string, instance: string, nowMs: number): { serial: string; key: string }[] {
    const query = "SELECT * FROM leaves WHERE service = ? AND instance = ? AND not_after > ?";
    return this.#sql.exec<LeafRow>(query, service, instance, nowMs).toArray().map(named);
  }

  /** The valid certificate of a serial number. */
  find(
    serial: string,
    nowMs: number,
  ): { service: string; instance: string; key: string; notAfterMs: number } | undefined {
    const rows = this.#sql.exec<LeafRow>("SELECT * FROM leaves WHERE serial = ? AND not_after > ?", serial, nowMs);
    const [row] = rows.toArray();
    if (row === undefined) return undefined;
    return { service: row.service, instance: row.instance, key: row.key, notAfterMs: row.not_after };
  }

  /** Instances that hold the valid certificate of a serial number. */
  holders(serial: string): string[] {
    const rows = this.#sql.exec<LeafRow>("SELECT service, instance FROM leaves WHERE serial = ?", serial).toArray();
    return rows.map(({ service, instance }) => `${service}/${instance}`);
  }

  /** The root of an instance's last certificate and the hash of its key, as far as that is known. */
  last(service: string, instance: string): { root: string; key: string } | undefined {
    const query = "SELECT root, key FROM leaves WHERE service = ? AND instance = ? ORDER BY id DESC LIMIT 1";
    return this.#sql.exec<{ root: string; key: string }>(query, service, instance).toArray()[0];
  }
}

function named({ serial, key }: LeafRow): { serial: string; key: string } {
  return { serial: serialText(serial), key };
}
