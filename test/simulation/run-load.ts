/** A load over many keys and isolates, and what became of it. */
import type { LimiterSettings } from "../../shared/policy/limiter-state.ts";
import { seededRandom } from "./event-queue.ts";
import { LimitWorld } from "./limit-world.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly settings: LimiterSettings;
  readonly leased: boolean;
  readonly isolates: number;
  /** Keys by Zipf's law: the n-th is asked for one n-th as often as the first. */
  readonly keys: number;
  /** Requests a second, of all keys together. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** All keys alike, instead of by Zipf's law. */
  readonly uniform?: boolean;
  /** Questions a second from which on shards answer for a limiter. */
  readonly callsMax?: number;
  /** Shards evicted a second. */
  readonly evictions?: number;
}

export interface LoadFigures {
  readonly requests: number;
  readonly callsPerRequest: number;
  /** Questions to shards a request, and how many shards answered for one key at most. */
  readonly shardCallsPerRequest: number;
  readonly shards: number;
  /** Questions that limiters were asked in the busiest of the later seconds. */
  readonly busiest: number;
  readonly admitted: number;
  readonly refused: number;
  /** Of the first key: its window over the time in which its whole limit was admitted; 0: it never was. */
  readonly utilisation: number;
  /** Most that the first keys got above the limit in any window. */
  readonly overAdmitted: number;
  readonly failures: number;
}

export function runLoad(options: LoadOptions): LoadFigures {
  const { seed, settings, leased, isolates, keys, ratePerSecond, durationMs } = options;
  const random = seededRandom(seed);
  const trip = () => ({ thereMs: 0.3 + 2 * random(), backMs: 0.3 + 2 * random() });
  const skewMs = (isolate: number): number => (isolate % 7) * 1000 - 3000;
  const { callsMax, evictions = 0 } = options;
  const world = new LimitWorld({ settings, leased, trip, skewMs, ...(callsMax !== undefined && { callsMax }) });
  for (let atMs = 1000; atMs < durationMs && evictions > 0; atMs += 1000 / evictions)
    world.events.at(atMs, () => world.disturbShard(random()));
  const busiest = busiestSecond(world, durationMs);
  const choose = options.uniform ? () => Math.floor(random() * keys) : zipf(keys, random);
  let requests = 0;
  const next = (): void => {
    world.request(Math.floor(random() * isolates), `key-${choose()}`, 1);
    requests++;
    const atMs = world.events.nowMs - (Math.log(1 - random()) / ratePerSecond) * 1000;
    if (atMs < durationMs) world.events.at(atMs, next);
  };
  next();
  world.events.runUntil(durationMs + 2_000);
  const { limit, windowMs } = settings;
  const admitted = world.outcomes.filter((outcome) => outcome.admitted).length;
  const hot = admittedTimes(world, "key-0");
  const windows = Math.floor((hot.length - 1) / limit);
  const tookMs = (hot[windows * limit] ?? 0) - (hot[0] ?? 0);
  return {
    requests,
    callsPerRequest: world.calls / requests,
    shardCallsPerRequest: world.shardCalls / requests,
    shards: world.mostShards,
    busiest: busiest(),
    admitted,
    refused: world.outcomes.length - admitted,
    utilisation: windows < 1 ? 0 : (windows * windowMs) / tookMs,
    overAdmitted: Math.max(...[0, 1, 2].map((key) => mostIn(admittedTimes(world, `key-${key}`), windowMs) - limit)),
    failures: world.failures,
  };
}

/** Most calls in a second; the first are left out, in which load is only measured. */
function busiestSecond(world: LimitWorld, durationMs: number): () => number {
  let most = 0;
  let before = 0;
  for (let atMs = SETTLED_MS; atMs <= durationMs; atMs += 1000)
    world.events.at(atMs, () => {
      if (atMs > SETTLED_MS) most = Math.max(most, world.calls - before);
      before = world.calls;
    });
  return () => most;
}

const SETTLED_MS = 10_000;

/** Times of admissions of a key, in order, one for each token. */
export function admittedTimes({ outcomes }: LimitWorld, key: string): number[] {
  return outcomes
    .filter((outcome) => outcome.key === key && outcome.admitted)
    .flatMap(({ atMs, cost }) => new Array<number>(cost).fill(atMs))
    .sort((a, b) => a - b);
}

/** Most of these times in any half-open window of that length. */
export function mostIn(times: readonly number[], windowMs: number): number {
  let best = 0;
  for (let last = 0, first = 0; last < times.length; last++) {
    while ((times[first] as number) <= (times[last] as number) - windowMs) first++;
    best = Math.max(best, last - first + 1);
  }
  return best;
}

function zipf(keys: number, random: () => number): () => number {
  const sums: number[] = [];
  let whole = 0;
  for (let key = 0; key < keys; key++) {
    whole += 1 / (key + 1);
    sums.push(whole);
  }
  return () => {
    const drawn = random() * whole;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
