/** The two Workers as children of a supervisor: each its own `workerd serve`. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, type NetConnectOpts } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FrontFields } from "../../shared/wire/front-fields.ts";
import type { CodeSource } from "../code/check-code.ts";
import { writeCode } from "../code/write-code.ts";
import { buildWorker, ENTRY_MODULE } from "./build-worker.ts";
import type { ChildSpec } from "./child.ts";
import { removeEmptyDatabases } from "./empty-databases.ts";
import { builtFolder, packageRoot, packageVersion } from "./package-root.ts";
import { type BoundService, type EntrypointSocket, environmentName, workerdConfig } from "./workerd-config.ts";
import { readWorkerDefinition, type WorkerDefinition } from "./wrangler-config.ts";

export type WorkerName = "gateway" | "control";

/** A Worker that is ready to be configured: its definition and its bundle. */
export interface PreparedWorker {
  readonly definition: WorkerDefinition;
  /** Folder of configuration and databases. */
  readonly folder: string;
  /** Folder of its ES modules and nothing else that ends in `.mjs`, absolute. */
  readonly modules: string;
}

export interface WorkerSettings {
  readonly host: string;
  readonly port: number;
  /** A front takes the clients' connections: the Worker listens on its socket, if it has one, and believes its fields. */
  readonly front?: { readonly socketPath?: string; readonly fields: FrontFields };
  readonly entrypoints?: readonly EntrypointSocket[];
  readonly vars?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** `host:port` of an HTTP proxy for what it fetches. */
  readonly outboundProxy?: string;
  /** Service binding to what answers it, or to `host:port`. */
  readonly services?: Readonly<Record<string, string | BoundService>>;
}

/** Where a Worker's configuration lies in the sources. */
const configs: Record<WorkerName, string> = { gateway: "wrangler.toml", control: "workers/control/wrangler.toml" };

/**
 * Makes the bundle from the sources of a checkout, or takes the one of the built package; no `workerd` of that state runs.
 * @param state state folder; the Worker's own folder is below it
 * @param code what the gateway is deployed with; absent: what it was deployed with before
 */
export async function prepareWorker(name: WorkerName, state: string, code?: CodeSource): Promise<PreparedWorker> {
  const folder = path.join(state, "workers", name);
  mkdirSync(path.join(folder, "objects"), { recursive: true, mode: 0o700 });
  removeEmptyDatabases(path.join(folder, "objects"));
  return makeModules(name, folder, code);
}

/**
 * The same for a Worker that runs, which goes on with the modules that it started with.
 * @param code what the gateway is deployed with from its next start on
 */
export function renewWorker(name: WorkerName, state: string, code: CodeSource): Promise<PreparedWorker> {
  return makeModules(name, path.join(state, "workers", name), code);
}

async function makeModules(name: WorkerName, folder: string, code?: CodeSource): Promise<PreparedWorker> {
  const ownCode = path.join(folder, "code");
  if (code !== undefined) {
    mkdirSync(ownCode, { recursive: true });
    writeCode(code, ownCode);
  }
  const bundles = builtFolder();
  if (bundles === undefined) {
    const definition = readWorkerDefinition(path.join(packageRoot, configs[name]));
    const modules = path.join(folder, "modules");
    await buildWorker(definition, modules);
    addCode(ownCode, modules);
    return { definition, folder, modules };
  }
  const built = path.join(bundles, name);
  const definition = readWorkerDefinition(path.join(built, "wrangler.toml"));
  if (!existsSync(ownCode)) return { definition, folder, modules: built };
  const modules = path.join(folder, "modules");
  rmSync(modules, { recursive: true, force: true });
  cpSync(built, modules, { recursive: true });
  addCode(ownCode, modules);
  return { definition, folder, modules };
}

function addCode(code: string, modules: string): void {
  if (!existsSync(code)) return;
  for (const name of readdirSync(code)) copyFileSync(path.join(code, name), path.join(modules, name));
}

/** Writes the configuration of a Worker and describes the process that serves it. */
export function workerChild(
  name: WorkerName,
  worker: PreparedWorker,
  settings: WorkerSettings,
  logFile: string,
): ChildSpec {
  const { vars = {}, secrets = {}, services = {}, entrypoints = [], host, port, front } = settings;
  const socketPath = front?.socketPath;
  const configFile = path.join(worker.folder, "workerd.capnp");
  const text = workerdConfig(worker.definition, {
    modules: { folder: path.relative(worker.folder, worker.modules), names: moduleNames(worker.modules) },
    listen: socketPath === undefined ? { host, port } : { socketPath },
    ...(front !== undefined && { front: front.fields }),
    entrypoints,
    objectsFolder: path.join(worker.folder, "objects"),
    vars,
    secrets: Object.keys(secrets),
    services,
    ...(settings.outboundProxy !== undefined && { outboundProxy: settings.outboundProxy }),
    folder: worker.folder,
  });
  writeFileSync(configFile, text, { mode: 0o600 });
  const environment = Object.entries(secrets).map(([secret, value]) => [environmentName(secret), value]);
  return {
    name,
    role: name,
    service: name,
    version: packageVersion,
    command: workerdBinary(),
    args: ["serve", configFile],
    environment: Object.fromEntries([["TZ", "UTC"], ...environment]),
    ...(socketPath !== undefined && { leftover: socketPath }),
    logFile,
    ports: {
      ...(socketPath === undefined && { http: port }),
      ...Object.fromEntries(entrypoints.map((socket) => [socket.name, socket.port])),
    },
    ready: async (signal) => {
      await (socketPath === undefined ? listens(host, port, signal) : answersAt({ path: socketPath }, signal));
      for (const socket of entrypoints) await listens(socket.host, socket.port, signal);
    },
  };
}

function moduleNames(folder: string): string[] {
  const names = readdirSync(folder).filter(
    (name) => name.endsWith(path.extname(ENTRY_MODULE)) && name !== ENTRY_MODULE,
  );
  return [ENTRY_MODULE, ...names.sort()];
}

/** Waits until a port is listened on, without a request that the server would count. */
export function listens(host: string, port: number, signal: AbortSignal): Promise<void> {
  return answersAt({ host, port }, signal);
}

async function answersAt(where: NetConnectOpts, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(where);
      socket.once("connect", () => socket.end(() => resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    await delay(20);
  }
}

/** Path of the workerd program that came with the package of that name. */
function workerdBinary(): string {
  try {
    return (createRequire(import.meta.url)("workerd") as { default: string }).default;
  } catch (error) {
    throw new Error("serving the Workers needs the package workerd (npm install workerd)", { cause: error });
  }
}

/** Release of workerd as its package names it, such as 2026-11-02. */
export function workerdVersion(): string {
  const { version } = createRequire(import.meta.url)("workerd/package.json") as { version: string };
  const [, year, month, day] = /^\d+\.(\d{4})(\d{2})(\d{2})/.exec(version) ?? [];
  return year === undefined ? version : `${year}-${month}-${day}`;
}
