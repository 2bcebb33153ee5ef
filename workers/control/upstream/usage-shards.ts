/** Whoever tells the objects that keep usage something, or asks them, does it here. */
import { limits } from "../../../shared/limits.ts";
import type { CounterReport } from "../../../shared/policy/counters.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import { mergeGroups, type UsageGroups } from "../../../shared/policy/usage-report.ts";
import { isKept, slotOf } from "../../../shared/policy/usage-rollup.ts";
import type { Env } from "../env.ts";
import type { UsageRequest, UsageStoreRpc, UsageSums, UsageTotals } from "../objects/usage-rpc.ts";
import { within } from "./within.ts";

/** Objects that keep what one kind of programs counts. */
interface Shards {
  readonly prefix: string;
  readonly count: number;
}

const GATEWAYS: Shards = { prefix: "usage", count: limits.usage.shards };
const AGENTS: Shards = { prefix: "edges", count: limits.usage.edgeShards };
const { objectCallMs } = limits.control;

/**
 * Has a report counted. A lease never fails for it.
 * @returns whether it was, or nothing of it is kept; if not, the isolate sends it again
 */
export async function keepUsage(env: Env, isolate: string, report: CounterReport | undefined): Promise<boolean> {
  if (report === undefined || !report.series.some(isKept)) return true;
  return add(env, GATEWAYS, isolate, report);
}

/** The same of what a run of an agent counts of the mesh's edges. */
export async function keepEdges(env: Env, run: string, report: CounterReport): Promise<boolean> {
  return report.series.length === 0 || add(env, AGENTS, run, report);
}

async function add(env: Env, shards: Shards, who: string, report: CounterReport): Promise<boolean> {
  const name = shardName(shards, hubOf(who, shards.count));
  try {
    await within(env.USAGE.getByName(name).add(who, report), limits.usage.addMs, name);
    return true;
  } catch (error) {
    console.warn(JSON.stringify({ kind: "usage", shard: name, reason: String(error) }));
    return false;
  }
}

/** What of a report the window of the last minutes is made of. */
export function withoutUsage({ seq, series }: CounterReport): CounterReport {
  return { seq, series: series.filter(({ kind }) => kind !== "usage" && kind !== "call" && kind !== "shadow") };
}

/** Sums by name of each slot, of all objects, oldest first. @throws when one does not answer in time */
export async function askUsage(env: Env, asked: UsageRequest): Promise<UsageSums> {
  const slots = new Map<number, UsageGroups>();
  const shards = asked.by === "edges" ? AGENTS : GATEWAYS;
  for (const { atMs, groups } of (await eachShard(env, shards, (shard) => shard.read(asked))).flat()) {
    const sums: UsageGroups = slots.get(atMs) ?? new Map();
    slots.set(atMs, sums);
    mergeGroups(sums, groups);
  }
  return [...slots].sort(([a], [b]) => a - b).map(([atMs, groups]) => ({ atMs, groups }));
}

/** What was counted since the beginning, of all objects. @throws when one does not answer: sums that fall would be taken for news */
export async function usageTotals(env: Env): Promise<UsageTotals> {
  const sums = await Promise.all(
    [GATEWAYS, AGENTS].map(async (shards) => {
      const all = await eachShard(env, shards, (shard) => shard.totals());
      const series = [...slotOf(all.flatMap((one) => one.series)).values()];
      return { series, exemplars: all.flatMap(({ exemplars }) => exemplars) };
    }),
  );
  return { series: sums.flatMap(({ series }) => series), exemplars: sums.flatMap(({ exemplars }) => exemplars) };
}

function eachShard<T>(
  env: Env,
  shards: Shards,
  ask: (shard: DurableObjectStub<UsageStoreRpc>) => Promise<T>,
): Promise<T[]> {
  const names = Array.from({ length: shards.count }, (_, index) => shardName(shards, index));
  return Promise.all(names.map((name) => within(ask(env.USAGE.getByName(name)), objectCallMs, name)));
}

const shardName = ({ prefix }: Shards, index: number): string => `${prefix}-${index}`;
