/** What benchmarks of the gateway stand on: an upstream, and the system as `selvage serve` runs it, in a folder of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildWorker } from "../../cli/local/build-worker.ts";
import type { ChildSpec } from "../../cli/local/child.ts";
import { freePort } from "../../cli/local/ports.ts";
import { type OpenSystem, openSystem } from "../../cli/local/system.ts";
import { listens, workerChild } from "../../cli/local/worker-process.ts";
import { readWorkerDefinition } from "../../cli/local/wrangler-config.ts";
import { idpChild } from "../../scripts/support/shop.ts";

export interface Stage {
  readonly system: OpenSystem;
  /** Ends everything and removes the folder. */
  readonly close: () => Promise<void>;
}

/** Opens a stage for some work, and closes it whatever becomes of that. */
export async function onStage<Result>(work: (stage: Stage) => Promise<Result>): Promise<Result> {
  const stage = await openStage();
  try {
    return await work(stage);
  } finally {
    await stage.close();
  }
}

async function openStage(): Promise<Stage> {
  const state = mkdtempSync(path.join(tmpdir(), "selvage-bench-"));
  const system = await openSystem({ state, restart: false, ports: [], stopOrder: [] });
  const close = async (): Promise<void> => {
    await system.stop();
    rmSync(state, { recursive: true, force: true });
  };
  return { system, close };
}

/** Starts the cheapest upstream that Node allows. @returns its port */
export function startUpstream(system: OpenSystem): Promise<number> {
  return startAnswering(system, "upstream");
}

/** Starts an issuer that says the same of every token it is asked about (RFC 7662). @returns its port */
export function startIntrospection(system: OpenSystem, name: string, answer: object): Promise<number> {
  return startAnswering(system, name, { ANSWER: JSON.stringify(answer) });
}

/** Starts the shop's test identity provider, at which people log in. @returns its port */
export async function startIdp(system: OpenSystem): Promise<number> {
  const port = await freePort();
  await system.supervisor.start(idpChild(system, port));
  return port;
}

/** Starts an upstream of eight workers and a queue. @returns its port */
export function startQueueUpstream(system: OpenSystem, name: string): Promise<number> {
  return startProgram(system, name, "queue-upstream.ts");
}

/** Starts an upstream whose paths say how many bytes they want, and which may be cached. @returns its port */
export function startSizedUpstream(system: OpenSystem): Promise<number> {
  return startProgram(system, "sized-upstream", "sized-upstream.ts");
}

async function startProgram({ supervisor }: OpenSystem, name: string, file: string): Promise<number> {
  const port = await freePort();
  await supervisor.start(nodeChild(supervisor, name, path.join(import.meta.dirname, file), port));
  return port;
}

async function startAnswering(
  { supervisor }: OpenSystem,
  name: string,
  more: Readonly<Record<string, string>> = {},
): Promise<number> {
  const port = await freePort();
  const spec = nodeChild(supervisor, name, path.join(import.meta.dirname, "upstream.ts"), port);
  await supervisor.start({ ...spec, environment: { ...spec.environment, ...more } });
  return port;
}

function nodeChild(supervisor: OpenSystem["supervisor"], name: string, file: string, port: number): ChildSpec {
  return {
    name,
    role: "idp",
    service: name,
    version: "bench",
    command: process.execPath,
    args: [file],
    environment: { PORT: String(port) },
    logFile: supervisor.logFile(name),
    ports: { http: port },
    ready: (signal) => listens("127.0.0.1", port, signal),
  };
}

/** Workers of `bare/`, each the least that does its work. */
export type BareWorker = "forward" | "hono" | "logged" | "duties" | "pair";

/** Starts a Worker that has nothing of the gateway. @returns its port and process */
export async function startBare(
  system: OpenSystem,
  upstream: number,
  worker: BareWorker,
): Promise<{ port: number; pid: number }> {
  const port = await freePort();
  const sources = path.join(import.meta.dirname, "bare");
  const definition = {
    ...readWorkerDefinition(path.join(sources, "wrangler.toml")),
    main: path.join(sources, `${worker}.ts`),
  };
  const name = `bare-${worker}`;
  const folder = path.join(system.state, name);
  const modules = path.join(folder, "modules");
  await buildWorker(definition, modules);
  const settings = { host: "127.0.0.1", port, vars: { UPSTREAM: `http://127.0.0.1:${upstream}` } };
  const spec = workerChild("gateway", { definition, folder, modules }, settings, system.supervisor.logFile(name));
  const { pid } = await system.supervisor.start({ ...spec, name });
  return { port, pid };
}

/** Starts the Worker that only forwards. @returns its port and process */
export function startBareForward(system: OpenSystem, upstream: number): Promise<{ port: number; pid: number }> {
  return startBare(system, upstream, "forward");
}
