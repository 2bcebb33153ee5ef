/** The gateway with one route for each variant, compared with the bare Worker of `stage.ts` in front of the same upstream. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { ControlClient } from "../../cli/control-client.ts";
import type { FrontSettings } from "../../cli/local/front-process.ts";
import { applyDocument } from "../../cli/local/live-document.ts";
import { freePort } from "../../cli/local/ports.ts";
import { type OpenSystem, startWorkers } from "../../cli/local/system.ts";
import type { BenchOptions } from "./bench.ts";
import { type CompareOptions, compare, type Round, type Variant } from "./compare.ts";
import type { LoadOptions } from "./load.ts";

const CONNECTIONS = 32;
const THOROUGH: CompareOptions = { rounds: 7, durationMs: 4_000, warmUpMs: 3_000 };
const QUICK: CompareOptions = { rounds: 3, durationMs: 1_000, warmUpMs: 500 };

export interface Running {
  readonly port: number;
  readonly pid: number;
}

export interface Gateway extends Running {
  readonly control: ControlClient;
  readonly controlUrl: string;
}

export interface GatewayOptions {
  /** What clients connect to; absent: workerd itself, whose cost is what most benchmarks are about. */
  readonly front?: FrontSettings;
  /** Port of the ingress; absent: the upstream stands in for the mesh. */
  readonly ingress?: number;
}

/** Starts the gateway's workerd as `selvage serve` runs it, and makes a document live. */
export async function startGateway(
  system: OpenSystem,
  upstream: number,
  document: string,
  { front, ingress = upstream }: GatewayOptions = {},
): Promise<Gateway> {
  const [port, controlPort] = [await freePort(), await freePort()];
  const access = front === undefined ? { host: "127.0.0.1", gatewayPort: port } : { front };
  const ingressUrl = `http://127.0.0.1:${ingress}`;
  const local = await startWorkers(system, { ...access, controlPort, ingressUrl });
  const file = path.join(system.state, "selvage.yaml");
  writeFileSync(file, document);
  const control = new ControlClient({ url: local.control, token: local.adminToken });
  await applyDocument(control, file, {}, "bench");
  const pid = system.supervisor.entries().find(({ name }) => name === "gateway")?.pid ?? 0;
  return { port, pid, control, controlUrl: local.control };
}

export interface Routes<Name extends string> {
  /** The one named `bare` goes to the bare Worker, each other one to the gateway's route of that name. */
  readonly variants: readonly Name[];
  readonly bare: Running;
  readonly gateway: Running;
  /** Variants that go elsewhere. */
  readonly peers?: Partial<Record<Name, Running>>;
  /** Credentials by variant. */
  readonly headers: Partial<Record<Name, NonNullable<LoadOptions["headers"]>>>;
  /** What runs before each load of a variant, outside of what is measured. */
  readonly prepare?: Partial<Record<Name, () => void>>;
  /** Absent: 7 rounds of 4 s after 3 s of warm-up. */
  readonly plan?: CompareOptions;
}

/** Rounds in which every variant takes its turn. */
export async function compareRoutes<Name extends string>(
  { variants, bare, gateway, peers, headers, prepare = {}, plan = THOROUGH }: Routes<Name>,
  { quick, say }: BenchOptions,
): Promise<Map<string, Round[]>> {
  const compared = variants.map((name): Variant => {
    const { port, pid } = peers?.[name] ?? (name === "bare" ? bare : gateway);
    const load = { port, path: `/${name}/42`, connections: CONNECTIONS, headers: headers[name] ?? {} };
    const before = prepare[name];
    return { name, pids: [pid], load, ...(before !== undefined && { prepare: before }) };
  });
  for (const { load } of compared) await untilServed(load);
  const chosen = quick ? QUICK : plan;
  say(`${chosen.rounds} rounds of ${chosen.durationMs / 1000} s for each of ${variants.length} variants`);
  return compare(compared, chosen);
}

/** The gateway takes a new plan within its lease. */
async function untilServed({ port, path: target, headers = {} }: Variant["load"]): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const fields = typeof headers === "function" ? headers() : headers;
    const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers: fields });
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${target} answers ${response.status}: ${text}`);
  }
}
