/** What agents add to load shedding: eight isolates before a service with a queue behind real agents, at three times what it carries. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ControlClient } from "../cli/control-client.ts";
import { applyDocument } from "../cli/local/live-document.ts";
import { freePort } from "../cli/local/ports.ts";
import { startWorkers } from "../cli/local/system.ts";
import { agentChild, ingressChild, type MeshSettings } from "../scripts/support/shop.ts";
import type { AccessLogEntry } from "../shared/http/access-log.ts";
import type { Priority } from "../shared/policy/load-shedding.ts";
import { COUNTED_WORKER, isolatesChild } from "../test/support/isolates.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";
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
import { onStage, type Stage } from "./support/stage.ts";

/** Each has a service of its own, so that none gets the queue that another one has left. */
const ways = {
  off: { gateway: false, agents: false },
  edge: { gateway: true, agents: false },
  agents: { gateway: false, agents: true },
  both: { gateway: true, agents: true },
} as const;
/** Gateway, ingress, agent and the load share the machine's cores: with so slow an application they are no bottleneck. */
const SERVICE_MS = 100;
const ISOLATES = 8;

type Way = keyof typeof ways;
const names = Object.keys(ways) as Way[];

const bench: Bench = {
  question:
    "What do agents add to load shedding, of eight isolates before a service with a queue under three times its load?",
  run: (options) => onStage((stage) => measured(stage, options)),
};
export default bench;

interface Round extends Measured {
  /** Of each priority, over those asked: refused by what the service had said, by what an isolate had seen itself, and by an agent. */
  readonly byWord: Readonly<Record<Priority, number>>;
  readonly atEdge: Readonly<Record<Priority, number>>;
  readonly atAgent: Readonly<Record<Priority, number>>;
}

async function measured({ system }: Stage, { quick, say }: BenchOptions): Promise<Figure[]> {
  const [gateway, controlPort, ingress] = [await freePort(), await freePort(), await freePort()];
  const ingressUrl = `http://127.0.0.1:${ingress}`;
  const local = await startWorkers(system, { host: "127.0.0.1", gatewayPort: gateway, controlPort, ingressUrl });
  const control = new ControlClient({ url: local.control, token: local.adminToken });
  const apply = async (way: Way): Promise<void> => {
    const file = path.join(system.state, "mesh.yaml");
    writeFileSync(file, documentOf(way));
    await applyDocument(control, file, {}, "bench");
    await delay(3_000);
  };
  await apply("off");
  const joinToken = async (service: string): Promise<string> => (await control.joinToken({ service })).token;
  const agentProgram = path.join(import.meta.dirname, "..", "bin", "selvage-agent.mjs");
  const mesh = { system, agentProgram, controlUrl: local.control, joinToken };
  await system.supervisor.start(ingressChild(mesh, ingress));
  const ports = new Map<Way, number>();
  for (const way of names) ports.set(way, await startService(mesh, way));
  const capacity = await capacityOf(ports.get("off") ?? 0);
  say(`the application carries ${capacity.toFixed(0)} requests/s; offered are ${(LOAD * capacity).toFixed(0)}`);
  const isolates: number[] = [];
  for (let at = 0; at < ISOLATES; at++) isolates.push(await freePort());
  const [callsPort, cachePort] = [await freePort(), await freePort()];
  const others = { callsPort, controlPort, cachePort, ingressUrl };
  await system.supervisor.start(await isolatesChild(system, COUNTED_WORKER, isolates, others));
  for (const port of isolates) await untilServed(port, "/both/high");
  const [rounds, seconds] = quick ? [1, 10] : [3, 15];
  const unloaded = await offer(isolates, "both", UNLOADED * capacity, seconds);
  say(`unloaded: p99 of high ${unloaded.p99HighMs.toFixed(0)} ms`);
  const figures: Figure[] = [
    { name: "capacity_rps", what: "what the application carries, requests/s", spread: spreadOf([capacity]) },
    { name: "unloaded_p99_ms", what: "p99 of high unloaded, ms", spread: spreadOf([unloaded.p99HighMs]) },
  ];
  const logFile = system.supervisor.logFile("isolates");
  for (const way of names) {
    await apply(way);
    // Limits and what is unloaded are learned before the flood, as in a service that has run for a while.
    if (way !== "off") await offer(isolates, way, UNLOADED * capacity, 5);
    if (way !== "off") await offer(isolates, way, LOAD * capacity, quick ? 5 : 18);
    say(`${way}: ${rounds} rounds of ${seconds} s`);
    const all: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = readFileSync(logFile, "utf8").length;
      const offered = await offer(isolates, way, LOAD * capacity, seconds);
      all.push({ ...offered, ...refusedWhere(readFileSync(logFile, "utf8").slice(before)) });
    }
    figures.push(...figuresOf(way, all, unloaded, capacity));
  }
  return figures;
}

