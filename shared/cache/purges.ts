/**
 * Purges of stored answers: one log of numbered ones. An answer carries the number that its isolate knew when the request left;
 * it is dead when a later purge matches it. So a purge needs no access to any store, and nothing that was under way when it was
 * made escapes it.
 */
import { limits } from "../limits.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { shardOfKey } from "./shard-of.ts";
import type { StoredHead } from "./stored-head.ts";

/** What is purged. */
export type PurgeScope =
  | { readonly kind: "all" }
  | { readonly kind: "tag"; readonly tag: string }
  /** Normalised. With a query this target alone, without one the path with every query. Any host where none is given. */
  | { readonly kind: "path"; readonly path: string; readonly host?: string | undefined }
  /** Every path that begins so. */
  | { readonly kind: "prefix"; readonly prefix: string; readonly host?: string | undefined };

export interface Purge {
  /** Grows from each to the next, also over a loss of the log: it is never below the milliseconds since the epoch. */
  readonly number: number;
  readonly scope: PurgeScope;
  /** What it matches is stale, and not gone. */
  readonly soft: boolean;
}

export interface PurgeLog {
  /** Of the last one; 0: nothing is known. */
  number: number;
  /** Everything that knows only earlier ones is dead. */
  floor: number;
  /** By number. A later one of the same scope has replaced an earlier one. */
  purges: Purge[];
  /**
   * Of older ones only a hash of their tag or path is left, and the number of the last one with that hash: whatever has the hash is
   * dead. So a flood of purges ends more than it names, but never everything.
   */
  readonly folded: Map<number, number>;
  /** No greater number is folded. */
  foldedUpTo: number;
}

/** What changed since a number. */
export interface PurgeChanges {
  readonly number: number;
  readonly floor: number;
  readonly foldedUpTo: number;
  readonly purges: readonly Purge[];
  /** Absent: nothing that the asker knows is wrong, there is only more of it. */
  readonly folded?: ReadonlyMap<number, number>;
}

/** What nobody has told anything yet: everything that was stored is dead to it. */
export const unknownPurges = (): PurgeLog => newPurgeLog(0);

/** A log that begins now; whatever was stored before is dead, for nobody knows what was purged of it. */
export const newPurgeLog = (nowMs: number): PurgeLog => ({
  number: nowMs,
  floor: nowMs,
  purges: [],
  folded: new Map(),
  foldedUpTo: nowMs,
});

export interface PurgeBounds {
  readonly purgesMax: number;
  /** Of all their texts together. */
  readonly purgesCharsMax: number;
  /** Nothing is stored for longer. */
  readonly keepMsMax: number;
}

/**
 * Adds a purge in place, and keeps the log within its bounds: the older half of a full one is folded.
 */
export function addPurge(
  log: PurgeLog,
  { scope, soft }: Pick<Purge, "scope" | "soft">,
  { purgesMax, purgesCharsMax, keepMsMax }: PurgeBounds,
  nowMs: number,
): Purge {
  const purge: Purge = { number: Math.max(log.number + 1, nowMs), scope, soft };
  takePurge(log, purge);
  forgetUpTo(log, nowMs - keepMsMax);
  if (log.purges.length > purgesMax || charsOf(log) > purgesCharsMax)
    foldUpTo(log, log.purges[log.purges.length >> 1]?.number ?? purge.number);
  return purge;
}

/** @param since the last number that the asker knows; 0: none */
export function changesSince({ number, floor, foldedUpTo, purges, folded }: PurgeLog, since: number): PurgeChanges {
  // A number that is still to come was told by a log that was lost since.
  if (since < Math.max(floor, foldedUpTo) || since > number) return { number, floor, foldedUpTo, purges, folded };
  return { number, floor, foldedUpTo, purges: purges.filter((purge) => purge.number > since) };
}

/** Takes over what another log has told; an answer that comes late changes nothing. */
export function takeChanges(log: PurgeLog, { number, floor, foldedUpTo, purges, folded }: PurgeChanges): void {
  if (number < log.number) return;
  if (folded !== undefined) {
    log.purges = [];
    log.folded.clear();
    for (const [hash, last] of folded) log.folded.set(hash, last);
    log.foldedUpTo = foldedUpTo;
  }
  foldUpTo(log, foldedUpTo);
  for (const purge of purges) takePurge(log, purge);
  log.number = number;
  raiseFloor(log, floor);
}

/** What purges make of an answer: nothing, stale (it may serve while it is asked for again), or dead. */
export type PurgeVerdict = "alive" | "stale" | "dead";

