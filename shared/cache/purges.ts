/**
 * Purges of stored answers: one log of numbered ones. An answer carries the number that its isolate knew when the request left;
 * it is dead when a later purge matches it. So a purge needs no access to any store, and nothing that was under way when it was
 * made escapes it.
 */
import { normalisePath } from "../route/normalise-path.ts";
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
  /** Everything that knows only earlier ones is dead: what was purged up to here is not remembered one by one. */
  floor: number;
  /** By number. A later one of the same scope has replaced an earlier one. */
  purges: Purge[];
}

/** What changed since a number. */
export interface PurgeChanges {
  readonly number: number;
  readonly floor: number;
  readonly purges: readonly Purge[];
  /** Whether `purges` are all that count. */
  readonly whole: boolean;
}

/** What nobody has told anything yet: everything that was stored is dead to it. */
export const unknownPurges = (): PurgeLog => ({ number: 0, floor: 0, purges: [] });

/** A log that begins now; whatever was stored before is dead, for nobody knows what was purged of it. */
export const newPurgeLog = (nowMs: number): PurgeLog => ({ number: nowMs, floor: nowMs, purges: [] });

export interface PurgeBounds {
  readonly purgesMax: number;
  /** Of all their texts together. */
  readonly purgesCharsMax: number;
  /** Nothing is stored for longer. */
  readonly keepMsMax: number;
}

/**
 * Adds a purge in place, and keeps the log within its bounds: the older half of a full one becomes one purge of everything that
 * was stored before.
 */
export function addPurge(
  log: PurgeLog,
  { scope, soft }: Pick<Purge, "scope" | "soft">,
  { purgesMax, purgesCharsMax, keepMsMax }: PurgeBounds,
  nowMs: number,
): Purge {
  const purge: Purge = { number: Math.max(log.number + 1, nowMs), scope, soft };
  takePurge(log, purge);
  // Whatever was stored before these has ended by itself.
  forgetUpTo(log, nowMs - keepMsMax);
  if (log.purges.length > purgesMax || charsOf(log) > purgesCharsMax)
    forgetUpTo(log, log.purges[log.purges.length >> 1]?.number ?? purge.number);
  return purge;
}

/** @param since the last number that the asker knows; 0: none */
export function changesSince({ number, floor, purges }: PurgeLog, since: number): PurgeChanges {
  // A number that is still to come was told by a log that was lost since.
  const whole = since < floor || since > number;
  return { number, floor, whole, purges: whole ? purges : purges.filter((purge) => purge.number > since) };
}

/** Takes over what another log has told; an answer that comes late changes nothing. */
export function takeChanges(log: PurgeLog, { number, floor, purges, whole }: PurgeChanges): void {
  if (number < log.number) return;
  if (whole) log.purges = [];
  for (const purge of purges) takePurge(log, purge);
  log.number = number;
  log.floor = Math.max(log.floor, floor);
  log.purges = log.purges.filter((purge) => purge.number > log.floor);
}

/** What purges make of an answer: nothing, stale (it may serve while it is asked for again), or dead. */
export type PurgeVerdict = "alive" | "stale" | "dead";

export function purgeVerdict(log: PurgeLog, head: Omit<StoredHead, "bodyBytes">): PurgeVerdict {
  if (head.purge < log.floor || log.number === 0) return "dead";
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
    forgetUpTo(log, purge.number, purge.number);
    return;
  }
  const same = log.purges.findIndex(({ scope, soft }) => soft === purge.soft && isSameScope(scope, purge.scope));
  if (same >= 0) log.purges.splice(same, 1);
  log.purges.push(purge);
}

/** @param floor at least; what is forgotten raises it */
function forgetUpTo(log: PurgeLog, number: number, floor = 0): void {
  const kept = log.purges.findIndex((purge) => purge.number > number);
  const forgotten = log.purges.splice(0, kept < 0 ? log.purges.length : kept);
  log.floor = Math.max(log.floor, floor, forgotten.at(-1)?.number ?? 0);
}

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
