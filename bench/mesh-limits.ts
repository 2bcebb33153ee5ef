/** What a limit that all instances of a service share adds to a call, beside one that each instance counts and none. */
import { countOf, LimitedMesh } from "../test/support/limited-mesh.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";
import { cpuMicroseconds } from "./support/cpu-time.ts";

const modes = ["none", "local", "leased", "exact"] as const;
type Mode = (typeof modes)[number];

const AT_ONCE = 24;

const bench: Bench = {
  question: "What does a limit over all instances add to a call? (CPU of the called service's agent, one hot key)",
  run: async (options) => {
    const mesh = await LimitedMesh.start(1);
    try {
      return figures(await measure(mesh, options));
    } finally {
      await mesh.end();
    }
  },
};
export default bench;

/** @returns CPU microseconds a call, by mode, in the order of rounds */
async function measure(
  mesh: LimitedMesh,
  { quick, rounds = quick ? 2 : 5, say }: BenchOptions,
): Promise<Map<Mode, number[]>> {
  const calls = quick ? 500 : 6_000;
  const pids = mesh.callees.map(({ runtime: { pid } }) => pid);
  const spent = new Map<Mode, number[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round <= rounds; round++)
    for (const mode of modes) {
      const limit = { limit: "100000000/minute", by: "service", name: mode, mode };
      await mesh.limit(...(mode === "none" ? [] : [limit]));
      // What is asked for once is not lent.
      await mesh.load(200, AT_ONCE);
      const before = cpuMicroseconds(pids);
      const outcomes = await mesh.load(calls, AT_ONCE);
      const perCall = (cpuMicroseconds(pids) - before) / calls;
      if (countOf(outcomes, 200) < calls) throw new Error(`${mode}: calls were refused`);
      // The first round warms up: an agent compiles what it runs often.
      if (round > 0) spent.get(mode)?.push(perCall);
      if (round > 0) say(`${mode}: ${perCall.toFixed(0)} us a call`);
    }
  return spent;
}

function figures(spent: Map<Mode, number[]>): Figure[] {
  const none = spent.get("none") ?? [];
  const ratios = modes.slice(1).map((mode): Figure => {
    const each = (spent.get(mode) ?? []).map((us, at) => us / (none[at] ?? us));
    return { name: `${mode}_cpu_ratio`, what: `limit, ${mode}: CPU over that without a limit`, spread: spreadOf(each) };
  });
  return [...ratios, { name: "none_cpu_us", what: "no limit: CPU of a call", spread: spreadOf(none) }];
}