export function purgeVerdict(log: PurgeLog, head: Omit<StoredHead, "bodyBytes">): PurgeVerdict {
  if (head.purge < log.floor || log.number === 0 || isFolded(log, head)) return "dead";
  let verdict: PurgeVerdict = "alive";
  for (let at = log.purges.length - 1; at >= 0; at--) {
    const { number, scope, soft } = log.purges[at] as Purge;
    if (number <= head.purge) break;
    if ((soft && verdict === "stale") || !purgeMatches(scope, head)) continue;
    if (!soft) return "dead";
    verdict = "stale";
  }
  return verdict;
}

/**
 * Since when an answer is stale by a soft purge, milliseconds since the epoch; undefined: it is not.
 * @param head one that is not dead
 */
export function softPurgedAt(log: PurgeLog, head: Omit<StoredHead, "bodyBytes">): number | undefined {
  if (head.purge === log.number) return undefined;
  return log.purges.find(({ number, scope, soft }) => soft && number > head.purge && purgeMatches(scope, head))?.number;
}

export function purgeMatches(scope: PurgeScope, head: Pick<StoredHead, "tags" | "host" | "target">): boolean {
  switch (scope.kind) {
    case "all":
      return true;
    case "tag":
      return head.tags.includes(scope.tag);
    case "path":
      if (scope.host !== undefined && scope.host !== head.host) return false;
      return scope.path === (scope.path.includes("?") ? normalTarget(head.target) : targetPath(head.target));
    case "prefix":
      return (scope.host === undefined || scope.host === head.host) && targetPath(head.target).startsWith(scope.prefix);
  }
}

/** The path of a target as purges name it: `/%6Frders?a` is `/orders`. */
export function targetPath(target: string): string {
  const path = target.split("?", 1)[0] ?? "";
  return normalisePath(path).path ?? path;
}

function normalTarget(target: string): string {
  const query = target.indexOf("?");
  return targetPath(target) + (query < 0 ? "" : target.slice(query));
}

/** A hard purge of everything is the floor itself. */
function takePurge(log: PurgeLog, purge: Purge): void {
  log.number = Math.max(log.number, purge.number);
  if (purge.scope.kind === "all" && !purge.soft) {
    raiseFloor(log, purge.number);
    return;
  }
  const same = log.purges.findIndex(({ scope, soft }) => soft === purge.soft && isSameScope(scope, purge.scope));
  if (same >= 0) log.purges.splice(same, 1);
  log.purges.push(purge);
}

/** Whatever was stored before these is dead, or has ended by itself. */
function forgetUpTo(log: PurgeLog, number: number): void {
  const last = log.purges.findLast((purge) => purge.number <= number)?.number;
  if (last !== undefined) raiseFloor(log, last);
}

function raiseFloor(log: PurgeLog, number: number): void {
  if (number <= log.floor) return;
  log.floor = number;
  log.purges = log.purges.filter((purge) => purge.number > number);
  for (const [hash, last] of log.folded) if (last <= number) log.folded.delete(hash);
}

/** Purges of many paths or of everything have no hash, and end everything that was stored before. */
function foldUpTo(log: PurgeLog, number: number): void {
  let floor = 0;
  const kept = log.purges.findIndex((purge) => purge.number > number);
  for (const purge of log.purges.splice(0, kept < 0 ? log.purges.length : kept)) {
    const { scope } = purge;
    if (scope.kind === "tag") log.folded.set(hashOfTag(scope.tag), purge.number);
    else if (scope.kind === "path") log.folded.set(hashOfTarget(scope.path), purge.number);
    else floor = purge.number;
  }
  log.foldedUpTo = Math.max(log.foldedUpTo, number);
  raiseFloor(log, floor);
}

function isFolded({ folded, foldedUpTo }: PurgeLog, { purge, tags, target }: Omit<StoredHead, "bodyBytes">): boolean {
  if (purge >= foldedUpTo) return false;
  const isLater = (hash: number): boolean => (folded.get(hash) ?? 0) > purge;
  return isLater(hashOfTarget(target)) || tags.some((tag) => isLater(hashOfTag(tag)));
}

const { hashes } = limits.cachePurges;
const hashOfTag = (tag: string): number => shardOfKey(`tag ${tag}`, hashes);
const hashOfTarget = (target: string): number => shardOfKey(`path ${targetPath(target)}`, hashes);

function isSameScope(one: PurgeScope, other: PurgeScope): boolean {
  return one.kind === other.kind && textOf(one) === textOf(other) && hostOf(one) === hostOf(other);
}

function charsOf({ purges }: PurgeLog): number {
  return purges.reduce((sum, { scope }) => sum + textOf(scope).length + hostOf(scope).length, 0);
}

function textOf(scope: PurgeScope): string {
  if (scope.kind === "tag") return scope.tag;
  if (scope.kind === "path") return scope.path;
  return scope.kind === "prefix" ? scope.prefix : "";
}

const hostOf = (scope: PurgeScope): string => ("host" in scope ? (scope.host ?? "") : "");
