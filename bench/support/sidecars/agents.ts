/** Two agents as a user starts them, with a control plane and a plan: one beside a caller, one beside the application. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { ControlClient } from "../../../cli/control-client.ts";
import { readAgentRuntime } from "../../../cli/local/agent-runtime.ts";
import { buildProgram } from "../../../cli/local/build-worker.ts";
import { applyDocument } from "../../../cli/local/live-document.ts";
import { packageRoot } from "../../../cli/local/package-root.ts";
import { freePort } from "../../../cli/local/ports.ts";
import { type OpenSystem, startWorkers } from "../../../cli/local/system.ts";
import { agentChild, type MeshSettings } from "../../../scripts/support/shop.ts";
import { documentOf } from "./document.ts";
import type { Proxies } from "./peers.ts";
import { onCore } from "./programs.ts";

export class Agents {
  readonly #system: OpenSystem;
  readonly #mesh: MeshSettings;

  private constructor(system: OpenSystem, mesh: MeshSettings) {
    this.#system = system;
    this.#mesh = mesh;
  }

  /** Starts the control plane and bundles the agent. @param names of the pairs that will be */
  static async prepare(system: OpenSystem, names: readonly string[]): Promise<Agents> {
    const [gatewayPort, controlPort, ingress] = [await freePort(), await freePort(), await freePort()];
    const ingressUrl = `http://127.0.0.1:${ingress}`;
    const local = await startWorkers(system, { host: "127.0.0.1", gatewayPort, controlPort, ingressUrl });
    const control = new ControlClient({ url: local.control, token: local.adminToken });
    const file = path.join(system.state, "bench.yaml");
    writeFileSync(file, documentOf(names));
    await applyDocument(control, file, {}, "bench");
    const joinToken = async (service: string): Promise<string> => (await control.joinToken({ service })).token;
    const bundle = path.join(system.state, "agent.mjs");
    const { file: agentProgram } = await buildProgram(path.join(packageRoot, "mesh-agent", "main.ts"), bundle, {
      split: true,
    });
    return new Agents(system, { system, agentProgram, controlUrl: local.control, joinToken });
  }

  /** @param flags of both @returns the pair; calls go to the outbound listener of the first */
  async pair(name: string, app: number, flags: readonly string[] = []): Promise<Proxies> {
    const second = await this.#start(`${name}-app`, name, app, flags);
    const first = await this.#start(`${name}-caller`, "web", app, flags);
    return { name, host: `${name}.mesh`, port: first.outbound, pids: [first.pid, second.pid] };
  }

  async #start(
    name: string,
    service: string,
    app: number,
    flags: readonly string[],
  ): Promise<{ pid: number; outbound: number }> {
    const instance = { name, service, version: "bench" };
    // The application runs already; whoever the agent starts only stays.
    const child = agentChild(this.#mesh, instance, ["run", "--port", String(app), ...flags], ["--", "sleep", "86400"]);
    const { pid } = await this.#system.supervisor.start({ ...child, ...onCore("proxies", child.command, child.args) });
    const outbound = readAgentRuntime(child.agentState ?? "", pid)?.ports?.outbound;
    if (outbound === undefined) throw new Error(`${name} has no outbound listener`);
    return { pid, outbound };
  }
}
