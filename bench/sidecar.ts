/** What does the mesh cost? Two agents with all policy on beside nginx, HAProxy and Envoy as pairs, and one hop of each. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildProgram } from "../cli/local/build-worker.ts";
import { freePort } from "../cli/local/ports.ts";
import { LEAN_FLAGS } from "../mesh-agent/lifecycle/lean-flags.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { cpuMicroseconds, residentMebibytes } from "./support/cpu-time.ts";
import { Agents } from "./support/sidecars/agents.ts";
import { envoyHop, envoyPair } from "./support/sidecars/envoy.ts";
import { H2load, type Target } from "./support/sidecars/h2load.ts";
import { haproxyHop, haproxyPair } from "./support/sidecars/haproxy.ts";
import { GIGABYTE, nginxHop, nginxPair, startApplication } from "./support/sidecars/nginx.ts";
import { type Bed, HOST, makeBed, type Proxies } from "./support/sidecars/peers.ts";
import { Programs } from "./support/sidecars/programs.ts";
import { Samples } from "./support/sidecars/samples.ts";
import { onStage, type Stage } from "./support/stage.ts";

const CONNECTIONS = 64;
const RATES = [1_000, 5_000];
/** Memory is looked at when what was needed for starting has been given back. */
const SETTLED_MS = 12_000;

const parts = ["memory", "hop", "pair", "open", "stream"] as const;
type Part = (typeof parts)[number];

/** What all parts work with. */
interface Setting {
  readonly bed: Bed;
  readonly app: number;
  readonly load: H2load;
  readonly agents: Agents;
  readonly seconds: number;
  readonly rounds: number;
  readonly samples: Samples;
}

const bench: Bench = {
  question: "What do two agents with all policy on cost, beside pairs of nginx, HAProxy and Envoy? (CPU of both)",
  run: (options) =>
    onStage(async (stage) => {
      const programs = new Programs();
      try {
        return await measured(stage, programs, options);
      } finally {
        programs.stop();
      }
    }),
};
export default bench;

async function measured({ system }: Stage, programs: Programs, options: BenchOptions): Promise<Figure[]> {
  const { quick, say, only = parts } = options;
  for (const part of only) if (!isPart(part)) throw new Error(`no part ${part}; there are ${parts.join(", ")}`);
  const bed = await makeBed(system.state, programs);
  const setting: Setting = {
    bed,
    app: await startApplication(bed),
    load: new H2load(system.state),
    agents: await Agents.prepare(system, ["agents", "agents-quiet"]),
    seconds: quick ? 1 : 3,
    rounds: options.rounds ?? (quick ? 3 : 7),
    samples: new Samples(),
  };
  const { rounds, seconds } = setting;
  const hops = only.includes("hop") ? await startHops(setting) : [];
  const pairs = only.some((part) => part !== "hop") ? await startPairs(setting) : [];
  if (only.includes("memory")) await memory(setting, pairs, say);
  say(`${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections`);
  for (const one of [...hops, ...pairs]) await setting.load.saturate(targetOf(one), CONNECTIONS, seconds);
  for (let round = 0; round < rounds; round++) {
    for (const one of hops) await saturate(setting, "hop", one);
    if (only.includes("pair")) for (const one of pairs) await saturate(setting, "pair", one);
    if (only.includes("open")) for (const rate of RATES) await offer(setting, rate, pairs);
    if (only.includes("stream")) for (const one of pairs) await stream(setting, one);
  }
  return setting.samples.figures();
}

const isPart = (name: string): name is Part => parts.some((part) => part === name);

const targetOf = ({ host = HOST, port }: Proxies): Target => ({ host, port });

async function startHops({ bed, app }: Setting): Promise<Proxies[]> {
  const port = await freePort();
  const bundle = path.join(bed.folder, "agent-stack.mjs");
  const { file } = await buildProgram(path.join(import.meta.dirname, "support/hops/agent-stack.ts"), bundle);
  const env = { PORT: String(port), UPSTREAM: String(app) };
  const args = [...LEAN_FLAGS, file];
  const pid = await bed.programs.start("proxies", process.execPath, args, port, env);
  const others = [await nginxHop(bed, app), await haproxyHop(bed, app), await envoyHop(bed, app)];
  return present([{ name: "agents", port, pids: [pid] }, ...others]);
}

