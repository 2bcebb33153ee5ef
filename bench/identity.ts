/** What each proof of identity adds to a forwarded request, on plain `workerd serve` with the same upstream. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { ControlClient } from "../cli/control-client.ts";
import { applyDocument } from "../cli/local/live-document.ts";
import { freePort } from "../cli/local/ports.ts";
import { type OpenSystem, startWorkers } from "../cli/local/system.ts";
import type { Bench, BenchOptions, Figure } from "./support/bench.ts";
import { compare, cpuRatio, type Round, spreadOf, type Variant } from "./support/compare.ts";
import { keyMicroseconds } from "./support/own-cpu.ts";
import { openStage, type Stage, startBareForward, startUpstream } from "./support/stage.ts";

const CONNECTIONS = 32;
const variants = ["bare", "forward", "key"] as const;
type Name = (typeof variants)[number];

const what: Record<Name, string> = {
  bare: "bare Worker: forward",
  forward: "gateway: forward, no proof",
  key: "gateway: API key, known and in use",
};

const bench: Bench = {
  question: "What does proving an identity add to a request? (CPU of workerd for each request)",
  run: async (options) => {
    const stage = await openStage();
    try {
      const own = await keyMicroseconds(options.quick ? 3 : 7, options.quick ? 100_000 : 500_000);
      return [...figures(await measure(stage, options)), keyFigure(own)];
    } finally {
      await stage.close();
    }
  },
};
export default bench;

async function measure({ system }: Stage, { quick, say }: BenchOptions): Promise<Map<string, Round[]>> {
  const upstream = await startUpstream(system);
  const bare = await startBareForward(system, upstream);
  const gateway = await startGateway(system, upstream);
  const proofs: Partial<Record<Name, Record<string, string>>> = { key: { "x-api-key": gateway.key } };
  const load = (name: Name): Variant["load"] => ({
    port: name === "bare" ? bare.port : gateway.port,
    path: `/${name}/42`,
    connections: CONNECTIONS,
    headers: proofs[name] ?? {},
  });
  for (const name of variants) await untilServed(load(name));
  const plan = quick
    ? { rounds: 3, durationMs: 1_000, warmUpMs: 500 }
    : { rounds: 7, durationMs: 4_000, warmUpMs: 3_000 };
  say(`${plan.rounds} rounds of ${plan.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(
    variants.map((name) => ({ name, pids: [name === "bare" ? bare.pid : gateway.pid], load: load(name) })),
    plan,
  );
}

/** The gateway as `selvage serve` runs it, with a route and a credential for each proof. */
async function startGateway(system: OpenSystem, upstream: number): Promise<{ port: number; pid: number; key: string }> {
  const [port, controlPort] = [await freePort(), await freePort()];
  const ingressUrl = `http://127.0.0.1:${upstream}`;
  const local = await startWorkers(system, { host: "127.0.0.1", gatewayPort: port, controlPort, ingressUrl });
  const file = path.join(system.state, "selvage.yaml");
  writeFileSync(file, documentOf(upstream));
  const control = new ControlClient({ url: local.control, token: local.adminToken });
  await applyDocument(control, file, {}, "bench");
  const { key } = await control.createKey({ owner: "bench", scopes: ["bench"] });
  const pid = system.supervisor.entries().find(({ name }) => name === "gateway")?.pid ?? 0;
  return { port, pid, key };
}

/** The gateway takes a new plan within its lease. */
async function untilServed({ port, path: target, headers = {} }: Variant["load"]): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers });
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${target} answers ${response.status}: ${text}`);
  }
}

function keyFigure(own: readonly number[]): Figure {
  return { name: "key_own_cpu_us", what: `${what.key}: its own code, CPU us a request`, spread: spreadOf(own) };
}

function documentOf(upstream: number): string {
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  identity:
    partners: { apiKey: { header: x-api-key } }
  routes:
    - { name: forward, match: { path: /forward/* }, to: "http://127.0.0.1:${upstream}" }
    - { name: key, match: { path: /key/* }, auth: { any: [partners], scopes: [bench] }, to: "http://127.0.0.1:${upstream}" }
`;
}

function figures(rounds: ReadonlyMap<string, readonly Round[]>): Figure[] {
  const of = (name: Name): readonly Round[] => rounds.get(name) ?? [];
  const proofs = variants.filter((name) => name !== "bare" && name !== "forward");
  const cpu = (round: Round | undefined): number => round?.cpuMicrosecondsPerRequest ?? Number.NaN;
  const ratios = proofs.flatMap((name) => [
    {
      name: `${name}_cpu_ratio`,
      what: `${what[name]}, CPU over the gateway's forward`,
      spread: cpuRatio(of(name), of("forward")),
    },
    {
      name: `${name}_added_cpu_us`,
      what: `${what[name]}, CPU us above the gateway's forward`,
      spread: spreadOf(of(name).map((round, at) => cpu(round) - cpu(of("forward")[at]))),
    },
    {
      name: `${name}_bare_cpu_ratio`,
      what: `${what[name]}, CPU over the bare Worker's`,
      spread: cpuRatio(of(name), of("bare")),
    },
  ]);
  const absolutes = variants.map((name) => ({
    name: `${name}_cpu_us`,
    what: `${what[name]}, CPU us a request`,
    spread: spreadOf(of(name).map(cpu)),
  }));
  return [...ratios, ...absolutes];
}
