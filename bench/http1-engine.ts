/** One plain hop: the mesh agent's HTTP/1.1 engine, node:http doing the same, and a byte pipe as the floor of both. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../cli/local/ports.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, type Round, spreadOf } from "./support/compare.ts";
import { runLoad } from "./support/load.ts";

const CONNECTIONS = 32;
const variants = ["engine", "node-http", "byte-pipe"] as const;
type Name = (typeof variants)[number];

const what: Record<Name, string> = {
  engine: "the engine",
  "node-http": "node:http and its agent",
  "byte-pipe": "a byte pipe on node:net",
};

interface Hop {
  readonly name: Name;
  readonly port: number;
  readonly pid: number;
}

const bench: Bench = {
  question: "What does one HTTP/1.1 hop cost with the mesh agent's engine? (CPU of the hop for each request)",
  run: async (options) => {
    const children: ChildProcess[] = [];
    try {
      return figures(await measure(children, options));
    } finally {
      for (const child of children) child.kill();
    }
  },
};
export default bench;

async function measure(children: ChildProcess[], { quick, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await start(children, "upstream.ts", {});
  const hops: Hop[] = [];
  for (const name of variants)
    hops.push({ name, ...(await start(children, `hops/${name}.ts`, { UPSTREAM: String(upstream.port) })) });
  const plan = quick
    ? { rounds: 3, durationMs: 1_000, warmUpMs: 500 }
    : { rounds: 7, durationMs: 4_000, warmUpMs: 3_000 };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${hops.length}, ${CONNECTIONS} connections`);
  const headers = {
    "user-agent": "bench/1.0",
    accept: "*/*",
    "accept-encoding": "gzip, deflate",
    "x-id": "0123456789abcdef",
  };
  return compare(
    hops.map(({ name, port, pid }) => ({
      name,
      pids: [pid],
      load: { port, path: "/orders/42?x=1", connections: CONNECTIONS, headers },
    })),
    plan,
  );
}

async function start(
  children: ChildProcess[],
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ port: number; pid: number }> {
  const port = await freePort();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "support", file)], {
    env: { ...process.env, ...environment, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(child);
  const load = { port, path: "/", connections: 1, durationMs: 1 };
  for (const end = Date.now() + 10_000; ; await sleep(20)) {
    const error: unknown = await runLoad(load).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) return { port, pid: child.pid ?? 0 };
    if (Date.now() > end || child.exitCode !== null) throw new Error(`${file} does not answer`, { cause: error });
  }
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const ratio = (name: string, peer: Name): Figure => ({
    name,
    what: `the engine, CPU over that of ${what[peer]}`,
    spread: cpuRatio(of("engine"), of(peer)),
  });
  const absolutes = variants.flatMap((name) => [
    {
      name: `${name.replace("-", "_")}_cpu_us`,
      what: `${what[name]}, CPU us a request`,
      spread: spreadOf(of(name).map((round) => round.cpuMicrosecondsPerRequest)),
    },
    {
      name: `${name.replace("-", "_")}_rps`,
      what: `${what[name]}, requests/s`,
      spread: spreadOf(of(name).map((round) => round.requestsPerSecond)),
    },
  ]);
  return [
    ratio("engine_to_node_http_cpu_ratio", "node-http"),
    ratio("engine_to_pipe_cpu_ratio", "byte-pipe"),
    ...absolutes,
  ];
}
