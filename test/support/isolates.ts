/** Several isolates of the gateway in one workerd, as services of one bundle that share the objects of the first. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SignJWT } from "jose";
import { ControlClient } from "../../cli/control-client.ts";
import { buildWorker } from "../../cli/local/build-worker.ts";
import type { ChildSpec } from "../../cli/local/child.ts";
import { mintControlToken } from "../../cli/local/control-token.ts";
import { applyDocument } from "../../cli/local/live-document.ts";
import { freePort } from "../../cli/local/ports.ts";
import { systemKeys } from "../../cli/local/state-folder.ts";
import { type OpenSystem, openSystem, startWorkers } from "../../cli/local/system.ts";
import { listens, workerChild } from "../../cli/local/worker-process.ts";
import { readWorkerDefinition } from "../../cli/local/wrangler-config.ts";
import {
  CONTROL_TOKEN_ALGORITHM,
  CONTROL_TOKEN_AUDIENCE,
  CONTROL_TOKEN_ISSUER,
  CONTROL_TOKEN_TYPE,
} from "../../shared/wire/control-token.ts";
import type { PurgeAnswer, PurgeRequest } from "../../shared/wire/purges.ts";
import { root } from "./system.ts";

const LOOPBACK = "127.0.0.1";
export const COUNTED_WORKER = "test/workers/gateway/support/counted-worker.ts";

export interface Isolates {
  readonly ports: readonly number[];
  /** Questions that the limiter objects were asked since the process started. */
  calls(): Promise<number>;
  /** The same of their shards, and how many of those were asked. */
  shardCalls(): Promise<{ calls: number; shards: number }>;
  /** Makes a document live; isolates follow within their lease. */
  apply(document: string): Promise<void>;
  /** Ends the process with SIGKILL and starts it again with the same disk. */
  killAndRestart(): Promise<void>;
  pid(): number;
  /** As the control plane has it done. */
  purge(request: PurgeRequest): Promise<PurgeAnswer>;
  /** Databases of limiter objects on the disk, and their bytes. */
  objects(): { count: number; bytes: number };
  /** Limiter objects that wait for their alarm: those that hold a state. */
  alarms(): number;
  stop(): Promise<void>;
}

/**
 * @param document with `http://127.0.0.1:${UPSTREAM}` already filled in
 * @param main the Worker, from the root of the repository
 * @param vars of it, beside those that it needs to start
 */
export async function startIsolates(
  count: number,
  document: string,
  main = COUNTED_WORKER,
  vars: Readonly<Record<string, string>> = {},
): Promise<Isolates> {
  const state = mkdtempSync(path.join(tmpdir(), "selvage-isolates-"));
  const system = await openSystem({ state, restart: false, ports: [], stopOrder: [] });
  try {
    return await startIn(system, count, document, main, vars);
  } catch (error) {
    await system.stop();
    throw error;
  }
}

