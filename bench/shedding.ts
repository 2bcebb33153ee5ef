/** What load shedding keeps of an upstream that gets three times as much as it can carry: simulated beside its peers, then real. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { applyDocument } from "../cli/local/live-document.ts";
import {
  enterUpstream,
  leaveUpstream,
  newShedding,
  type SheddingSettings,
  type SheddingTicket,
} from "../shared/policy/load-shedding.ts";
import { withAgent } from "../test/support/agent-admission.ts";
import { type Admission, type QueueWorld, randomOf, simulate } from "../test/support/queue-world.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";
import { codel, controlledDelay, gradient2, nothing, probedMinimum, vegas } from "./support/concurrency-limits.ts";
import {
  capacityOf,
  LOAD,
  type Measured,
  offer,
  priorities,
  TIMEOUT_MS,
  UNLOADED,
  untilServed,
} from "./support/offered-load.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, type Stage, startQueueUpstream } from "./support/stage.ts";

const upstreams = [
  [4, 1, "fixed"],
  [4, 1, "exponential"],
  [32, 1, "fixed"],
  [32, 1, "exponential"],
  [32, 8, "lognormal"],
] as const;

const bench: Bench = {
  question: "What is left of an upstream under three times its load, with load shedding and without?",
  run: async (options) => [...simulated(options), ...(await onStage((stage) => measured(stage, options)))],
};
export default bench;

function simulated({ quick }: BenchOptions): Figure[] {
  const random = randomOf(1);
  const ways: readonly (readonly [
    name: string,
    world: () => () => Admission<unknown>,
    drops?: () => QueueWorld["drops"],
  ])[] = [
    ["nothing", () => nothing],
    ["gradient2", () => gradient2],
    ["vegas", () => vegas],
    ["probed", () => () => probedMinimum(random)],
    ["codel", () => nothing, codel],
    ["controlled_delay", () => nothing, controlledDelay],
    ["selvage", () => shedding],
    ["selvage_agent", () => withAgent(settings).isolate as () => Admission<unknown>],
  ];
  const seeds = quick ? [1] : [1, 2, 3];
  const world = { serviceMs: 20, seconds: 75, warmUpSeconds: 20, timeoutMs: TIMEOUT_MS } as const;
  const figures: Figure[] = [];
  for (const [workers, isolates, service] of upstreams)
    for (const [name, newWorld, drops] of ways) {
      const runs = seeds.map((seed): QueueWorld => ({ ...world, workers, isolates, service, seed, load: LOAD }));
      const results = runs.map(
        (run) =>
          [simulate({ ...run, drops: drops?.() }, newWorld()), simulate({ ...run, load: UNLOADED }, nothing)] as const,
      );
      const where = `${workers}_${service}_${isolates}_${name}`;
      const what = `simulated, ${workers} workers, ${service}, ${isolates} isolates: ${name}`;
      figures.push({
        name: `${where}_goodput`,
        what: `${what}, goodput`,
        spread: spreadOf(results.map(([run]) => run.goodput)),
      });
      if (name === "nothing") continue;
      figures.push(
        {
          name: `${where}_p99_ratio`,
          what: `${what}, p99 high over unloaded`,
          spread: spreadOf(results.map(([run, unloaded]) => run.p99HighMs / unloaded.p99HighMs)),
        },
        {
          name: `${where}_refused_high`,
          what: `${what}, high refused`,
          spread: spreadOf(results.map(([run]) => run.refused[0] ?? Number.NaN)),
        },
      );
    }
  return figures;
}

const settings: SheddingSettings = {
  mode: "enforce",
  tolerance: 1.2,
  concurrencyMin: 1,
  concurrencyMax: 10_000,
  plans: {},
};

function shedding(): Admission<SheddingTicket> {
  const state = newShedding(settings);
  return {
    enter: (level, nowMs) => enterUpstream(state, priorities[level] ?? "low", "r", nowMs, settings).ticket,
    leave: (ticket, _level, _tookMs, nowMs) => leaveUpstream(state, ticket, "answered", nowMs, settings),
  };
}

/** The gateway on plain workerd, and a server of eight workers with a queue. A round without shedding ruins its upstream: it gets one of its own. */
async function measured({ system }: Stage, { quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 1 : 3;
  const seconds = quick ? 10 : 20;
  const names = ["shedding", ...Array.from({ length: rounds }, (_, at) => `flood-${at}`)];
  const ports = new Map<string, number>();
  for (const name of names) ports.set(name, await startQueueUpstream(system, name));
  const port = ports.get("shedding") ?? 0;
  const capacity = await capacityOf(port);
  say(`the upstream carries ${capacity.toFixed(0)} requests/s; offered are ${(LOAD * capacity).toFixed(0)}`);
  const gateway = await startGateway(system, port, documentOf("", ports));
  await untilServed(gateway.port, "/shedding/high");
  const unloaded = await offer([gateway.port], "shedding", UNLOADED * capacity, seconds);
  say(`unloaded: p99 of high ${unloaded.p99HighMs.toFixed(0)} ms`);
  const off: Measured[] = [];
  for (let round = 0; round < rounds; round++)
    off.push(await offer([gateway.port], `flood-${round}`, LOAD * capacity, seconds));
  const file = path.join(system.state, "shedding.yaml");
  writeFileSync(file, documentOf("  shedding: {}\n", ports));
  await applyDocument(gateway.control, file, {}, "bench");
  await delay(3_000);
  await offer([gateway.port], "shedding", LOAD * capacity, 18);
  const on: Measured[] = [];
  for (let round = 0; round < rounds; round++)
    on.push(await offer([gateway.port], "shedding", LOAD * capacity, seconds));
  return figuresOf(unloaded, capacity, { off, on });
}

function figuresOf(
  unloaded: Measured,
  capacity: number,
  { off, on }: { readonly off: readonly Measured[]; readonly on: readonly Measured[] },
): Figure[] {
  const figures: Figure[] = [
    { name: "capacity_rps", what: "real: what the upstream carries, requests/s", spread: spreadOf([capacity]) },
    { name: "unloaded_p99_ms", what: "real: p99 of high unloaded, ms", spread: spreadOf([unloaded.p99HighMs]) },
  ];
  for (const [name, all] of [["off", off] as const, ["on", on] as const]) {
    figures.push(
      {
        name: `${name}_goodput`,
        what: `real, ${name}: goodput over capacity`,
        spread: spreadOf(all.map(({ goodput }) => goodput / capacity)),
      },
      {
        name: `${name}_p99_ratio`,
        what: `real, ${name}: p99 of admitted high over unloaded`,
        spread: spreadOf(all.map(({ p99HighMs }) => p99HighMs / unloaded.p99HighMs)),
      },
      ...priorities.map((priority) => ({
        name: `${name}_refused_${priority}`,
        what: `real, ${name}: ${priority} not answered`,
        spread: spreadOf(all.map(({ refused }) => refused[priority])),
      })),
    );
  }
  return figures;
}

function documentOf(shedding: string, upstreams: ReadonlyMap<string, number>): string {
  const routes = [...upstreams].flatMap(([name, port]) =>
    priorities.map((priority) => {
      const stated = shedding === "" ? "" : `priority: ${priority}, `;
      return `    - { name: ${name}-${priority}, match: { path: /${name}/${priority} }, timeout: ${TIMEOUT_MS}ms, ${stated}to: "http://127.0.0.1:${port}" }`;
    }),
  );
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
${shedding}  routes:
${routes.join("\n")}
`;
}
