/** `npm start`: the whole system with the demo shop on this machine, until Ctrl-C. */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ControlClient } from "../cli/control-client.ts";
import { prepareAgent } from "../cli/local/agent-program.ts";
import { plainFront } from "../cli/local/front-process.ts";
import { applyDocument, reapplyLive } from "../cli/local/live-document.ts";
import { packageRoot, packageVersion } from "../cli/local/package-root.ts";
import { type PortWish, parsePort } from "../cli/local/ports.ts";
import { stateFolderOf } from "../cli/local/state-folder.ts";
import { type OpenSystem, openSystem, startWorkers } from "../cli/local/system.ts";
import { workerdVersion } from "../cli/local/worker-process.ts";
import { AUDIENCE, issuerOf, readKey, signToken } from "../examples/shop/tokens.ts";
import { idpChild, ingressChild, instanceChild, instances, type MeshSettings } from "./support/shop.ts";

type Part = "gateway" | "control" | "idp" | "ingress";
const defaultPorts: Record<Part, number> = { gateway: 8787, control: 8788, idp: 8789, ingress: 8790 };
const titles: Record<Part, string> = {
  gateway: "gateway",
  control: "control API",
  idp: "identity provider",
  ingress: "ingress agent",
};
const PROBE_WITHIN_MS = 10_000;
const REFUSED_FOR_MS = 1_500;

async function main(): Promise<void> {
  const ports = chosenPorts();
  const state = stateFolderOf();
  const names = instances.map(({ name }) => name);
  const system = await openSystem({
    state,
    restart: false,
    ports: Object.entries(ports).map(([part, port]) => wish(part as Part, port)),
    // First the door, then what is behind it; the control plane hears the agents' goodbyes.
    stopOrder: [["front"], ["gateway"], ["ingress", ...names], ["idp", "control"]],
  });
  try {
    await bringUp(system, ports);
  } catch (error) {
    if (system.stopping()) return;
    await system.stop();
    throw error;
  }
}

async function bringUp(system: OpenSystem, ports: Record<Part, number>): Promise<void> {
  const { state, supervisor, say } = system;
  say(`\n  selvage ${packageVersion} · node ${process.versions.node} · workerd ${workerdVersion()} · offline\n`);
  const issuer = issuerOf(ports.idp);
  // The document refers to it; so do those who apply another version while this runs.
  const environment = { SHOP_ISSUER: process.env.SHOP_ISSUER ?? issuer };
  const idp = supervisor.start(idpChild(system, ports.idp));
  const program = prepareAgent(state);
  const early = Promise.all([program, timed(say, titles.idp, "", idp)]);
  // It is awaited below; a failure before that must not count as unhandled.
  early.catch(() => undefined);
  const workers = startWorkers(system, {
    front: plainFront(program, ports.gateway),
    controlPort: ports.control,
    ingressUrl: `http://127.0.0.1:${ports.ingress}`,
    environment,
  });
  const local = await timed(say, "two Workers", "control plane, gateway and its front", workers);
  const control = new ControlClient({ url: local.control, token: local.adminToken });
  await timed(say, "document", "", applyOrReapply(control, { ...process.env, ...environment }, say));
  await early;
  const mesh = startMesh(system, await program, control, local.control, ports.ingress);
  await timed(say, "mesh", `${instances.length} services under their agents`, mesh);
  await timed(say, "first request", "gateway, users, orders, inventory", probe(state, issuer, local.gateway));
  say("");
  announce(ports);
}

/** Says when a step is done and how long it took. */
async function timed<Value>(
  say: (line: string) => void,
  name: string,
  what: string,
  work: Promise<Value>,
): Promise<Value> {
  const startedAt = performance.now();
  const value = await work;
  say(`  ✓ ${name.padEnd(19)}${what.padEnd(36)}${`${Math.round(performance.now() - startedAt)} ms`.padStart(8)}`);
  return value;
}

async function startMesh(
  system: OpenSystem,
  program: string,
  control: ControlClient,
  controlUrl: string,
  ingressPort: number,
): Promise<void> {
  const joinToken = async (service: string): Promise<string> => (await control.joinToken({ service })).token;
  const mesh: MeshSettings = { system, agentProgram: program, controlUrl, joinToken };
  const children = [ingressChild(mesh, ingressPort), ...instances.map((instance) => instanceChild(mesh, instance))];
  await Promise.all(children.map((child) => system.supervisor.start(child)));
}

function chosenPorts(): Record<Part, number> {
  const ports = { ...defaultPorts };
  for (const part of Object.keys(defaultPorts) as Part[]) {
    ports[part] = parsePort(process.env[variable(part)], defaultPorts[part], variable(part));
  }
  return ports;
}

function wish(part: Part, port: number): PortWish {
  return { name: titles[part], host: "127.0.0.1", port, setting: variable(part) };
}

function variable(part: Part): string {
  return `SELVAGE_${part.toUpperCase()}_PORT`;
}

/** The shop's document the first time; later the live one again, for it may refer to what has changed since. */
async function applyOrReapply(
  control: ControlClient,
  environment: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<void> {
  if (await reapplyLive(control, environment, say)) return;
  await applyDocument(control, path.join(packageRoot, "examples", "shop", "selvage.yaml"), environment, "npm start");
}

/**
 * Waits until real requests get through both kinds of route. A document that was changed since may not have them: then
 * a refusal that stays is as good.
 */
async function probe(state: string, issuer: string, gateway: string): Promise<void> {
  const token = await signToken(
    readKey(path.join(state, "idp")),
    { issuer, subject: "selvage-start", audience: AUDIENCE, scopes: ["orders:read"], expiresInSeconds: 60 },
    Date.now(),
  );
  const startedAt = Date.now();
  for (const url of [`${gateway}/user/profile`, `${gateway}/load/orders/1`]) {
    for (;;) {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      const text = await response.text();
      if (response.ok) break;
      const waited = Date.now() - startedAt;
      if (response.status < 500 && waited > REFUSED_FOR_MS) break;
      if (waited > PROBE_WITHIN_MS) throw new Error(`${url} still answers ${response.status}: ${text}`);
      await delay(50);
    }
  }
}

function announce(ports: Record<Part, number>): void {
  const url = (part: Part): string => `http://127.0.0.1:${ports[part]}`;
  const folder = process.env.SELVAGE_STATE;
  const lines = [
    "selvage ready",
    "",
    ...(Object.keys(titles) as Part[]).map((part) => `  ${titles[part].padEnd(19)}${url(part)}`),
    "",
    "  Try in a second terminal:",
    ...(folder ? [`    export SELVAGE_STATE=${folder}`] : []),
    `    curl -i ${url("gateway")}/user/profile      # 401: nobody is logged in`,
    `    curl -i -H "authorization: Bearer $(npm run -s demo:token -- alice)" ${url("gateway")}/user/profile`,
    "    npx selvage explain GET /user/profile --as alice",
    "    npx selvage tap",
    "",
    "  Ctrl-C ends everything.",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
