/**
 * What an isolate remembers of sessions, and for how long it may believe it. A shard counts the sessions that were ended;
 * whoever names the last end it has heard of is told which came since. So one small call a second confirms every session
 * of a shard, and nothing older than `staleMs` is believed. What has ended stays so, and is believed for ever.
 */
import { limits } from "../limits.ts";
import { beginConfirming, endConfirming, neverConfirmed, type ShardConfirmation } from "./shard-confirmation.ts";
import { shardOfSession } from "./web-session.ts";

/** What a shard says with every answer. */
export interface SessionChanges {
  /** Number of its last end of a session. */
  readonly revision: number;
  /** Ids of sessions that ended since the asked revision; undefined: more than the shard remembers. */
  readonly ended?: readonly string[];
}

interface ShardView extends ShardConfirmation {
  /** -1: nothing was heard of it. */
  revision: number;
}

export interface SessionMemory {
  readonly alive: Set<string>;
  readonly ended: Set<string>;
  readonly shards: ShardView[];
}

export const newSessionMemory = (): SessionMemory => ({
  alive: new Set(),
  ended: new Set(),
  shards: Array.from({ length: limits.login.shards }, () => ({ revision: -1, ...neverConfirmed() })),
});

/** Whether a session lives, as far as that may be believed; undefined: its shard has to be asked. */
export function recallSession(memory: SessionMemory, id: string, nowMs: number): boolean | undefined {
  if (memory.ended.has(id)) return false;
  if (!memory.alive.has(id)) return undefined;
  return nowMs - viewOf(memory, id).confirmedAtMs <= limits.login.staleMs ? true : undefined;
}

/**
 * Takes what a shard answered of one session.
 * @param sentAtMs when the question was sent
 * @returns whether it lives; false also where a younger answer said so
 */
export function rememberSession(
  memory: SessionMemory,
  id: string,
  isAlive: boolean,
  changes: SessionChanges,
  sentAtMs: number,
): boolean {
  const isYoungest = takeEnds(memory, shardOfSession(id), changes, sentAtMs);
  if (!isAlive) endSession(memory, id);
  if (memory.ended.has(id)) return false;
  if (isYoungest) put(memory.alive, id);
  return true;
}

/** It was ended here: from now on nothing else is believed of it. */
export function endSession(memory: SessionMemory, id: string): void {
  memory.alive.delete(id);
  put(memory.ended, id);
}

/** @returns false: the answer is older than what is known already, and was not taken */
function takeEnds(memory: SessionMemory, shard: number, changes: SessionChanges, sentAtMs: number): boolean {
  const view = memory.shards[shard] as ShardView;
  const { revision, ended } = changes;
  for (const id of ended ?? []) endSession(memory, id);
  if (ended !== undefined && revision < view.revision) return false;
  if (ended === undefined) for (const id of memory.alive) if (shardOfSession(id) === shard) memory.alive.delete(id);
  view.revision = revision;
  view.confirmedAtMs = ended === undefined ? sentAtMs : Math.max(view.confirmedAtMs, sentAtMs);
  return true;
}

/** Begins to have a shard confirmed, when that is due and not under way. @returns the last end that was heard of */
export function beginConfirmation(memory: SessionMemory, shard: number, nowMs: number): number | undefined {
  const view = memory.shards[shard] as ShardView;
  return beginConfirming(view, limits.login, nowMs) ? view.revision : undefined;
}

/** Ends a confirmation. @param changes undefined: the shard did not answer */
export function endConfirmation(
  memory: SessionMemory,
  shard: number,
  changes: SessionChanges | undefined,
  sentAtMs: number,
  nowMs: number,
): void {
  endConfirming(memory.shards[shard] as ShardView, limits.login, changes !== undefined, nowMs);
  if (changes !== undefined) takeEnds(memory, shard, changes, sentAtMs);
}

/** Last end that was heard of a session's shard. */
export const revisionFor = (memory: SessionMemory, id: string): number => viewOf(memory, id).revision;

const viewOf = (memory: SessionMemory, id: string): ShardView => memory.shards[shardOfSession(id)] as ShardView;

function put(entries: Set<string>, id: string): void {
  entries.delete(id);
  entries.add(id);
  for (const oldest of entries) {
    if (entries.size <= limits.login.rememberedMax) break;
    entries.delete(oldest);
  }
}
