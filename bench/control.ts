/** What many agents cost the control plane: the real Worker with its objects on disk, and agents that only talk to it. */
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../shared/limits.ts";
import { ControlWorker } from "../test/support/control-worker.ts";
import {
  callerNames,
  fleetDocument,
  type LightAgent,
  LightFleet,
  SERVICES,
  TARGET,
  type Traffic,
  trafficSince,
} from "../test/support/light-agents.ts";
import { countAlarms } from "./support/alarms.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";
import { cpuMicroseconds, residentMebibytes } from "./support/cpu-time.ts";

const PARTS = ["rest", "apply", "endpoints", "restart"];
/** How long the control plane is away: an ordinary restart, and one after which all pauses are at their longest. */
const OUTAGES_MS = [0, 12_000];

const bench: Bench = {
  question: "How long until all agents have a version, an endpoint, and their connection after a restart?",
  run: async (options) => {
    const sizes = (options.only ?? []).map(Number).filter((size) => size > 0);
    const figures: Figure[] = [];
    for (const size of sizes.length > 0 ? sizes : options.quick ? [100] : [100, 300, 1_000])
      figures.push(...(await new Scale(size, options).measured()));
    return figures;
  },
};
export default bench;

/** Of one fleet. */
class Scale {
  readonly #size: number;
  readonly #options: BenchOptions;
  readonly #parts: readonly string[];
  readonly #fleet = new LightFleet();
  readonly #found = new Map<string, { what: string; values: number[] }>();

  constructor(size: number, options: BenchOptions) {
    this.#size = size;
    this.#options = options;
    const named = (options.only ?? []).filter((part) => PARTS.includes(part));
    this.#parts = named.length > 0 ? named : PARTS;
  }

  async measured(): Promise<Figure[]> {
    const control = await ControlWorker.start();
    try {
      await this.#measure(control);
    } finally {
      this.#fleet.stop();
      await control.end();
    }
    return [...this.#found].map(([name, { what, values }]) => ({ name, what, spread: spreadOf(values) }));
  }

  async #measure(control: ControlWorker): Promise<void> {
    await control.apply(fleetDocument());
    this.#note("idle_rss_mib", "memory without agents, MiB", residentMebibytes([control.pid]));
    const { callers, targets } = await this.#join(control);
    for (const part of this.#parts) {
      if (part === "rest") await this.#rest(control);
      if (part === "apply") await this.#apply(control, callers);
      if (part === "endpoints") await this.#endpoints(callers, targets);
      if (part === "restart") for (const awayMs of OUTAGES_MS) await this.#restart(control, awayMs);
      this.#note(`${part}_rss_mib`, `memory after ${part}, MiB`, residentMebibytes([control.pid]));
    }
  }

