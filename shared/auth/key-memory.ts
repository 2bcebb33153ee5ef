/**
 * What an isolate remembers of keys, and for how long it may believe it. A shard counts its changes; whoever names the
 * last one it has heard of is told which keys changed since. So one small call a second confirms everything that is
 * remembered of a shard, however many keys that are, and nothing older than `staleMs` is believed.
 */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { identityOfKey, type KeyRecord } from "./api-key.ts";
import { beginConfirming, endConfirming, neverConfirmed, type ShardConfirmation } from "./shard-confirmation.ts";

/** What a shard says with every answer. */
export interface ShardChanges {
  /** Number of its last change to a key that existed. */
  readonly revision: number;
  /** How many keys were ever added. */
  readonly added: number;
  /** Hashes that changed since the asked revision; undefined: more than the shard remembers. */
  readonly changed?: readonly string[];
}

export interface KnownKey {
  readonly record: KeyRecord;
  readonly identity: Identity;
  readonly hash: string;
  readonly shard: number;
  /** Last use by this isolate, in steps of `lastUsedStepMs`. */
  usedStep: number;
}

interface ShardView extends ShardConfirmation {
  /** -1: nothing was heard of it. */
  revision: number;
  added: number;
  /** Hashes of keys that were used in a step of which the shard was not told. */
  used: string[];
}

export interface KeyMemory {
  /** By the key itself, so that a repeated one is not hashed. */
  readonly known: Map<string, KnownKey>;
  /** Unknown key to its shard. Apart, so that a flood of them pushes no good key out. */
  readonly unknown: Map<string, number>;
  readonly shards: ShardView[];
}

export const newKeyMemory = (): KeyMemory => ({
  known: new Map(),
  unknown: new Map(),
  shards: Array.from({ length: limits.apiKeys.shards }, () => ({
    revision: -1,
    added: -1,
    ...neverConfirmed(),
    used: [],
  })),
});

/** The shard of a key. @param hash base64url */
export function shardOf(hash: string): number {
  return Math.floor(BASE64URL.indexOf(hash.charAt(0)) / (64 / limits.apiKeys.shards));
}
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Whether what is remembered of a shard may be believed. */
export function isFresh(memory: KeyMemory, shard: number, nowMs: number): boolean {
  const { confirmedAtMs } = memory.shards[shard] as ShardView;
  return nowMs - confirmedAtMs <= limits.apiKeys.staleMs;
}

/** What a key is, as far as that may be believed; undefined: it has to be looked up. */
export function recallKey(memory: KeyMemory, key: string, nowMs: number): KnownKey | "unknown" | undefined {
  const known = memory.known.get(key);
  if (known !== undefined) {
    if (!isFresh(memory, known.shard, nowMs)) return undefined;
    const step = stepOf(nowMs);
    if (known.usedStep !== step) noteUse(memory, known, step);
    return known;
  }
  const shard = memory.unknown.get(key);
  return shard !== undefined && isFresh(memory, shard, nowMs) ? "unknown" : undefined;
}

/**
 * Takes what a look-up answered.
 * @param record undefined: there is no such key
 * @param sentAtMs when the question was sent
 * @returns the key, also where the answer was overtaken by a younger one and must not be remembered
 */
export function rememberKey(
  memory: KeyMemory,
  key: string,
  hash: string,
  record: KeyRecord | undefined,
  changes: ShardChanges,
  sentAtMs: number,
): KnownKey | "unknown" {
  const shard = shardOf(hash);
  const isYoungest = takeChanges(memory, shard, changes, sentAtMs);
  memory.known.delete(key);
  memory.unknown.delete(key);
  if (record === undefined) {
    if (isYoungest) put(memory.unknown, key, shard, limits.apiKeys.unknownRememberedMax);
    return "unknown";
  }
  // A look-up is a use, of which the shard knows.
  const known = { record, identity: identityOfKey(record), hash, shard, usedStep: stepOf(sentAtMs) };
  if (isYoungest) put(memory.known, key, known, limits.apiKeys.rememberedMax);
  return known;
}

/**
 * Forgets what changed.
 * @param sentAtMs when the question was sent that this answers
 * @returns false: the answer is older than what is known already, and was not taken
 */
export function takeChanges(memory: KeyMemory, shard: number, changes: ShardChanges, sentAtMs: number): boolean {
  const view = memory.shards[shard] as ShardView;
  const { revision, added, changed } = changes;
  const wasReset = changed === undefined;
  if (!wasReset && (revision < view.revision || added < view.added)) return false;
  if (wasReset || changed.length > 0) {
    const gone = wasReset ? undefined : new Set(changed);
    for (const [key, known] of memory.known)
      if (known.shard === shard && (gone === undefined || gone.has(known.hash))) memory.known.delete(key);
  }
  if (wasReset || added !== view.added)
    for (const [key, of] of memory.unknown) if (of === shard) memory.unknown.delete(key);
  view.revision = revision;
  view.added = added;
  view.confirmedAtMs = wasReset ? sentAtMs : Math.max(view.confirmedAtMs, sentAtMs);
  return true;
}

/** What a confirmation asks a shard. */
export interface Confirmation {
  readonly since: number;
  /** Hashes of keys that were used since the last one that was not told of. */
  readonly used: readonly string[];
}

/** Begins to have a shard confirmed, when that is due and not under way. */
export function beginConfirmation(memory: KeyMemory, shard: number, nowMs: number): Confirmation | undefined {
  const view = memory.shards[shard] as ShardView;
  if (!beginConfirming(view, limits.apiKeys, nowMs)) return undefined;
  const { used } = view;
  view.used = [];
  return { since: view.revision, used };
}

/** Ends a confirmation. @param changes undefined: the shard did not answer */
export function endConfirmation(
  memory: KeyMemory,
  shard: number,
  changes: ShardChanges | undefined,
  sentAtMs: number,
  nowMs: number,
): void {
  endConfirming(memory.shards[shard] as ShardView, limits.apiKeys, changes !== undefined, nowMs);
  if (changes !== undefined) takeChanges(memory, shard, changes, sentAtMs);
}

function noteUse(memory: KeyMemory, known: KnownKey, step: number): void {
  known.usedStep = step;
  const { used } = memory.shards[known.shard] as ShardView;
  if (used.length < limits.apiKeys.usedReportedMax) used.push(known.hash);
}

function stepOf(nowMs: number): number {
  return Math.floor(nowMs / limits.apiKeys.lastUsedStepMs);
}

function put<Value>(entries: Map<string, Value>, key: string, value: Value, max: number): void {
  entries.set(key, value);
  for (const oldest of entries.keys()) {
    if (entries.size <= max) break;
    entries.delete(oldest);
  }
}