/** The others write no access log; the agents do, as they do by default, and once more do not. */
async function startPairs({ agents, bed, app }: Setting): Promise<Proxies[]> {
  const envoys = [await envoyPair(bed, app, "http/1.1"), await envoyPair(bed, app, "h2")];
  const own = await agents.pair("agents", app);
  const quiet = await agents.pair("agents-quiet", app, ["--access-log", "none"]);
  return present([own, quiet, await nginxPair(bed, app), await haproxyPair(bed, app), ...envoys]);
}

const present = (all: readonly (Proxies | undefined)[]): Proxies[] => all.filter((one) => one !== undefined);

/** Each of a pair's processes, idle and at 1,000 requests/s, before it has seen more than that. */
async function memory(
  { bed, load, samples }: Setting,
  pairs: readonly Proxies[],
  say: (line: string) => void,
): Promise<void> {
  const port = await freePort();
  const listen = `require("node:net").createServer().listen(${port}, "127.0.0.1")`;
  const bare = await bed.programs.start("others", process.execPath, ["-e", listen], port);
  say(`waiting ${SETTLED_MS / 1000} s for what starting needed to be given back`);
  await sleep(SETTLED_MS);
  samples.add("memory_bare_node_mib", "Node with one socket", residentMebibytes([bare]));
  for (const { name, pids } of pairs)
    samples.add(`memory_${name}_idle_mib`, `${name}: resident MiB of one, idle`, residentMebibytes(pids) / pids.length);
  for (const one of pairs) {
    const { name, pids } = one;
    const run = load.offer(targetOf(one), CONNECTIONS, 1_000, 10);
    await sleep(8_000);
    const mebibytes = residentMebibytes(pids) / pids.length;
    samples.add(`memory_${name}_1000_mib`, `${name}: resident MiB of one, at 1,000 requests/s`, mebibytes);
    await run;
  }
}

async function saturate({ load, samples, seconds }: Setting, part: "hop" | "pair", proxies: Proxies): Promise<void> {
  const { name, pids } = proxies;
  const before = cpuMicroseconds(pids);
  const { meanUs, requests } = await load.saturate(targetOf(proxies), CONNECTIONS, seconds);
  const cpu = (cpuMicroseconds(pids) - before) / requests;
  samples.compare(`${part}_cpu`, `${part} at saturation, CPU us a request`, name, cpu);
  samples.add(`${part}_${name}_rps`, `${part} at saturation, ${name}: requests/s`, requests / seconds);
  samples.add(`${part}_${name}_mean_us`, `${part} at saturation, ${name}: mean us`, meanUs);
}

/** At a fixed rate; times are what a pair adds to those without one. */
async function offer({ app, load, samples, seconds }: Setting, rate: number, pairs: readonly Proxies[]): Promise<void> {
  const direct = await load.offer({ port: app, host: HOST }, CONNECTIONS, rate, seconds);
  for (const one of pairs) {
    const { name, pids } = one;
    const before = cpuMicroseconds(pids);
    const { p50Us, p99Us, requests } = await load.offer(targetOf(one), CONNECTIONS, rate, seconds);
    const cpu = (cpuMicroseconds(pids) - before) / requests;
    samples.compare(`open_${rate}_cpu`, `pair at ${rate} requests/s, CPU us a request`, name, cpu);
    samples.compare(`open_${rate}_p50_us`, `pair at ${rate} requests/s, added p50 us`, name, p50Us - direct.p50Us);
    samples.compare(`open_${rate}_p99_us`, `pair at ${rate} requests/s, added p99 us`, name, p99Us - direct.p99Us);
  }
}

async function stream({ load, samples }: Setting, proxies: Proxies): Promise<void> {
  const { name, pids } = proxies;
  const before = cpuMicroseconds(pids);
  const resident = residentMebibytes(pids);
  const seconds = await load.fetch(targetOf(proxies), "/large");
  samples.compare("stream_rate", "stream of 1 GiB, MB/s", name, GIGABYTE / 1e6 / seconds);
  samples.compare("stream_cpu", "stream of 1 GiB, CPU ms", name, (cpuMicroseconds(pids) - before) / 1_000);
  samples.add(`stream_${name}_growth_mib`, `${name}: MiB more of both after it`, residentMebibytes(pids) - resident);
}