  async #join(control: ControlWorker): Promise<{ callers: LightAgent[]; targets: LightAgent[] }> {
    const fleet = this.#fleet;
    let fromMs = performance.now();
    const callers = await fleet.join(control, callerNames(this.#size));
    this.#note("enrolments_per_s", "enrolments/s, 16 at a time", (this.#size * 1000) / (performance.now() - fromMs));
    const targets = await fleet.join(
      control,
      ["target-0", "target-1"].map((name) => [TARGET, name]),
    );
    fromMs = performance.now();
    const before = { ...fleet.traffic };
    for (const agent of fleet.agents) agent.start();
    const ports = JSON.stringify(targets.map((_, at) => 10_000 + this.#size + at));
    await fleet.all("know the target", callers, (agent) => JSON.stringify(agent.portsOf(TARGET)) === ports);
    this.#note("first_ms", "all at once for the first time, ms", performance.now() - fromMs);
    // What is left over of the beginning: reports of who is up, and the settling of views.
    await delay(12_000);
    this.#load("first", trafficSince(before, fleet.traffic), 0);
    return { callers, targets };
  }

  async #rest(control: ControlWorker): Promise<void> {
    const seconds = this.#options.quick ? 10 : 45;
    const [before, cpu] = [{ ...this.#fleet.traffic }, cpuMicroseconds([control.pid])];
    const alarms = countAlarms(control.state);
    await delay(seconds * 1000);
    for (const [name, count] of Object.entries(alarms()))
      this.#note(`rest_${name}_alarms_per_hour`, `alarms of all ${name} at rest, an hour`, (count * 3600) / seconds);
    const { sent, received, failures } = trafficSince(before, this.#fleet.traffic);
    this.#note("rest_messages", `messages at rest but pings, in ${seconds} s`, sent + received);
    this.#note("rest_failures", "connections lost at rest", failures);
    this.#note("rest_cpu_share", "CPU at rest, cores", (cpuMicroseconds([control.pid]) - cpu) / 1e6 / seconds);
  }

  async #apply(control: ControlWorker, callers: readonly LightAgent[]): Promise<void> {
    for (let round = 0; round < this.#rounds; round++) {
      const before = { ...this.#fleet.traffic };
      const cpu = cpuMicroseconds([control.pid]);
      const version = (callers[0]?.view.plan?.version ?? 0) + 1;
      const fromMs = performance.now();
      const has = this.#fleet.all("have the version", this.#fleet.agents, ({ view }) => view.plan?.version === version);
      await control.apply(fleetDocument(`${20 + round}s`));
      this.#note("apply_call_ms", "the call of apply itself, ms", performance.now() - fromMs);
      this.#times("apply", "apply to acknowledged", fromMs, await has);
      await untilAllCurrent(control, this.#fleet.agents.length);
      this.#note("apply_status_ms", "apply until the status has all acknowledged, ms", performance.now() - fromMs);
      this.#load("apply", trafficSince(before, this.#fleet.traffic), cpuMicroseconds([control.pid]) - cpu);
      await delay(500);
    }
  }

  async #endpoints(callers: readonly LightAgent[], [kept, one]: readonly LightAgent[]): Promise<void> {
    if (kept === undefined || one === undefined) return;
    const keptPort = 10_000 + this.#size;
    let port = keptPort + 1;
    const change = async (name: string, ports: readonly number[], act: () => void): Promise<void> => {
      const expected = JSON.stringify(ports);
      const fromMs = performance.now();
      const has = this.#fleet.all(name, callers, (agent) => JSON.stringify(agent.portsOf(TARGET)) === expected);
      act();
      this.#times(name, `${name} to all callers`, fromMs, await has);
      await delay(400);
    };
    for (let round = 0; round < 3 * this.#rounds; round++) {
      const before = { ...this.#fleet.traffic };
      await change("draining", [keptPort], () => one.drain());
      if (!one.isDrained) await this.#fleet.all("drained", [one], ({ isDrained }) => isDrained);
      await change("ready", [keptPort, port], () => one.comeBack(port));
      port++;
      await change("moved", [keptPort, port], () => one.comeBack(port));
      this.#load("endpoints", trafficSince(before, this.#fleet.traffic), 0);
    }
  }

  async #restart(control: ControlWorker, awayMs: number): Promise<void> {
    const { agents, traffic } = this.#fleet;
    const known = portsKnown(agents);
    await control.kill();
    const killedMs = performance.now();
    // Agents notice by themselves: what they still hold of the last connection must not count.
    await this.#fleet.all("lost it", agents, (agent) => !agent.isBack);
    await delay(awayMs);
    const [before, openMs] = [{ ...traffic }, performance.now()];
    this.#fleet.seenAtMs.length = 0;
    const back = this.#fleet.all("are back", agents, ({ isBack }) => isBack);
    await control.open();
    const listensMs = performance.now();
    const cpu = busiestCpu(control.pid);
    const name = awayMs === 0 ? "restart" : "outage";
    const atMs = await back;
    this.#note(`${name}_busiest_cpu`, `${name}: CPU in the busiest second, cores`, cpu());
    this.#note(`${name}_start_ms`, `${name}: until the process listens, ms`, listensMs - openMs);
    this.#times(
      name,
      `${name}: from the ${awayMs === 0 ? "kill" : "start"} until back`,
      awayMs === 0 ? killedMs : openMs,
      atMs,
    );
    const busiest = Math.max(...atMs.map((from) => atMs.filter((at) => at >= from && at < from + 1000).length));
    this.#note(`${name}_busiest_hellos`, `${name}: agents back in the busiest second`, busiest);
    await delay(12_000);
    this.#herd(name, atMs);
    this.#load(name, trafficSince(before, traffic), cpuMicroseconds([control.pid]));
    const differs = portsKnown(agents) === known ? 0 : 1;
    this.#note(`${name}_views_differ`, `${name}: views are not what they were`, differs);
  }

  /** What the control plane is asked and says, pings too, in the busiest second while agents come back: over that at rest. */
  #herd(name: string, backAtMs: readonly number[]): void {
    const { seenAtMs, agents } = this.#fleet;
    const perAgent = 2_000 / limits.control.pingEveryMs;
    let most = 0;
    for (let from = 0, to = 0; from < seenAtMs.length; from++) {
      const endMs = (seenAtMs[from] as number) + 1_000;
      while (to < seenAtMs.length && (seenAtMs[to] as number) < endMs) to++;
      most = Math.max(most, to - from + perAgent * backAtMs.filter((at) => at < endMs).length);
    }
    this.#note(`${name}_busiest_messages`, `${name}: messages, requests and answers in the busiest second`, most);
    this.#note(`${name}_over_rest`, `${name}: the same over those at rest`, most / (perAgent * agents.length));
  }

  get #rounds(): number {
    return this.#options.rounds ?? (this.#options.quick ? 2 : 5);
  }

  #times(name: string, what: string, fromMs: number, atMs: readonly number[]): void {
    const at = (share: number): number => (atMs[Math.ceil(share * atMs.length) - 1] ?? Number.NaN) - fromMs;
    for (const [point, share] of [
      ["p50", 0.5],
      ["p99", 0.99],
      ["max", 1],
    ] as const)
      this.#note(`${name}_${point}_ms`, `${what}, ${point}, ms`, at(share));
  }

  #load(name: string, traffic: Traffic, cpuUs: number): void {
    for (const [key, value] of Object.entries(traffic)) this.#note(`${name}_${key}`, `${name}: ${key}`, value);
    if (cpuUs > 0) this.#note(`${name}_cpu_ms`, `${name}: CPU, ms`, cpuUs / 1000);
  }

