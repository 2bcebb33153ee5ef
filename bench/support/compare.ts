/** Compares variants by interleaved runs (A B A B ...), so that what changes on the machine changes for all of them. */
import { cpuMicroseconds, scheduledMicroseconds } from "./cpu-time.ts";
import { type LoadOptions, runLoad } from "./load.ts";

export interface Variant {
  readonly name: string;
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[];
  readonly load: Omit<LoadOptions, "durationMs">;
  /** Runs before each load, outside of what is measured. */
  readonly prepare?: () => void;
}

export interface Round {
  readonly cpuMicrosecondsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface CompareOptions {
  readonly rounds: number;
  readonly durationMs: number;
  readonly warmUpMs: number;
  /** Many short rounds, each in an order drawn anew: for differences of a few percent, with `middleRatio`. */
  readonly fine?: true;
}

/**
 * @returns the rounds of each variant by its name, in order
 * @throws Error when a request fails: figures of failing runs mean nothing
 */
export async function compare(
  variants: readonly Variant[],
  { rounds, durationMs, warmUpMs, fine }: CompareOptions,
): Promise<Map<string, Round[]>> {
  const results = new Map<string, Round[]>(variants.map(({ name }) => [name, []]));
  for (const { load, prepare } of variants) {
    prepare?.();
    await runLoad({ ...load, durationMs: warmUpMs });
  }
  for (let round = 0; round < rounds; round++) {
    for (const variant of fine ? shuffled(variants) : variants)
      results
        .get(variant.name)
        ?.push(await measure(variant, durationMs, fine ? scheduledMicroseconds : cpuMicroseconds));
  }
  return results;
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const drawn = items.map((item) => ({ item, at: Math.random() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

async function measure(
  { name, pids, load, prepare }: Variant,
  durationMs: number,
  cpuOf: typeof cpuMicroseconds,
): Promise<Round> {
  prepare?.();
  const before = cpuOf(pids);
  const result = await runLoad({ ...load, durationMs });
  const used = cpuOf(pids) - before;
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} of ${result.requests} requests failed`);
  return {
    cpuMicrosecondsPerRequest: used / result.requests,
    requestsPerSecond: (result.requests / result.durationMs) * 1000,
    p50Ms: result.latencyMs.p50,
    p90Ms: result.latencyMs.p90,
  };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** CPU per request of one variant over that of another, round by round. */
export function cpuRatio(rounds: readonly Round[] = [], peers: readonly Round[] = []): Spread {
  return spreadOf(
    rounds.map(
      (round, index) => round.cpuMicrosecondsPerRequest / (peers[index]?.cpuMicrosecondsPerRequest ?? Number.NaN),
    ),
  );
}

const DRAWINGS = 1_000;

/**
 * The mean of the middle half of the ratios of many short rounds: what disturbs some of them is left out, and what is left says
 * more than the one in the middle.
 * @param random 0 to 1, for the drawings
 * @returns `min` and `max` hold it in 95 of 100 drawings of as many rounds from those that were measured
 */
export function middleRatio(
  rounds: readonly Round[] = [],
  peers: readonly Round[] = [],
  random: () => number = Math.random,
): Spread {
  const ratios = rounds.map(
    (round, index) => round.cpuMicrosecondsPerRequest / (peers[index]?.cpuMicrosecondsPerRequest ?? Number.NaN),
  );
  const drawn = Array.from({ length: DRAWINGS }, () =>
    middleMean(ratios.map(() => ratios[Math.floor(random() * ratios.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b);
  const at = (share: number): number => drawn[Math.floor(share * (DRAWINGS - 1))] ?? Number.NaN;
  return { median: middleMean(ratios), min: at(0.025), max: at(0.975) };
}

function middleMean(values: readonly number[]): number {
  const quarter = Math.floor(values.length / 4);
  const middle = values.toSorted((a, b) => a - b).slice(quarter, values.length - quarter);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
