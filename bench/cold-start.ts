/** How long a gateway takes that has just been started, beside the bare Worker: both on plain `workerd serve`. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { OpenSystem } from "../cli/local/system.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { type Spread, spreadOf } from "./support/compare.ts";
import { type Running, startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

interface Start {
  /** From the start of the process until it listens; its isolate has read the Worker by then. */
  readonly listensMs: number;
  /** The first request of the isolate: the gateway asks for its plan. */
  readonly firstMs: number;
  /** The tenth. */
  readonly laterMs: number;
}

const bench: Bench = {
  question: "How long does a gateway take that has just been started, beside a bare Worker?",
  run: ({ quick, rounds = quick ? 3 : 15, say }) =>
    onStage(async (stage) => {
      const names = await startBoth(stage);
      const starts = new Map<string, Start[]>([...names.keys()].map((name) => [name, []]));
      say(`${rounds} starts of each`);
      for (let round = 0; round < rounds; round++)
        for (const [name, running] of names) starts.get(name)?.push(await startAgain(stage.system, name, running));
      return [...starts].flatMap(([name, all]) => figuresOf(name, all));
    }),
};
export default bench;

async function startBoth({ system }: Stage): Promise<Map<string, Running>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const gateway = await startGateway(
    system,
    upstream,
    `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes: [{ name: all, match: { path: /* }, to: "http://127.0.0.1:${upstream}" }]
`,
  );
  return new Map([
    ["bare-forward", bare],
    ["gateway", gateway],
  ]);
}

async function startAgain({ supervisor }: OpenSystem, name: string, { port }: Running): Promise<Start> {
  const pid = supervisor.entries().find((entry) => entry.name === name)?.pid ?? 0;
  process.kill(pid, "SIGKILL");
  while (supervisor.entries().some((entry) => entry.pid === pid) || existsSync(`/proc/${pid}`)) await delay(1);
  const beganMs = performance.now();
  const started = supervisor.restart(name);
  while (!(await listens(port))) await delay(0.5);
  const listensMs = performance.now() - beganMs;
  const firstMs = await answered(port);
  await started;
  let laterMs = 0;
  for (let request = 2; request <= 10; request++) laterMs = await answered(port);
  return { listensMs, firstMs, laterMs };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => socket.end(() => resolve(true)));
    socket.once("error", () => resolve(false));
  });
}

async function answered(port: number): Promise<number> {
  const beganMs = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/orders/42`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`answered with ${response.status}`);
  return performance.now() - beganMs;
}

function figuresOf(name: string, starts: readonly Start[]): Figure[] {
  const of = (value: (start: Start) => number): Spread => spreadOf(starts.map(value));
  return [
    { name: `${name}_listens_ms`, what: `${name}: until it listens, ms`, spread: of(({ listensMs }) => listensMs) },
    { name: `${name}_first_ms`, what: `${name}: first request, ms`, spread: of(({ firstMs }) => firstMs) },
    { name: `${name}_tenth_ms`, what: `${name}: tenth request, ms`, spread: of(({ laterMs }) => laterMs) },
    {
      name: `${name}_cold_ms`,
      what: `${name}: from start to first answer, ms`,
      spread: of(({ listensMs, firstMs }) => listensMs + firstMs),
    },
  ];
}
