/** The demo's processes besides the two Workers: the identity provider, the ingress agent, each service under its agent. */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readAgentRuntime } from "../../cli/local/agent-runtime.ts";
import type { ChildSpec } from "../../cli/local/child.ts";
import { packageRoot, packageVersion } from "../../cli/local/package-root.ts";
import { answersWell, type OpenSystem } from "../../cli/local/system.ts";
import { issuerOf } from "../../examples/shop/tokens.ts";
import { GATEWAY_SERVICE } from "../../shared/identity/spiffe-id.ts";
import { needsJoinToken } from "./agent-credentials.ts";

export interface Instance {
  readonly name: string;
  readonly service: string;
  readonly version: string;
}

export const instances: readonly Instance[] = [
  { name: "users-1", service: "users", version: "v1" },
  { name: "preferences-1", service: "preferences", version: "v1" },
  { name: "orders-v1-1", service: "orders", version: "v1" },
  { name: "orders-v1-2", service: "orders", version: "v1" },
  { name: "orders-v2-1", service: "orders", version: "v2" },
  { name: "inventory-1", service: "inventory", version: "v1" },
];

export interface MeshSettings {
  readonly system: OpenSystem;
  /** The agent's program, one file. */
  readonly agentProgram: string;
  readonly controlUrl: string;
  /** Asks the control plane for a one-use token for a service. */
  readonly joinToken: (service: string) => Promise<string>;
}

export function idpChild({ supervisor, state }: OpenSystem, port: number): ChildSpec {
  return {
    name: "idp",
    role: "idp",
    service: "idp",
    version: packageVersion,
    command: process.execPath,
    args: [shopFile("idp.ts")],
    environment: { ...inherited(), PORT: String(port), IDP_STATE: path.join(state, "idp") },
    logFile: supervisor.logFile("idp"),
    ports: { http: port },
    ready: (signal) => answersWell(`${issuerOf(port)}.well-known/openid-configuration`, signal),
  };
}

export function ingressChild(mesh: MeshSettings, port: number): ChildSpec {
  const listen = ["ingress", "--listen", `127.0.0.1:${port}`];
  const child = agentChild(mesh, { name: "ingress", service: GATEWAY_SERVICE, version: packageVersion }, listen, []);
  return { ...child, role: "ingress", ports: { http: port } };
}

/** A service of the shop, started by its agent. */
export function instanceChild(mesh: MeshSettings, instance: Instance): ChildSpec {
  const app = ["--", process.execPath, shopFile(`services/${instance.service}.ts`)];
  return agentChild(mesh, instance, ["run", "--label", `version=${instance.version}`, "--port", "0"], app);
}

/** @param first what stands before the agent's own folder and name, its role; @param last what it runs */
export function agentChild(mesh: MeshSettings, instance: Instance, first: string[], last: string[]): ChildSpec {
  const { supervisor, state } = mesh.system;
  const agentState = path.join(state, "agents", instance.name);
  return {
    ...instance,
    role: "agent",
    command: process.execPath,
    args: [mesh.agentProgram, ...first, "--state", agentState, "--instance", instance.name, ...last],
    environment: { ...inherited(), SERVICE_VERSION: instance.version },
    freshEnvironment: async () => {
      if (!needsJoinToken(agentState, mesh.controlUrl, Date.now())) return {};
      return { SELVAGE_JOIN_TOKEN: await mesh.joinToken(instance.service) };
    },
    logFile: supervisor.logFile(instance.name),
    ports: {},
    agentState,
    ready: (signal, pid) => agentIsReady(agentState, pid, signal),
  };
}

async function agentIsReady(agentState: string, pid: number, signal: AbortSignal): Promise<void> {
  while (readAgentRuntime(agentState, pid)?.phase !== "ready") {
    signal.throwIfAborted();
    await delay(20, undefined, { signal });
  }
}

function shopFile(file: string): string {
  return path.join(packageRoot, "examples", "shop", file);
}

/** What children keep of our own environment: proxies and credentials of the user's shell are none of their business. */
function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TZ", "TMPDIR", "SystemRoot"]) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
