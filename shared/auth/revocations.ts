/** Credentials that are refused though they are good otherwise: one token, one subject, or what was issued before a time. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";

/** What is revoked: exactly one of the three forms. Times of tokens are seconds, as `iat` is. */
export type RevocationTarget =
  | { readonly jti: string }
  | { readonly sub: string; readonly issuer: string }
  | { readonly issuer: string; readonly issuedBefore: number };

export type Revocation = RevocationTarget & {
  /** From then on it is forgotten: it must outlive what it is about. */
  readonly expiresAtMs: number;
};

/** All of them at one moment; another revision is another list. */
export interface RevocationList {
  readonly revision: number;
  readonly entries: readonly Revocation[];
}

/** Ready for look-ups. Values are ends, milliseconds. */
export interface RevocationIndex {
  readonly revision: number;
  readonly list: RevocationList;
  readonly jtis: ReadonlyMap<string, number>;
  readonly subjects: ReadonlyMap<string, number>;
  readonly issuers: ReadonlyMap<string, readonly { readonly issuedBefore: number; readonly expiresAtMs: number }[]>;
}

export const noRevocations: RevocationIndex = {
  revision: 0,
  list: { revision: 0, entries: [] },
  jtis: new Map(),
  subjects: new Map(),
  issuers: new Map(),
};

export function indexRevocations(list: RevocationList): RevocationIndex {
  const { revision, entries } = list;
  const jtis = new Map<string, number>();
  const subjects = new Map<string, number>();
  const issuers = new Map<string, { issuedBefore: number; expiresAtMs: number }[]>();
  for (const entry of entries) {
    const { expiresAtMs } = entry;
    if ("jti" in entry) keepLongest(jtis, entry.jti, expiresAtMs);
    else if ("sub" in entry) keepLongest(subjects, subjectKey(entry.issuer, entry.sub), expiresAtMs);
    else issuers.set(entry.issuer, [...(issuers.get(entry.issuer) ?? []), entry]);
  }
  return { revision, list, jtis, subjects, issuers };
}

function keepLongest(ends: Map<string, number>, key: string, expiresAtMs: number): void {
  ends.set(key, Math.max(ends.get(key) ?? 0, expiresAtMs));
}

const subjectKey = (issuer: string, sub: string): string => `${issuer}\n${sub}`;

/**
 * Why an identity is revoked, or undefined. Costs the same whether it was proven now or is remembered: two look-ups.
 * What does not say when it was issued counts as issued before.
 */
export function revocationOf(
  { jtis, subjects, issuers }: RevocationIndex,
  { issuer, sub, claims }: Pick<Identity, "issuer" | "sub" | "claims">,
  nowMs: number,
): string | undefined {
  const { jti, iat } = claims;
  if (jtis.size > 0 && typeof jti === "string" && nowMs < (jtis.get(jti) ?? 0)) return "revoked by jti";
  if (subjects.size > 0 && nowMs < (subjects.get(subjectKey(issuer, sub)) ?? 0)) return "revoked by sub";
  for (const { issuedBefore, expiresAtMs } of issuers.get(issuer) ?? [])
    if (nowMs < expiresAtMs && !(typeof iat === "number" && iat >= issuedBefore)) return "revoked by time of issue";
  return undefined;
}

/**
 * Whether a list may take one more entry.
 * @param bytes text of the list so far @param added text of the new entry, UTF-16 units each
 */
export function fitsRevocations(count: number, bytes: number, added: number): boolean {
  const { revocationsMax, revocationBytesMax } = limits.control;
  return count < revocationsMax && bytes + added <= revocationBytesMax;
}
