/** How many objects a key needs: its limiter measures what it is asked, and its shards say what they are asked. */
import { limits } from "../limits.ts";
import { addTo, type DecayingSum, newDecayingSum, sumNow } from "./decaying-sum.ts";
import { type LimiterSettings, type LimitLoad, leaseMsOf, lendableOf, type ShardsTold } from "./limiter-state.ts";

const bounds = limits.rateLimit;

/** Shards that were there before it was forgotten hear of this one. */
export function newLimitLoad(nowMs: number): LimitLoad {
  const told = { count: 1, sinceMs: nowMs };
  return { byIsolates: newDecayingSum(), byShards: newDecayingSum(), told, feltAtMs: 0, neededAtMs: nowMs };
}

export function countQuestion(load: LimitLoad, byShard: boolean, nowMs: number): void {
  addTo(byShard ? load.byShards : load.byIsolates, 1, nowMs, bounds.loadMs);
}

/**
 * Powers of two, so that with each step half of the isolates stay where they are. A change is given time to be felt, shards
 * that themselves ask too much are not multiplied, and fewer are tried when they were too many for long.
 * @param asked questions a second that the shards are asked
 * @param callsMax questions a second that one object is meant to bear
 * @returns how many objects isolates are to ask
 */
export function stepShards(
  load: LimitLoad,
  asked: number,
  callsMax: number,
  settings: LimiterSettings,
  nowMs: number,
): ShardsTold {
  const { told } = load;
  const calls = perSecond(load.byIsolates, nowMs) + asked;
  const wanted = Math.min(bounds.shardsMax, powerAbove(calls / callsMax));
  const grows = wanted > told.count && nowMs >= load.feltAtMs && 2 * perSecond(load.byShards, nowMs) <= callsMax;
  if (bounds.shardsFewerPart * calls >= told.count * callsMax) load.neededAtMs = nowMs;
  const shrinks = nowMs >= load.neededAtMs + bounds.shardsKeptMs;
  const next = grows ? wanted : Math.max(1, shrinks ? told.count / 2 : told.count);
  if (next !== told.count) {
    told.count = next;
    told.sinceMs = Math.max(nowMs, told.sinceMs + 1);
    load.feltAtMs = nowMs + bounds.shardsFeltMs;
    load.neededAtMs = nowMs;
  }
  // Questions of one limiter may come with other numbers, of which others cannot be parted.
  return { count: Math.min(told.count, shardsMaxOf(settings)), sinceMs: told.sinceMs };
}

/** Into how many shards such a limit can be parted; 1: it is not lent, or each would hold too little. */
export function shardsMaxOf(settings: LimiterSettings): number {
  if (leaseMsOf(settings) === 0) return 1;
  const parts = Math.min(bounds.shardsMax, Math.floor(lendableOf(settings) / bounds.shardTokensMin));
  return parts < 2 ? 1 : 2 ** Math.floor(Math.log2(parts));
}

/** Which shard an isolate asks; undefined: the limiter itself. @param isolate its random name */
export function shardOf(isolate: string, shards: number): number | undefined {
  if (shards <= 1) return undefined;
  let hash = 0x811c9dc5;
  for (let at = 0; at < isolate.length; at++) hash = Math.imul(hash ^ isolate.charCodeAt(at), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % shards;
}

function perSecond(sum: DecayingSum, nowMs: number): number {
  return (sumNow(sum, nowMs, bounds.loadMs) * 1000) / bounds.loadMs;
}

function powerAbove(least: number): number {
  return least <= 1 ? 1 : 2 ** Math.ceil(Math.log2(least));
}
