/** A local system: one state folder, one supervisor, the two Workers. `selvage serve` is this; the demo adds a mesh. */
import { rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { reachableUrl } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { LOCAL_SYSTEM_FILE, type LocalSystem, PROCESSES_FILE } from "../../shared/wire/runtime-files.ts";
import type { CodeSource } from "../code/check-code.ts";
import { boundServices } from "./bound-services.ts";
import type { ChildSpec } from "./child.ts";
import { mintControlToken } from "./control-token.ts";
import { type FrontSettings, frontChild, privateDoor } from "./front-process.ts";
import { freePort, LOOPBACK, type PortWish, takenPorts } from "./ports.ts";
import { documentSecrets, type SystemKeys, systemKeys, takeStateFolder, writePrivate } from "./state-folder.ts";
import { endLeftovers, Supervisor } from "./supervisor.ts";
import { type SupervisorApi, serveSupervisorApi } from "./supervisor-api.ts";
import { type PreparedWorker, prepareWorker, renewWorker, type WorkerSettings, workerChild } from "./worker-process.ts";

export interface SystemOptions {
  /** State folder, absolute. */
  readonly state: string;
  /** Whether children that end by themselves are started again. */
  readonly restart: boolean;
  /** Ports that must be free before anything is started. */
  readonly ports: readonly PortWish[];
  /** Names in the order in which they end, all of a stage at once; unnamed ones last. */
  readonly stopOrder: readonly (readonly string[])[];
}

export interface OpenSystem {
  readonly state: string;
  readonly supervisor: Supervisor;
  /** Where the supervisor itself can be asked. */
  readonly api: Pick<SupervisorApi, "url" | "token">;
  readonly say: (line: string) => void;
  /** Set as soon as the system was asked to end. */
  readonly stopping: () => boolean;
  /** Ends every child and frees the state folder. */
  readonly stop: () => Promise<void>;
}

/** How clients get to the gateway: through a front, or to a port of workerd itself. */
type GatewayAccess =
  | { readonly front: FrontSettings }
  | { readonly front?: undefined; readonly host: string; readonly gatewayPort: number };

export type WorkersOptions = GatewayAccess & {
  readonly controlPort: number;
  readonly ingressUrl: string;
  /** How long the gateway serves a version without asking whether there is another, in ms. Absent: as deployed. */
  readonly gatewayLeaseMs?: number;
  /** The user's own code for the gateway. Absent: that of the last time, if any. */
  readonly code?: CodeSource;
  /** `host:port` of an HTTP proxy for what the gateway fetches of upstreams. */
  readonly outboundProxy?: string;
  /** What `${env:}` references of documents mean here, for others who apply one. */
  readonly environment?: Readonly<Record<string, string>>;
};

/** Where the gateway's own administrations listen. */
interface AdminPorts {
  readonly keyPort: number;
  readonly cachePort: number;
}

interface GatewayMeans {
  readonly keys: SystemKeys;
  readonly token: string;
  readonly at: Access["at"];
}

/** Tokens of the system's own parts are renewed at each start. */
const OWN_TOKEN_LIFETIME_MS = 365 * 86_400_000;
/** A signal again after this long means: at once. npm passes on the Ctrl-C that a terminal has sent us already. */
const SECOND_SIGNAL_AFTER_MS = 1_000;
const PARENT_CHECK_EVERY_MS = 250;

/**
 * Takes the state folder, ends what a killed predecessor left, and checks the ports. From here on SIGINT, SIGTERM and
 * SIGHUP end the whole system and this process.
 * @throws Error in words for a person; nothing is left running then
 */
export async function openSystem(options: SystemOptions): Promise<OpenSystem> {
  const { state } = options;
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const free = takeStateFolder(state);
  try {
    const left = await endLeftovers(state);
    if (left > 0) say(`ended ${left} processes that an earlier run had left`);
    const taken = await takenPorts(options.ports);
    if (taken.length > 0) throw new Error(taken.join("\n"));
  } catch (error) {
    free();
    throw error;
  }
  const supervisor = new Supervisor({ state, restart: options.restart, say });
  const api = await serveSupervisorApi(supervisor);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= supervisor.stop(options.stopOrder).then(() => {
      api.close();
      rmSync(path.join(state, LOCAL_SYSTEM_FILE), { force: true });
      rmSync(path.join(state, PROCESSES_FILE), { force: true });
      free();
    });
    return stopped;
  };
  stopOnSignal(stop, supervisor);
  return { state, supervisor, api, say, stopping: () => stopped !== undefined, stop };
}