async function startIn(
  system: OpenSystem,
  count: number,
  document: string,
  main: string,
  vars: Readonly<Record<string, string>>,
): Promise<Isolates> {
  const { state, supervisor } = system;
  const [gatewayPort, controlPort, callsPort] = [await freePort(), await freePort(), await freePort()];
  const cachePort = await freePort();
  const ingressUrl = `http://${LOOPBACK}:9`;
  const local = await startWorkers(system, { host: LOOPBACK, gatewayPort, controlPort, ingressUrl });
  const file = path.join(state, "selvage.yaml");
  const apply = async (text: string): Promise<void> => {
    writeFileSync(file, text);
    await applyDocument(new ControlClient({ url: local.control, token: local.adminToken }), file, {}, "test");
  };
  await apply(document);
  const ports: number[] = [];
  for (let at = 0; at < count; at++) ports.push(await freePort());
  const spec = await isolatesChild(system, main, ports, { callsPort, controlPort, cachePort, ingressUrl, vars });
  let child = await supervisor.start(spec);
  const folder = path.join(state, "isolates", "objects");
  const counts = async () =>
    (await (await fetch(`http://${LOOPBACK}:${callsPort}/`)).json()) as Record<
      "calls" | "shardCalls" | "shards",
      number
    >;
  return {
    ports,
    calls: async () => (await counts()).calls,
    shardCalls: async () => {
      const { shardCalls, shards } = await counts();
      return { calls: shardCalls, shards };
    },
    apply,
    killAndRestart: async () => {
      process.kill(child.pid, "SIGKILL");
      await child.exited;
      child = await supervisor.start(spec);
    },
    pid: () => child.pid,
    purge: (request) => purgeAt(`http://${LOOPBACK}:${cachePort}`, systemKeys(state).keyAdminSecret, request),
    objects: () => databases(path.join(folder, "selvage-gateway-Limiter")),
    alarms: () => alarmsIn(path.join(folder, "selvage-gateway-Limiter", "metadata.sqlite")),
    stop: async () => {
      await system.stop();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/**
 * @param main the Worker, from the root of the repository
 * @param ports of the isolates; `callsPort` tells the questions of all of them
 */
export async function isolatesChild(
  { state, supervisor }: OpenSystem,
  main: string,
  ports: readonly number[],
  {
    callsPort,
    controlPort,
    cachePort,
    ingressUrl,
    vars = {},
  }: {
    readonly callsPort: number;
    readonly controlPort: number;
    readonly cachePort: number;
    readonly ingressUrl: string;
    readonly vars?: Readonly<Record<string, string>>;
  },
): Promise<ChildSpec> {
  const folder = path.join(state, "isolates");
  mkdirSync(path.join(folder, "objects"), { recursive: true });
  const definition = {
    ...readWorkerDefinition(path.join(root, "wrangler.toml")),
    main: path.join(root, main),
  };
  const modules = path.join(folder, "modules");
  await buildWorker(definition, modules);
  const keys = systemKeys(state);
  const [first = 0, ...others] = ports;
  const settings = {
    host: LOOPBACK,
    port: first,
    entrypoints: [
      { name: "Calls", host: LOOPBACK, port: callsPort },
      { name: "CacheAdmin", host: LOOPBACK, port: cachePort },
    ],
    vars: { ...vars, INGRESS_URL: ingressUrl, CLIENT_IP: "cf-connecting-ip" },
    secrets: {
      CONTROL_TOKEN: await mintControlToken(keys.tokenSecret, { role: "gateway", sub: "isolates" }, 86_400_000),
      KEY_PEPPER: keys.keyPepper,
      KEY_ADMIN_SECRET: keys.keyAdminSecret,
    },
    services: { CONTROL: `${LOOPBACK}:${controlPort}` },
  };
  const spec = workerChild("gateway", { definition, folder, modules }, settings, supervisor.logFile("isolates"));
  const file = path.join(folder, "workerd.capnp");
  writeFileSync(file, withIsolates(readFileSync(file, "utf8"), others));
  return {
    ...spec,
    name: "isolates",
    ready: async (signal) => {
      for (const port of ports) await listens(LOOPBACK, port, signal);
    },
  };
}

async function purgeAt(url: string, secret: string, request: PurgeRequest): Promise<PurgeAnswer> {
  const token = await new SignJWT({ role: "cache" })
    .setProtectedHeader({ alg: CONTROL_TOKEN_ALGORITHM, typ: CONTROL_TOKEN_TYPE })
    .setSubject("test")
    .setIssuer(CONTROL_TOKEN_ISSUER)
    .setAudience(CONTROL_TOKEN_AUDIENCE)
    .setExpirationTime("1m")
    .sign(Buffer.from(secret, "base64url"));
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/cache/purges`, { method: "POST", headers, body: JSON.stringify(request) });
  if (answer.status !== 201) throw new Error(`purge: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as PurgeAnswer;
}

/** More services of the same Worker: their bindings lead to the objects of the first. */
function withIsolates(text: string, ports: readonly number[]): string {
  const services = ports.map((_, at) => `(name = "isolate${at}", worker = .other),`).join("\n    ");
  const sockets = ports.map(
    (port, at) => `(name = "http${at}", address = "${LOOPBACK}:${port}", http = (), service = "isolate${at}"),`,
  );
  const worker = text.slice(text.indexOf("const worker "));
  const other = worker
    .replace("const worker ", "const other ")
    .replaceAll(/durableObjectNamespace = ("\w+")/g, 'durableObjectNamespace = (className = $1, serviceName = "main")')
    .replace(/ {2}durableObjectNamespaces = \[[\s\S]*?\n {2}\],\n/, "")
    .replace(/ {2}durableObjectStorage = .*\n/, "");
  return `${text
    .replace("services = [\n", `services = [\n    ${services}\n`)
    .replace("sockets = [\n", `sockets = [\n    ${sockets.join("\n    ")}\n`)}
${other}`;
}

function databases(folder: string): { count: number; bytes: number } {
  if (!existsSync(folder)) return { count: 0, bytes: 0 };
  const files = readdirSync(folder).filter((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  const bytes = files.reduce(
    (sum, name) => sum + (statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  return { count: files.length, bytes };
}

function alarmsIn(file: string): number {
  if (!existsSync(file)) return 0;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(database.prepare("SELECT count(*) AS count FROM _cf_ALARM").get()?.count);
  } finally {
    database.close();
  }
}
