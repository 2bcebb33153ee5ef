/** `selvage serve`: gateway and control plane on this machine, on plain workerd, behind a front of our own. */
import { Command } from "commander";
import { listenText } from "../../shared/http/listen-address.ts";
import { ControlClient } from "../control-client.ts";
import { prepareAgent } from "./agent-program.ts";
import { applyDocument, codeOfDocument, reapplyLive, sayUnserved } from "./live-document.ts";
import { parsePort } from "./ports.ts";
import { type FrontOptions, frontAddresses, withFrontOptions } from "./serve-options.ts";
import { stateFolderOf } from "./state-folder.ts";
import { openSystem, startWorkers } from "./system.ts";

interface ServeOptions extends FrontOptions {
  readonly gatewayPort?: string;
  readonly controlPort?: string;
  readonly ingressUrl: string;
  readonly state?: string;
  readonly document?: string;
}

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Run the gateway and the control plane on this machine, on plain workerd, until Ctrl-C.")
    .option("--gateway-port <port>", "port of the gateway where --listen names none (SELVAGE_GATEWAY_PORT, else 8787)")
    .option("--control-port <port>", "port of the control API on loopback (SELVAGE_CONTROL_PORT, else 8788)");
  return withFrontOptions(command)
    .option("--ingress-url <url>", "where the gateway reaches the mesh's ingress agent", "http://127.0.0.1:8790")
    .option("--state <folder>", "state folder (SELVAGE_STATE, else .selvage)")
    .option("--document <file>", "document to apply when nothing is live yet")
    .addHelpText(
      "after",
      "\nExamples:\n  selvage serve --document selvage.yaml\n  selvage serve --state /var/lib/selvage --gateway-port 8080",
    )
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const gatewayPort = parsePort(options.gatewayPort ?? process.env.SELVAGE_GATEWAY_PORT, 8787, "--gateway-port");
  const controlPort = parsePort(options.controlPort ?? process.env.SELVAGE_CONTROL_PORT, 8788, "--control-port");
  const addresses = frontAddresses(options, gatewayPort);
  const { listen, redirect } = addresses;
  const isDefault = options.listen === undefined;
  const system = await openSystem({
    state: stateFolderOf(options.state),
    restart: true,
    ports: [
      ...listen.map((one) => ({ name: "gateway", setting: isDefault ? "--gateway-port" : "--listen", ...one })),
      ...redirect.map((one) => ({ name: "redirect to https", setting: "--redirect-http", ...one })),
      { name: "control API", host: "127.0.0.1", port: controlPort, setting: "--control-port" },
    ],
    stopOrder: [["front"], ["gateway"], ["control"]],
  });
  try {
    const { ingressUrl } = options;
    const front = { program: prepareAgent(system.state), ...addresses };
    const code = options.document === undefined ? undefined : codeOfDocument(options.document, process.env);
    const local = await startWorkers(system, { front, controlPort, ingressUrl, ...(code !== undefined && { code }) });
    const control = new ControlClient({ url: local.control, token: local.adminToken });
    const isLive = await reapplyLive(control, process.env, system.say);
    if (options.document !== undefined) {
      if (isLive) await sayUnserved(control, options.document, system.say);
      else await applyDocument(control, options.document, process.env, "selvage serve");
    }
    const nothing =
      isLive || options.document !== undefined ? "" : "\n  nothing is live yet: selvage apply selvage.yaml";
    const others = [...listen.slice(1), ...redirect].map((one) => `\n               ${listenText(one)}`).join("");
    process.stdout.write(
      `selvage ready\n\n  gateway      ${local.gateway}${others}\n  control API  ${local.control}\n  state        ${system.state}\n${nothing}`,
    );
  } catch (error) {
    if (system.stopping()) return;
    await system.stop();
    throw error;
  }
}