function stopOnSignal(stop: () => Promise<void>, supervisor: Supervisor): void {
  let firstAtMs: number | undefined;
  const onSignal = (): void => {
    if (firstAtMs !== undefined && Date.now() - firstAtMs > SECOND_SIGNAL_AFTER_MS) process.exit(1);
    if (firstAtMs !== undefined) return;
    firstAtMs = Date.now();
    stop().finally(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  if (process.env.npm_lifecycle_event !== undefined) onParentEnd(onSignal);
  process.on("exit", () => supervisor.kill());
}

/** npm passes SIGTERM to the shell that it started us with; the shell ends and passes on nothing. */
function onParentEnd(callback: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, PARENT_CHECK_EVERY_MS).unref();
}

/**
 * Builds and starts control plane and gateway, writes local.json.
 * @returns where the system is and how to administer it
 */
export async function startWorkers(system: OpenSystem, options: WorkersOptions): Promise<LocalSystem> {
  return (await startRenewable(system, options)).local;
}

/** @returns beside it how the gateway is started anew, with other code and with the secrets of the environment as it is then */
export async function startRenewable(
  system: OpenSystem,
  options: WorkersOptions,
): Promise<{ local: LocalSystem; renewGateway: (code: CodeSource) => Promise<void> }> {
  const { state, api } = system;
  const keys = systemKeys(state);
  const control = `http://127.0.0.1:${options.controlPort}`;
  const token = (role: "admin" | "gateway"): Promise<string> =>
    mintControlToken(keys.tokenSecret, { role, sub: `local-${role}` }, OWN_TOKEN_LIFETIME_MS);
  const [keyPort, cachePort, adminToken, gatewayToken, controlWorker, gatewayWorker, access] = await Promise.all([
    freePort(),
    freePort(),
    token("admin"),
    token("gateway"),
    prepareWorker("control", state),
    prepareWorker("gateway", state, options.code),
    prepareAccess(system, options),
  ]);
  const means = { keys, keyPort, cachePort, token: gatewayToken, at: access.at };
  await Promise.all([
    startControl(system, controlWorker, options, keys, { keyPort, cachePort }),
    system.supervisor.start(gatewayChild(system, gatewayWorker, options, means)),
    access.front && system.supervisor.start(access.front),
  ]);
  const local: LocalSystem = {
    control,
    gateway: access.url,
    adminToken,
    supervisor: { url: api.url, token: api.token },
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  };
  writePrivate(path.join(state, LOCAL_SYSTEM_FILE), `${JSON.stringify(local, null, 2)}\n`);
  const renewGateway = async (code: CodeSource): Promise<void> => {
    const renewed = await renewWorker("gateway", state, code);
    await system.supervisor.replace(gatewayChild(system, renewed, options, means));
  };
  return { local, renewGateway };
}

interface Access {
  /** Of the gateway, for those on this machine. */
  readonly url: string;
  /** Where workerd listens, and whether for a front. */
  readonly at: Pick<WorkerSettings, "host" | "port" | "front">;
  readonly front?: ChildSpec;
}

async function prepareAccess({ state, supervisor }: OpenSystem, options: WorkersOptions): Promise<Access> {
  if (options.front === undefined) {
    const at = { host: options.host, port: options.gatewayPort };
    return { url: reachableUrl({ scheme: "http", ...at }), at };
  }
  const door = await privateDoor(path.join(state, "workers", "gateway"));
  const [first] = options.front.listen;
  return {
    url: first === undefined ? "" : reachableUrl(first),
    at: { host: door.host, port: door.port, front: door },
    front: await frontChild(options.front, door, supervisor.logFile("front")),
  };
}

async function startControl(
  { supervisor, state }: OpenSystem,
  worker: PreparedWorker,
  { controlPort, gatewayLeaseMs }: WorkersOptions,
  { tokenSecret, keySecret, keyAdminSecret }: SystemKeys,
  { keyPort, cachePort }: AdminPorts,
): Promise<void> {
  const url = `http://127.0.0.1:${controlPort}`;
  const settings = {
    host: LOOPBACK,
    port: controlPort,
    vars: {
      CONTROL_URL: url,
      ...(process.env.HUBS !== undefined && { HUBS: process.env.HUBS }),
      ...(gatewayLeaseMs !== undefined && { GATEWAY_LEASE_MS: String(gatewayLeaseMs) }),
    },
    secrets: {
      // For the receiver of metrics.
      ...documentSecrets(state, process.env),
      ...{ TOKEN_SECRET: tokenSecret, KEY_SECRET: keySecret, KEY_ADMIN_SECRET: keyAdminSecret },
    },
    services: { KEY_ADMIN: `${LOOPBACK}:${keyPort}`, CACHE_ADMIN: `${LOOPBACK}:${cachePort}` },
  };
  const spec = workerChild("control", worker, settings, supervisor.logFile("control"));
  await supervisor.start({ ...spec, ready: (signal) => answersWell(`${url}/healthz`, signal) });
}

function gatewayChild(
  { supervisor, state }: OpenSystem,
  worker: PreparedWorker,
  { controlPort, ingressUrl, outboundProxy }: WorkersOptions,
  { keys, keyPort, cachePort, token, at }: AdminPorts & GatewayMeans,
): ChildSpec {
  const settings = {
    ...at,
    // On loopback, whatever the gateway itself listens on.
    entrypoints: [
      { name: "KeyAdmin", host: LOOPBACK, port: keyPort },
      { name: "CacheAdmin", host: LOOPBACK, port: cachePort },
    ],
    // Who is connected is the client, by workerd's word or by the front's.
    vars: {
      INGRESS_URL: ingressUrl,
      CLIENT_IP: "socket",
      ACCESS_LOG_WAIT_MS: String(limits.gateway.logWaitMs),
    },
    secrets: {
      ...documentSecrets(state, process.env),
      CONTROL_TOKEN: token,
      KEY_PEPPER: keys.keyPepper,
      KEY_ADMIN_SECRET: keys.keyAdminSecret,
      SESSION_SECRET: keys.sessionSecret,
      ...(process.env.SESSION_SECRET_OLD !== undefined && { SESSION_SECRET_OLD: process.env.SESSION_SECRET_OLD }),
    },
    services: { ...boundServices(process.env), CONTROL: `127.0.0.1:${controlPort}` },
    ...(outboundProxy !== undefined && { outboundProxy }),
  };
  return workerChild("gateway", worker, settings, supervisor.logFile("gateway"));
}

/** Waits until a URL answers with a status of 2xx. */
export async function answersWell(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const response = await fetch(url, { signal });
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (signal.aborted) throw error;
    }
    await delay(25);
  }
}
