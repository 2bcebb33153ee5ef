/** What telemetry costs: the gateway and an agent that tell nothing, beside such as tell all signals by default, and of traces all; and live taps. */
import path from "node:path";
import { buildProgram } from "../cli/local/build-worker.ts";
import { freePort } from "../cli/local/ports.ts";
import { LEAN_FLAGS } from "../mesh-agent/lifecycle/lean-flags.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, middleRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { FORWARD_PATH, forwardDocument, untilServed } from "./support/forward-route.ts";
import { openTap } from "./support/open-tap.ts";
import { type Gateway, startGateway } from "./support/routes.ts";
import { Programs } from "./support/sidecars/programs.ts";
import { onStage, type Stage, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;
/** Share of the traces that is kept; undefined: nothing is told. Failures are kept in both, metrics and logs are told by their defaults. `again` shows what two that are alike differ by. */
const SAMPLES = { off: undefined, again: undefined, defaults: "1%", all: "100%" } as const;
type Way = keyof typeof SAMPLES;
const ways = Object.keys(SAMPLES) as Way[];
const parts = ["edge", "tap", "agent", "app"] as const;
/** What an application does for a request: the last two make a call. */
const DEEDS = ["serve", "http", "fetch"] as const;

/** Requests a second with a tap open, and one of how many it takes. */
const TAPPED = { ratePerSecond: 1_000, oneOf: 10, path: "/forward/tapped" } as const;

const bench: Bench = {
  question:
    "What do traces, metrics, logs and taps cost at the edge, in an agent and in an application, by default and with all? (CPU a request)",
  run: (options) => withStages(ways, (stages) => measure(stages, options)),
};
export default bench;

/** A stage for each name, all closed whatever becomes of the work. */
async function withStages<Result>(
  names: readonly Way[],
  work: (stages: Record<Way, Stage>) => Promise<Result>,
  opened: Partial<Record<Way, Stage>> = {},
): Promise<Result> {
  const [name, ...others] = names;
  if (name === undefined) return work(opened as Record<Way, Stage>);
  return onStage((stage) => withStages(others, work, { ...opened, [name]: stage }));
}

async function measure(stages: Record<Way, Stage>, options: BenchOptions): Promise<Figure[]> {
  const { only = parts } = options;
  const upstream = await startUpstream(stages.off.system);
  const figures: Figure[] = [];
  if (only.includes("edge")) figures.push(...(await measureEdge(stages, upstream, options)));
  if (only.includes("tap")) figures.push(...(await measureTap(stages, upstream, options)));
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
    const variant = { name, pids: [pid], load: { port, path: FORWARD_PATH, connections: CONNECTIONS } };
    await untilServed(port);
    variants.push(variant);
  }
  return figuresOf("edge", await compareAll(variants, options));
}

/** With a tap open that takes a share of the requests, over none, at a fixed rate. */
async function measureTap(stages: Record<Way, Stage>, upstream: number, options: BenchOptions): Promise<Figure[]> {
  const paths = Array.from({ length: TAPPED.oneOf }, (_, at) => (at === 0 ? TAPPED.path : FORWARD_PATH));
  const { ratePerSecond } = TAPPED;
  const variants: Variant[] = [];
  const gateways: Gateway[] = [];
  for (const name of ["off", "again", "defaults"] as const) {
    const gateway = await startGateway(stages[name].system, upstream, documentOf(upstream, undefined));
    const { port, pid } = gateway;
    await untilServed(port);
    gateways.push(gateway);
    const load = { port, path: FORWARD_PATH, paths, connections: CONNECTIONS, ratePerSecond };
    variants.push({ name: name === "defaults" ? "tapped" : name, pids: [pid], load });
  }
  const tap = await openTap((gateways.at(-1) as Gateway).control, { pathPrefix: TAPPED.path });
  try {
    const rounds = await compareAll(variants, options);
    if (tap.shown() === 0) throw new Error("the tap has shown nothing");
    options.say(`the tap has shown ${tap.shown()} requests, and dropped ${tap.dropped()}`);
    return [
      ratioOf("tap_open_cpu_ratio", "edge: a tap that takes a tenth of 1,000 requests/s, over none", rounds, "tapped"),
      ratioOf("tap_again_cpu_ratio", "edge: none, over none", rounds, "again"),
      ...absolutesOf("tap", rounds),
    ];
  } finally {
    await tap.close();
  }
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
      spread: middleRatio(rounds.get("propagated"), rounds.get("off")),
    });
  }
  return figures;
}

function compareAll(variants: readonly Variant[], { quick, rounds, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const plan = quick
    ? { rounds: rounds ?? 8, durationMs: 400, warmUpMs: 1_000, fine: true as const }
    : { rounds: rounds ?? 80, durationMs: 400, warmUpMs: 3_000, fine: true as const };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(variants, plan);
}

function figuresOf(part: string, rounds: ReadonlyMap<string, Round[]>): Figure[] {
  const figures: Figure[] = [];
  for (const name of ["defaults", "all"] as const) {
    const what = `${part}: metrics, logs, and ${SAMPLES[name]} of the traces kept, over nothing told`;
    figures.push(ratioOf(`${part}_${name}_cpu_ratio`, what, rounds, name));
  }
  figures.push(ratioOf(`${part}_again_cpu_ratio`, `${part}: nothing told, over nothing told`, rounds, "again"));
  return [...figures, ...absolutesOf(part, rounds)];
}

const ratioOf = (name: string, what: string, rounds: ReadonlyMap<string, Round[]>, of: string): Figure => ({
  name,
  what,
  spread: middleRatio(rounds.get(of), rounds.get("off")),
});

function absolutesOf(part: string, rounds: ReadonlyMap<string, Round[]>): Figure[] {
  return [...rounds].map(([name, all]) => ({
    name: `${part}_${name}_cpu_us`,
    what: `${part}: ${name}, CPU us a request`,
    spread: spreadOf(all.map((round) => round.cpuMicrosecondsPerRequest)),
  }));
}

const telemetryOf = (receiver: number, sample: string): object => ({
  otlp: { endpoint: `http://127.0.0.1:${receiver}` },
  traces: { sample },
  metrics: {},
  logs: {},
});

function documentOf(upstream: number, sample: string | undefined): string {
  const telemetry = sample === undefined ? "" : `telemetry: ${JSON.stringify(telemetryOf(upstream, sample))}\n`;
  return forwardDocument(upstream, telemetry);
}