  #note(name: string, what: string, value: number): void {
    const key = `${name}_${this.#size}`;
    const found = this.#found.get(key) ?? { what: `${this.#size}: ${what}`, values: [] };
    found.values.push(value);
    this.#found.set(key, found);
    this.#options.say(`${key} ${value.toPrecision(4)}`);
  }
}

/** @returns ends it, and gives the most CPU time of any second since, in cores */
function busiestCpu(pid: number): () => number {
  let most = 0;
  let before = cpuMicroseconds([pid]);
  const timer = setInterval(() => {
    const now = cpuMicroseconds([pid]);
    most = Math.max(most, (now - before) / 1e6);
    before = now;
  }, 1_000);
  return () => {
    clearInterval(timer);
    return most;
  };
}

async function untilAllCurrent(control: ControlWorker, count: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { version, agents } = await control.status();
    if (agents.filter((agent) => agent.state === "current").length === count) return;
    await delay(20);
    if (tries === 99) throw new Error(`version ${version} is not acknowledged by all`);
  }
}

/** What all agents would call, as text that can be compared. */
function portsKnown(agents: readonly LightAgent[]): string {
  return JSON.stringify(agents.map((agent) => [...SERVICES, TARGET].map((service) => agent.portsOf(service) ?? [])));
}
