/** Small calls as gRPC has them through one hop without TLS: an agent, its HTTP/2 engine alone, HAProxy and nginx. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";
import { cpuMicroseconds } from "./support/cpu-time.ts";
import { Http2Peers, type Load, type Process } from "./support/http2-peers.ts";

const shapes = {
  multiplexed: { connections: 8, streams: 16 },
  serial: { connections: 8, streams: 1 },
} as const;
type Shape = keyof typeof shapes;

interface Hop extends Process {
  readonly name: "agent" | "logging" | "engine" | "haproxy" | "nginx";
}

/** CPU of a call in microseconds, of each round, by `shape hop`. */
type Rounds = Map<string, number[]>;

const bench: Bench = {
  question: "What does one gRPC call through one hop of the mesh cost, with all that an agent does? (CPU of the hop)",
  run: async (options) => {
    const folder = mkdtempSync(path.join(tmpdir(), "selvage-bench-"));
    const peers = new Http2Peers(folder);
    try {
      const hops = await start(peers);
      return figures(hops, await measure(peers, hops, options));
    } finally {
      peers.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
export default bench;

/** The peers write no access log. */
const OURS = [
  ["agent", "agent.ts", "0"],
  ["logging", "agent.ts", "1"],
  ["engine", "http2-engine.ts", "0"],
] as const;

async function start(peers: Http2Peers): Promise<Hop[]> {
  const { port: upstream } = await peers.upstream();
  const hops: Hop[] = [];
  for (const [name, file, ACCESS_LOG] of OURS) {
    const program = path.join(import.meta.dirname, "support/hops", file);
    const env = { UPSTREAM: String(upstream), ACCESS_LOG };
    hops.push({ name, ...(await peers.start(process.execPath, () => [program], env)) });
  }
  const haproxy = await peers.haproxy(upstream);
  if (haproxy !== undefined) hops.push({ name: "haproxy", ...haproxy });
  const nginx = await peers.nginx(upstream);
  if (nginx !== undefined) hops.push({ name: "nginx", ...nginx });
  return hops;
}

async function measure(peers: Http2Peers, hops: readonly Hop[], { quick, say }: BenchOptions): Promise<Rounds> {
  const rounds = quick ? 3 : 7;
  const sizes: Record<Shape, number> = quick
    ? { multiplexed: 40_000, serial: 8_000 }
    : { multiplexed: 150_000, serial: 40_000 };
  say(`${rounds} rounds for each of ${hops.map(({ name }) => name).join(", ")}`);
  const found: Rounds = new Map();
  for (const { port } of hops) await peers.load(port, { ...shapes.multiplexed, requests: sizes.multiplexed });
  for (let round = 0; round < rounds; round++)
    for (const shape of Object.keys(shapes) as Shape[])
      for (const hop of hops) {
        const load: Load = { ...shapes[shape], requests: sizes[shape] };
        const key = `${shape} ${hop.name}`;
        const before = cpuMicroseconds([hop.pid]);
        await peers.load(hop.port, load);
        found.set(key, [...(found.get(key) ?? []), (cpuMicroseconds([hop.pid]) - before) / load.requests]);
      }
  return found;
}

function figures(hops: readonly Hop[], rounds: Rounds): Figure[] {
  const names = hops.map(({ name }) => name);
  const own = OURS.map(([name]) => name);
  const foreign = names.filter((name) => name === "haproxy" || name === "nginx");
  const of = (shape: string, name: string): number[] => rounds.get(`${shape} ${name}`) ?? [];
  const ratios = Object.keys(shapes).flatMap((shape) =>
    own.flatMap((name) =>
      foreign.map((peer): Figure => {
        const peers = of(shape, peer);
        const spread = spreadOf(of(shape, name).map((cpu, round) => cpu / (peers[round] ?? Number.NaN)));
        return { name: `${shape}_${name}_to_${peer}_cpu_ratio`, what: `${shape}: ${name} over ${peer}, CPU`, spread };
      }),
    ),
  );
  const costs = Object.keys(shapes).flatMap((shape) =>
    names.map((name): Figure => {
      const spread = spreadOf(of(shape, name));
      return { name: `${shape}_${name}_cpu_us`, what: `${shape}: ${name}, CPU us a call`, spread };
    }),
  );
  return [...ratios, ...costs];
}
