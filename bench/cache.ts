/** What a hit costs beside a forward, on plain `workerd serve`, and beside the hits of nginx and Varnish; what many keys cost in memory. */
import { existsSync } from "node:fs";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { type CompareOptions, compare, cpuRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { residentMebibytes } from "./support/cpu-time.ts";
import { NGINX, startNginxCache } from "./support/nginx.ts";
import { startGateway } from "./support/routes.ts";
import { onStage, type Stage, startBareForward, startSizedUpstream } from "./support/stage.ts";
import { startVarnish, VARNISH } from "./support/varnish.ts";

type Name = "bare" | "forward" | "hit" | "nginx" | "varnish";

const what: Record<Name, string> = {
  bare: "Worker that only forwards",
  forward: "gateway: forward, no cache",
  hit: "gateway: hit",
  nginx: "nginx: hit of proxy_cache",
  varnish: "Varnish: hit",
};

interface Server {
  readonly name: Name;
  readonly port: number;
  readonly pids: readonly number[];
}

interface Size {
  readonly name: string;
  readonly bytes: number;
  /** Large bodies fill the machine with a few. */
  readonly connections: number;
}

const sizes: readonly Size[] = [
  { name: "1kb", bytes: 1024, connections: 32 },
  { name: "100kb", bytes: 100 * 1024, connections: 16 },
  { name: "10mb", bytes: 10 * 1024 * 1024, connections: 2 },
];

/** The part that asks for many keys. */
const MEMORY = "memory";

const THOROUGH: CompareOptions = { rounds: 7, durationMs: 3_000, warmUpMs: 2_000 };
const QUICK: CompareOptions = { rounds: 3, durationMs: 700, warmUpMs: 400 };
const KEYS = { thorough: 10_000, quick: 1_000 };
const KEY_BYTES = 100 * 1024;

const bench: Bench = {
  question:
    "What does a hit cost, beside a forward and beside the hits of nginx and Varnish? (CPU for each request, access log on)",
  run: (options) =>
    onStage(async (stage) => {
      const servers = await startServers(stage, options);
      const figures: Figure[] = [];
      const { only = [...sizes.map(({ name }) => name), MEMORY] } = options;
      for (const size of sizes)
        if (only.includes(size.name)) figures.push(...figuresOf(size, await measure(servers, size, options)));
      if (only.includes(MEMORY)) figures.push(...(await measureMemory(servers, options)));
      return figures;
    }),
};
export default bench;

async function startServers({ system }: Stage, { say }: BenchOptions): Promise<Server[]> {
  const upstream = await startSizedUpstream(system);
  const bare = await startBareForward(system, upstream);
  const gateway = await startGateway(system, upstream, documentOf(upstream));
  const servers: Server[] = [
    { name: "bare", port: bare.port, pids: [bare.pid] },
    { name: "forward", port: gateway.port, pids: [gateway.pid] },
    { name: "hit", port: gateway.port, pids: [gateway.pid] },
  ];
  if (existsSync(NGINX)) {
    const { port, pid } = await startNginxCache(system, upstream);
    servers.push({ name: "nginx", port, pids: [pid] });
  } else say(`${NGINX} is not installed: measured without it`);
  if (existsSync(VARNISH)) servers.push({ name: "varnish", ...(await startVarnish(system, upstream)) });
  else say(`${VARNISH} is not installed: measured without it`);
  return servers;
}

function documentOf(upstream: number): string {
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: forward, match: { path: /forward/* }, to: "http://127.0.0.1:${upstream}" }
    - { name: hit, match: { path: /hit/* }, cache: true, to: "http://127.0.0.1:${upstream}" }
mesh:
  trustDomain: bench.internal
  services: { upstream: { port: 8080, access: [{ from: gateway }] } }
`;
}

async function measure(
  servers: readonly Server[],
  { name: size, bytes, connections }: Size,
  { quick, rounds, say }: BenchOptions,
): Promise<Map<string, Round[]>> {
  const plan = { ...(quick ? QUICK : THOROUGH), ...(rounds !== undefined && { rounds }) };
  say(`${size}: ${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${servers.length} variants`);
  const variants = servers.map(
    ({ name, port, pids }): Variant => ({ name, pids, load: { port, path: `/${name}/${bytes}`, connections } }),
  );
  for (const { load } of variants) await untilServed(load.port, load.path);
  return compare(variants, plan);
}

/** The gateway takes a new plan within its lease. */
async function untilServed(port: number, path: string): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.arrayBuffer();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${path} answers ${response.status}`);
  }
}

function figuresOf({ name: size }: Size, rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const names = [...rounds.keys()] as Name[];
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const ratio = (name: Name, peer: Name): Figure => ({
    name: `${name}_${size}_cpu_over_${peer}`,
    what: `${size}: ${what[name]}, CPU over ${what[peer]}`,
    spread: cpuRatio(of(name), of(peer)),
  });
  const ratios = [
    ratio("hit", "forward"),
    ...names.filter((name) => name !== "bare").map((name) => ratio(name, "bare")),
    ...names
      .filter((name) => name === "nginx" || name === "varnish")
      .flatMap((peer) => [
        ratio("hit", peer),
        {
          name: `hit_${size}_rps_over_${peer}`,
          what: `${size}: ${what.hit}, requests/s over ${what[peer]}`,
          spread: spreadOf(
            of("hit").map((round, at) => round.requestsPerSecond / (of(peer)[at]?.requestsPerSecond ?? Number.NaN)),
          ),
        },
      ]),
  ];
  const absolutes = names.flatMap((name) => [
    {
      name: `${name}_${size}_cpu_us`,
      what: `${size}: ${what[name]}, CPU us a request`,
      spread: spreadOf(of(name).map((round) => round.cpuMicrosecondsPerRequest)),
    },
    {
      name: `${name}_${size}_rps`,
      what: `${size}: ${what[name]}, requests/s`,
      spread: spreadOf(of(name).map((round) => round.requestsPerSecond)),
    },
  ]);
  return [...ratios, ...absolutes];
}

/** What a process holds after many keys whose bodies are more than any of them may hold. */
async function measureMemory(servers: readonly Server[], { quick, say }: BenchOptions): Promise<Figure[]> {
  const keys = quick ? KEYS.quick : KEYS.thorough;
  const figures: Figure[] = [];
  for (const { name, port, pids } of servers.filter((server) => server.name !== "bare" && server.name !== "forward")) {
    say(`${name}: ${keys} keys of ${KEY_BYTES / 1024} KiB`);
    const before = residentMebibytes(pids);
    let peak = before;
    for (let at = 0; at < keys; at += 10) {
      const some = Array.from({ length: 10 }, (_, one) =>
        fetch(`http://127.0.0.1:${port}/${name}/key/${at + one}/${KEY_BYTES}`),
      );
      for (const response of await Promise.all(some)) await response.arrayBuffer();
      peak = Math.max(peak, residentMebibytes(pids));
    }
    const once = (mebibytes: number) => spreadOf([mebibytes]);
    figures.push(
      {
        name: `${name}_keys_rss_before_mib`,
        what: `${what[name]}: resident before ${keys} keys, MiB`,
        spread: once(before),
      },
      { name: `${name}_keys_rss_peak_mib`, what: `${what[name]}: most that was resident, MiB`, spread: once(peak) },
    );
  }
  return figures;
}
