/** What leases cost and leave unused, by the real decisions under a virtual clock: 1 to 200 isolates, hot and Zipf keys. */
import { limits } from "../shared/limits.ts";
import { type LoadFigures, type LoadOptions, runLoad } from "../test/simulation/run-load.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const isolates = [1, 10, 50, 200] as const;
const settings = { limit: 20_000, windowMs: 10_000 };

const callsMax = limits.rateLimit.callsPerSecondMax;
/** A hot key that is asked exactly: by one object, by shards, and by shards that are evicted. */
const shards = [
  ["exact", "one exact key", {}],
  ["sharded", "one exact key through shards", { callsMax }],
  ["evicted", "one exact key through shards, one of them evicted every other second", { callsMax, evictions: 0.5 }],
] as const;

const bench: Bench = {
  question: "What do leases cost in calls, leave unused and admit too many? (simulated; spread over seeds)",
  run: async ({ quick, say }) => {
    const seeds = Array.from({ length: quick ? 2 : 5 }, (_, at) => at + 1);
    const durationMs = quick ? 21_000 : 61_000;
    const figures: Figure[] = [];
    for (const count of isolates) {
      say(`${count} isolates, ${seeds.length} seeds`);
      const hot = { settings, leased: true, isolates: count, keys: 1, ratePerSecond: 8_000, durationMs };
      figures.push(...figuresOf(`hot_${count}`, `one key, four times its limit, ${count} isolates`, seeds, hot));
      const many = { ...hot, settings: { limit: 2_000, windowMs: 10_000 }, keys: 1_000, ratePerSecond: 4_000 };
      figures.push(...figuresOf(`zipf_${count}`, `1,000 Zipf keys, ${count} isolates`, seeds, many));
    }
    for (const [name, words, more] of shards) {
      say(`${words}, ${seeds.length} seeds`);
      const hot = { settings, leased: false, isolates: 50, keys: 1, ratePerSecond: 8_000, durationMs, ...more };
      figures.push(...figuresOf(name, `${words}, four times its limit, 50 isolates`, seeds, hot));
    }
    return figures;
  },
};
export default bench;

function figuresOf(name: string, what: string, seeds: readonly number[], load: Omit<LoadOptions, "seed">): Figure[] {
  const runs = seeds.map((seed) => runLoad({ ...load, seed }));
  const figure = (part: string, words: string, of: (run: LoadFigures) => number): Figure => ({
    name: `${name}_${part}`,
    what: `${what}: ${words}`,
    spread: spreadOf(runs.map(of)),
  });
  return [
    figure("utilisation", "utilisation of the hottest key", (run) => run.utilisation),
    figure("calls", "calls a request", (run) => run.callsPerRequest),
    figure("over", "admitted too many", (run) => Math.max(0, run.overAdmitted)),
    figure("busiest", "calls to the limiters in the busiest second", (run) => run.busiest),
  ];
}
