/**
 * The audit log: what was done with rights, and what was refused. Each entry carries the hash of the one before, so that one
 * that was changed or taken out shows (`verifyAudit`).
 *
 *   GET /v1/audit?before=ID&limit=N&act=NAME   AuditPage, newest first
 */
import { canonicalJson } from "../plan/canonical-json.ts";

export interface AuditEntry {
  /** From 1, without gaps; the oldest entries are forgotten. */
  readonly id: number;
  readonly atMs: number;
  readonly act: string;
  readonly outcome: "done" | "refused";
  /** Subject of the token; empty where none was believed. */
  readonly by: string;
  readonly role?: string;
  /** Who its holder says it acts for. */
  readonly author: string;
  /** Where the call came from, as far as the platform tells. */
  readonly address?: string;
  /** 0 where no version is concerned. */
  readonly version: number;
  readonly detail: string;
  /** Hash of the entry before; empty at the first of all. */
  readonly previous: string;
  /** SHA-256 of `auditText`, hex. */
  readonly hash: string;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** `before` of the next page; absent: this is the last. */
  readonly next?: number;
}

/** What the hash of an entry is made of. */
export function auditText(entry: Omit<AuditEntry, "hash">): string {
  return canonicalJson({ ...entry, hash: undefined });
}

/**
 * What is wrong with a log, or undefined when nothing is. That the newest entries are gone shows only to who knows one of them.
 * @param entries oldest first, without gaps
 * @param digest SHA-256 of a text, hex
 * @param known an entry that must be there
 */
export function verifyAudit(
  entries: readonly AuditEntry[],
  digest: (text: string) => string,
  known?: Pick<AuditEntry, "id" | "hash">,
): string | undefined {
  let before: AuditEntry | undefined;
  for (const entry of entries) {
    if (digest(auditText(entry)) !== entry.hash) return `entry ${entry.id} was changed: its hash is another`;
    if (before !== undefined && entry.id !== before.id + 1)
      return `entries are missing between ${before.id} and ${entry.id}`;
    if (before !== undefined && entry.previous !== before.hash)
      return `entry ${entry.id} does not follow entry ${before.id}: one of them was replaced`;
    if (entry.id === 1 && entry.previous !== "") return "entry 1 names one before it";
    before = entry;
  }
  if (known === undefined) return undefined;
  const found = entries.find(({ id }) => id === known.id);
  if (found === undefined) return `entry ${known.id} is not there`;
  return found.hash === known.hash ? undefined : `entry ${known.id} is another one: its hash is ${found.hash}`;
}
