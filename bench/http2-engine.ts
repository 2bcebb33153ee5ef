/** Small gRPC-like calls through one plain hop: the mesh agent's HTTP/2 engine, HAProxy and nginx. */
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
  readonly name: "engine" | "haproxy" | "nginx";
}

/** CPU of a call in microseconds, of each round, by `shape hop`. */
type Rounds = Map<string, number[]>;

const bench: Bench = {
  question: "What does one gRPC call through one hop cost with the mesh agent's HTTP/2 engine? (CPU of the hop)",
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

async function start(peers: Http2Peers): Promise<Hop[]> {
  const { port: upstream } = await peers.upstream();
  const file = path.join(import.meta.dirname, "support/hops/http2-engine.ts");
  const engine = await peers.start(process.execPath, () => [file], { UPSTREAM: String(upstream) });
  const hops: Hop[] = [{ name: "engine", ...engine }];
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
  const all = Object.keys(shapes).flatMap((shape) => {
    const own = rounds.get(`${shape} engine`) ?? [];
    return hops.map(({ name }): Figure => {
      const peer = rounds.get(`${shape} ${name}`) ?? [];
      if (name === "engine")
        return { name: `${shape}_engine_cpu_us`, what: `${shape}: the engine, CPU us a call`, spread: spreadOf(own) };
      const ratios = own.map((cpu, round) => cpu / (peer[round] ?? Number.NaN));
      return {
        name: `${shape}_to_${name}_cpu_ratio`,
        what: `${shape}: CPU over that of ${name}`,
        spread: spreadOf(ratios),
      };
    });
  });
  return [...all.filter(({ name }) => name.endsWith("ratio")), ...all.filter(({ name }) => !name.endsWith("ratio"))];
}
