/** Workloads that are denied, in SQLite; a certificate's denial ends with the certificate, all others when they are lifted. */
import { limits } from "../../../shared/limits.ts";
import { type Denied, serialText } from "../../../shared/policy/denial.ts";
import type { DeniedInfo, DenyRequest } from "../../../shared/wire/ca.ts";
import type { LeafStore } from "./leaf-store.ts";
import { refused } from "./refused.ts";
import type { Refused } from "./rpc.ts";

interface DenialRow extends Record<string, SqlStorageValue> {
  id: string;
  /** `{ service }`, `{ service, instance }` or `{ serial }` as JSON. */
  target: string;
  /** Of a certificate: hash of its key. */
  key: string;
  created_at: number;
  /** 0: when it is lifted. */
  ends_at: number;
  author: string;
  reason: string;
}

type Target = Pick<DeniedInfo, "service" | "instance" | "serial">;

export class DenialStore {
  readonly #sql: SqlStorage;
  readonly #leaves: LeafStore;

  constructor(sql: SqlStorage, leaves: LeafStore) {
    this.#sql = sql;
    this.#leaves = leaves;
    sql.exec(`CREATE TABLE IF NOT EXISTS denied (
      id TEXT PRIMARY KEY, target TEXT UNIQUE, key TEXT, created_at INTEGER, ends_at INTEGER, author TEXT, reason TEXT)`);
  }

  /** What was denied before stays as it is. */
  add(id: string, { author, reason = "", ...asked }: DenyRequest, nowMs: number): DeniedInfo | Refused {
    this.#sql.exec("DELETE FROM denied WHERE ends_at > 0 AND ends_at <= ?", nowMs);
    const serial = "serial" in asked ? serialText(asked.serial) : undefined;
    const leaf = serial === undefined ? undefined : this.#leaves.find(serial, nowMs);
    if (serial !== undefined && leaf === undefined)
      return refused("revocation_unknown", `no valid certificate of this authority has the serial number ${serial}`);
    const target = JSON.stringify(serial === undefined ? asked : { serial });
    const known = this.#sql.exec<DenialRow>("SELECT * FROM denied WHERE target = ?", target).toArray()[0];
    if (known !== undefined) return infoOf(known);
    const { deniedMax, deniedSerialsMax } = limits.authority;
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM denied").one();
    if (
      count >= deniedMax ||
      this.denied(nowMs).serials.length > deniedSerialsMax - limits.authority.leavesOfInstanceMax
    )
      return refused("revocations_full", `${count} workloads are revoked, and no more fit`);
    const [key, endsAtMs] = [leaf?.key ?? "", leaf?.notAfterMs ?? 0];
    this.#sql.exec("INSERT INTO denied VALUES (?, ?, ?, ?, ?, ?, ?)", id, target, key, nowMs, endsAtMs, author, reason);
    return infoOf({ id, target, key, created_at: nowMs, ends_at: endsAtMs, author, reason });
  }

  /** @returns what was lifted, if anything */
  remove(id: string): DeniedInfo | undefined {
    const row = this.#sql.exec<DenialRow>("DELETE FROM denied WHERE id = ? RETURNING *", id).toArray()[0];
    return row === undefined ? undefined : infoOf(row);
  }

  /** Newest first. */
  list(nowMs: number): DeniedInfo[] {
    return this.#rows(nowMs).map(infoOf);
  }

  denied(nowMs: number): Denied {
    const services: string[] = [];
    const instances: string[] = [];
    const serials: string[] = [];
    const keys: string[] = [];
    for (const row of this.#rows(nowMs)) {
      const { service = "", instance, serial } = JSON.parse(row.target) as Target;
      if (serial !== undefined) {
        serials.push(serial);
        if (row.key !== "") keys.push(row.key);
      } else if (instance === undefined) services.push(service);
      else {
        instances.push(`${service}/${instance}`);
        serials.push(...this.#leaves.ofInstance(service, instance, nowMs).map((leaf) => leaf.serial));
      }
    }
    return { services, instances, serials, keys };
  }

  #rows(nowMs: number): DenialRow[] {
    const query = "SELECT * FROM denied WHERE ends_at = 0 OR ends_at > ? ORDER BY created_at DESC, rowid DESC";
    return this.#sql.exec<DenialRow>(query, nowMs).toArray();
  }
}

function infoOf({ id, target, created_at, author, reason }: DenialRow): DeniedInfo {
  return { id, ...(JSON.parse(target) as Target), createdAtMs: created_at, author, reason };
}