/** A server of eight workers and a queue, under its agent. @returns the server's own port */
async function startService(mesh: MeshSettings, way: Way): Promise<number> {
  const port = await freePort();
  const server = path.join(import.meta.dirname, "support", "queue-upstream.ts");
  const instance = { name: `${way}-1`, service: way, version: "bench" };
  const app = ["--", process.execPath, server];
  const child = agentChild(mesh, instance, ["run", "--port", String(port)], app);
  const environment = { ...child.environment, SERVICE_MS: String(SERVICE_MS) };
  await mesh.system.supervisor.start({ ...child, environment });
  return port;
}

/** By the gateway's log: what it refused itself has not left it. */
function refusedWhere(log: string): Pick<Round, "byWord" | "atEdge" | "atAgent"> {
  const asked = { high: 0, normal: 0, low: 0 };
  const word = { ...asked };
  const edge = { ...asked };
  const agent = { ...asked };
  for (const line of log.split("\n")) {
    if (!line.startsWith("{") || !line.includes('"kind":"access"')) continue;
    const { route, error, reason } = JSON.parse(line) as AccessLogEntry;
    const priority = priorities.find((one) => route?.endsWith(`-${one}`));
    if (priority === undefined) continue;
    asked[priority]++;
    if (error !== "overloaded") continue;
    const isWord = reason?.includes("says that it is full") === true;
    (reason?.startsWith("the mesh answered") ? agent : isWord ? word : edge)[priority]++;
  }
  const shares = (counts: Record<Priority, number>): Record<Priority, number> => ({
    high: counts.high / Math.max(1, asked.high),
    normal: counts.normal / Math.max(1, asked.normal),
    low: counts.low / Math.max(1, asked.low),
  });
  return { byWord: shares(word), atEdge: shares(edge), atAgent: shares(agent) };
}

function figuresOf(way: Way, all: readonly Round[], unloaded: Measured, capacity: number): Figure[] {
  const figure = (name: string, what: string, of: (round: Round) => number): Figure => ({
    name: `${way}_${name}`,
    what: `${way}: ${what}`,
    spread: spreadOf(all.map(of)),
  });
  return [
    figure("goodput", "goodput over capacity", ({ goodput }) => goodput / capacity),
    figure("p99_ratio", "p99 of admitted high over unloaded", ({ p99HighMs }) => p99HighMs / unloaded.p99HighMs),
    ...priorities.flatMap((one) => [
      figure(`refused_${one}`, `${one} not answered`, ({ refused }) => refused[one]),
      figure(`by_word_${one}`, `${one} refused at the edge by the service's word`, ({ byWord }) => byWord[one]),
      figure(`at_edge_${one}`, `${one} refused at the edge by its latency`, ({ atEdge }) => atEdge[one]),
      figure(`at_agent_${one}`, `${one} refused by the agent`, ({ atAgent }) => atAgent[one]),
    ]),
  ];
}

function documentOf(way: Way): string {
  const { gateway, agents } = ways[way];
  const stated = (priority: Priority): string => (gateway || agents ? `priority: ${priority}, ` : "");
  const routes = names.flatMap((name) =>
    priorities.map(
      (priority) =>
        `    - { name: ${name}-${priority}, match: { path: /${name}/${priority} }, timeout: ${TIMEOUT_MS}ms, ${stated(priority)}to: ${name} }`,
    ),
  );
  const shedding = agents ? ", shedding: {}" : "";
  const service = `port: 9000, access: [{ from: gateway }], retries: { attempts: 0 }, breaker: { maxConnections: 1000, consecutiveFailures: 100 }${shedding}`;
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
${gateway ? "  shedding: {}\n" : ""}  routes:
${routes.join("\n")}
mesh:
  trustDomain: bench.internal
  services:
${names.map((name) => `    ${name}: { ${service} }`).join("\n")}
`;
}
