import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type AuditEntry, auditText, verifyAudit } from "../../../shared/wire/audit.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

function chain(count: number, first = 1): AuditEntry[] {
  const entries: AuditEntry[] = [];
  let previous = first === 1 ? "" : "0".repeat(64);
  for (let id = first; id < first + count; id++) {
    const act = {
      id,
      atMs: id,
      act: "apply",
      outcome: "done" as const,
      by: "ann",
      author: "ann",
      version: id,
      detail: "",
    };
    const entry = { ...act, previous, hash: digest(auditText({ ...act, previous })) };
    previous = entry.hash;
    entries.push(entry);
  }
  return entries;
}

test("a whole log is good, also one whose beginning is forgotten", () => {
  expect(verifyAudit(chain(5), digest)).toBeUndefined();
  expect(verifyAudit(chain(5, 900), digest)).toBeUndefined();
  expect(verifyAudit([], digest)).toBeUndefined();
});

test("absent members do not count, members do", () => {
  const [entry] = chain(1);
  expect(auditText({ ...(entry as AuditEntry), role: undefined } as unknown as AuditEntry)).toBe(
    auditText(entry as AuditEntry),
  );
  expect(verifyAudit([{ ...(entry as AuditEntry), role: "admin" }], digest)).toContain("was changed");
});

describe("shows", () => {
  const log = chain(5);
  const at = (id: number): AuditEntry => log[id - 1] as AuditEntry;
  const rehashed = (entry: AuditEntry): AuditEntry => ({ ...entry, hash: digest(auditText(withoutHash(entry))) });
  const withoutHash = ({ hash: _, ...rest }: AuditEntry) => rest;
  test.each<[string, AuditEntry[], string]>([
    ["a changed entry", log.map((one) => (one.id === 3 ? { ...one, by: "eve" } : one)), "entry 3 was changed"],
    ["a removed entry", log.filter(({ id }) => id !== 3), "missing between 2 and 4"],
    [
      "one that was changed with its hash",
      log.map((one) => (one.id === 3 ? rehashed({ ...one, by: "eve" }) : one)),
      "entry 4 does not follow entry 3",
    ],
    [
      "a removed entry whose followers were given its number",
      [at(1), at(2), rehashed({ ...at(4), id: 3 })],
      "entry 3 does not follow entry 2",
    ],
    ["entries in another order", [at(1), at(3), at(2)], "missing between 1 and 3"],
    ["a first entry that is not the first", [rehashed({ ...at(1), previous: at(5).hash })], "names one before it"],
  ])("%s", (_name, entries, words) => {
    expect(verifyAudit(entries, digest)).toContain(words);
  });
  test("that the newest entries are gone, or all were made anew, to who knows one of them", () => {
    expect(verifyAudit(log.slice(0, 3), digest)).toBeUndefined();
    expect(verifyAudit(log.slice(0, 3), digest, at(5))).toBe("entry 5 is not there");
    expect(verifyAudit(log, digest, { id: 5, hash: digest("another") })).toContain("entry 5 is another one");
    expect(verifyAudit(log, digest, at(5))).toBeUndefined();
  });
});
