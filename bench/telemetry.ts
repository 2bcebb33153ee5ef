/** What telemetry costs: the gateway and an agent that tell nothing, beside such as tell all signals by default, and of traces all. */
import path from "node:path";
import { buildProgram } from "../cli/local/build-worker.ts";
import { freePort } from "../cli/local/ports.ts";
import { LEAN_FLAGS } from "../mesh-agent/lifecycle/lean-flags.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { startGateway } from "./support/routes.ts";
import { Programs } from "./support/sidecars/programs.ts";
import { onStage, type Stage, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;
/** Share of the traces that is kept; undefined: nothing is told. Failures are kept in both, metrics and logs are told by their defaults. */
const SAMPLES = { off: undefined, defaults: "1%", all: "100%" } as const;
type Way = keyof typeof SAMPLES;
const ways = Object.keys(SAMPLES) as Way[];
const parts = ["edge", "agent", "app"] as const;
/** What an application does for a request: the last two make a call. */
const DEEDS = ["serve", "http", "fetch"] as const;

const bench: Bench = {
  question:
    "What do traces, metrics and logs cost at the edge, in an agent and in an application, by default and with all traces kept? (CPU a request)",
  run: (options) => onStage((off) => onStage((defaults) => onStage((all) => measure({ off, defaults, all }, options)))),
};
export default bench;

async function measure(stages: Record<Way, Stage>, options: BenchOptions): Promise<Figure[]> {
  const { only = parts } = options;
  const upstream = await startUpstream(stages.off.system);
  const figures: Figure[] = [];
  if (only.includes("edge")) figures.push(...(await measureEdge(stages, upstream, options)));
  const programs = new Programs();
  try {
    if (only.includes("agent")) figures.push(...(await measureAgent(stages.off, programs, upstream, options)));
    if (only.includes("app")) figures.push(...(await measureApp(programs, upstream, options)));
    return figures;
  } finally {
    programs.stop();
  }
}

async function measureEdge(stages: Record<Way, Stage>, upstream: number, options: BenchOptions): Promise<Figure[]> {
  const variants: Variant[] = [];
  for (const name of ways) {
    const { port, pid } = await startGateway(stages[name].system, upstream, documentOf(upstream, SAMPLES[name]));
    const variant = { name, pids: [pid], load: { port, path: "/forward/42", connections: CONNECTIONS } };
    await untilServed(port);
    variants.push(variant);
  }
  return figuresOf("edge", await compareAll(variants, options));
}

async function measureAgent(
  { system }: Stage,
  programs: Programs,
  upstream: number,
  options: BenchOptions,
): Promise<Figure[]> {
  const source = path.join(import.meta.dirname, "support/hops/agent-stack.ts");
  const { file } = await buildProgram(source, path.join(system.state, "agent-stack.mjs"));
  const variants: Variant[] = [];
  for (const name of ways) {
    const port = await freePort();
    const sample = SAMPLES[name];
    const telemetry = sample === undefined ? {} : { TELEMETRY: JSON.stringify(telemetryOf(upstream, sample)) };
    const env = { PORT: String(port), UPSTREAM: String(upstream), ...telemetry };
    const pid = await programs.start("proxies", process.execPath, [...LEAN_FLAGS, file], port, env);
    const load = { port, path: "/orders/42", connections: CONNECTIONS, headers: { host: "orders.mesh" } };
    variants.push({ name, pids: [pid], load });
  }
  return figuresOf("agent", await compareAll(variants, options));
}

/** Applications that load what passes the trace on, beside the same ones without. */
async function measureApp(programs: Programs, upstream: number, options: BenchOptions): Promise<Figure[]> {
  const file = path.join(import.meta.dirname, "support/calling-app.ts");
  const hook = path.join(import.meta.dirname, "../bin/in-app.cjs");
  const headers = {
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    "selvage-deadline-ms": "9000",
  };
  const figures: Figure[] = [];
  for (const deed of DEEDS) {
    const variants: Variant[] = [];
    for (const [name, flags] of [
      ["off", []],
      ["propagated", ["--require", hook]],
    ] as const) {
      const port = await freePort();
      const env = { PORT: String(port), UPSTREAM: String(upstream), SELVAGE_OUTBOUND: `http://127.0.0.1:${upstream}` };
      const pid = await programs.start("proxies", process.execPath, [...flags, file], port, env);
      variants.push({ name, pids: [pid], load: { port, path: `/${deed}`, connections: CONNECTIONS, headers } });
    }
    const rounds = await compareAll(variants, options);
    figures.push({
      name: `app_${deed}_cpu_ratio`,
      what: `app: ${deed}, with its trace passed on, over the application alone`,
      spread: cpuRatio(rounds.get("propagated"), rounds.get("off")),
    });
  }
  return figures;
}

function compareAll(variants: readonly Variant[], { quick, rounds, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const plan = quick
    ? { rounds: rounds ?? 3, durationMs: 1_000, warmUpMs: 1_000 }
    : { rounds: rounds ?? 9, durationMs: 1_500, warmUpMs: 2_000 };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(variants, plan);
}

function figuresOf(part: string, rounds: ReadonlyMap<string, Round[]>): Figure[] {
  const figures: Figure[] = [];
  for (const name of ["defaults", "all"] as const)
    figures.push({
      name: `${part}_${name}_cpu_ratio`,
      what: `${part}: metrics, logs, and ${SAMPLES[name]} of the traces kept, over nothing told`,
      spread: cpuRatio(rounds.get(name), rounds.get("off")),
    });
  for (const [name, all] of rounds)
    figures.push({
      name: `${part}_${name}_cpu_us`,
      what: `${part}: ${name}, CPU us a request`,
      spread: spreadOf(all.map((round) => round.cpuMicrosecondsPerRequest)),
    });
  return figures;
}

const telemetryOf = (receiver: number, sample: string): object => ({
  otlp: { endpoint: `http://127.0.0.1:${receiver}` },
  traces: { sample },
  metrics: {},
  logs: {},
});

function documentOf(upstream: number, sample: string | undefined): string {
  const telemetry = sample === undefined ? "" : `telemetry: ${JSON.stringify(telemetryOf(upstream, sample))}\n`;
  return `selvage: 1
name: bench
${telemetry}gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: forward, match: { path: /forward/* }, to: "http://127.0.0.1:${upstream}" }
mesh:
  trustDomain: bench.internal
  services: { upstream: { port: 8080, access: [{ from: gateway }] } }
`;
}

async function untilServed(port: number): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}/forward/42`);
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`the gateway answers ${response.status}: ${text}`);
  }
}
