/** `selvage serve`: gateway and control plane on this machine, on plain workerd. */
import { Command } from "commander";
import { ControlClient } from "../control-client.ts";
import { applyDocument, reapplyLive, sayUnserved } from "./live-document.ts";
import { parsePort } from "./ports.ts";
import { stateFolderOf } from "./state-folder.ts";
import { openSystem, startWorkers } from "./system.ts";

interface ServeOptions {
  readonly gatewayPort?: string;
  readonly controlPort?: string;
  readonly listen: string;
  readonly ingressUrl: string;
  readonly state?: string;
  readonly document?: string;
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("Run the gateway and the control plane on this machine, on plain workerd, until Ctrl-C.")
    .option("--gateway-port <port>", "port of the gateway (SELVAGE_GATEWAY_PORT, else 8787)")
    .option("--control-port <port>", "port of the control API on loopback (SELVAGE_CONTROL_PORT, else 8788)")
    .option("--listen <address>", "address that the gateway listens on", "127.0.0.1")
    .option("--ingress-url <url>", "where the gateway reaches the mesh's ingress agent", "http://127.0.0.1:8790")
    .option("--state <folder>", "state folder (SELVAGE_STATE, else .selvage)")
    .option("--document <file>", "document to apply when nothing is live yet")
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const gatewayPort = parsePort(options.gatewayPort ?? process.env.SELVAGE_GATEWAY_PORT, 8787, "--gateway-port");
  const controlPort = parsePort(options.controlPort ?? process.env.SELVAGE_CONTROL_PORT, 8788, "--control-port");
  const system = await openSystem({
    state: stateFolderOf(options.state),
    restart: true,
    ports: [
      { name: "gateway", host: options.listen, port: gatewayPort, setting: "--gateway-port" },
      { name: "control API", host: "127.0.0.1", port: controlPort, setting: "--control-port" },
    ],
    stopOrder: [["gateway"], ["control"]],
  });
  try {
    const { ingressUrl, listen: host } = options;
    const local = await startWorkers(system, { host, gatewayPort, controlPort, ingressUrl });
    const control = new ControlClient({ url: local.control, token: local.adminToken });
    const isLive = await reapplyLive(control, process.env, system.say);
    if (options.document !== undefined) {
      if (isLive) await sayUnserved(control, options.document, system.say);
      else await applyDocument(control, options.document, process.env, "selvage serve");
    }
    const nothing =
      isLive || options.document !== undefined ? "" : "\n  nothing is live yet: selvage apply selvage.yaml";
    process.stdout.write(
      `selvage ready\n\n  gateway      ${local.gateway}\n  control API  ${local.control}\n  state        ${system.state}\n${nothing}`,
    );
  } catch (error) {
    if (system.stopping()) return;
    await system.stop();
    throw error;
  }
}
