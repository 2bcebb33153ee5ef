/** The command line of the agent; runs when it is loaded. */
import "./lifecycle/lean-start.ts";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { ingressAddress } from "../shared/policy/ingress-callers.ts";
import { ZONE_LABEL } from "../shared/policy/zones.ts";
import { Certificates } from "./front/certificates.ts";
import { frontCommand } from "./front/front-command.ts";
import type { FrontProcessOptions } from "./front/run-front.ts";
import type { AgentOptions, IngressRole, RunRole } from "./lifecycle/agent-options.ts";
import { type JoinFlags, joinOptions, unixSocket, withJoinFlags } from "./lifecycle/join-flags.ts";
import { advertisedHost, type HostPort, parseHostPort } from "./lifecycle/ports.ts";
import { StopRequest } from "./lifecycle/stop-request.ts";
import { isLoopback } from "./proxy/loopback.ts";
import { Log } from "./telemetry/log.ts";
import type { ChosenLines } from "./telemetry/log-access.ts";

interface CommonFlags extends JoinFlags {
  readonly state: string;
  readonly instance?: string;
  readonly admin: HostPort;
  readonly zone?: string;
  readonly insecure?: true;
  readonly accessLog: ChosenLines;
}
interface RunFlags extends CommonFlags {
  readonly label: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly inbound: HostPort;
  readonly advertise?: HostPort;
  readonly outbound: HostPort;
  readonly workloadApi?: string;
  readonly propagation: boolean;
  readonly expose?: HostPort;
  readonly exposeCert?: string;
  readonly exposeKey?: string;
}
interface IngressFlags extends CommonFlags {
  readonly listen: HostPort;
  readonly advertise?: HostPort;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

const RUN_EXAMPLES = `
Examples:
  $ selvage-agent run --state /var/lib/orders --join sjt1.eyJ... -- node orders.js
      Enrols with the join token, starts orders.js with PORT and HTTP_PROXY set, and serves it in the mesh.
      Started again, it needs no token. The application calls others as http://inventory.mesh/...

  $ SELVAGE_JOIN_TOKEN=sjt1.eyJ... selvage-agent run --state ./state --port 0 --label version=v2 -- npm start
      The application listens on a free port that it finds in PORT; the label puts it into a subset.

  $ selvage-agent run --control https://control.shop.example --join-oidc-token-file /var/run/secrets/selvage/token -- ./orders
      Joins by the pod's service account token, as the document's rules (\`mesh.join\`) say.

  $ selvage-agent run --control https://control.shop.example --svid-from unix:///run/spire/agent.sock -- ./orders
      Its identity is the SVID that SPIRE gives it, as \`mesh.identity.spiffe\` of the document names services.

  $ selvage-agent run --inbound 0.0.0.0:15443 --advertise 10.0.0.5 -- ./orders
      Callers on other machines reach it at 10.0.0.5:15443.

  $ selvage-agent run --expose 0.0.0.0:443 --expose-cert cert.pem --expose-key key.pem -- ./orders
      Serves clients outside, too, by the \`expose\` of its service in the document.`;

const INGRESS_EXAMPLES = `
Examples:
  $ selvage-agent ingress --state /var/lib/ingress --join sjt1.eyJ... --listen 127.0.0.1:8790
      Takes the gateway's requests on this machine.

  $ selvage-agent ingress --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem
      Takes them from elsewhere, over TLS.

  $ selvage-agent ingress --listen 0.0.0.0:443 --advertise ingress-1.shop.example --tls-cert cert.pem --tls-key key.pem
      One of several: gateways hear from the control plane where each is, and acknowledge when it leaves.`;

const address = (text: string): HostPort => {
  try {
    return parseHostPort(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
};

const port = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) throw new InvalidArgumentError("expected 0 to 65535");
  return number;
};

const label = (text: string, labels: Readonly<Record<string, string>>): Record<string, string> => {
  const [, name, value] = /^([^=\s]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("expected NAME=VALUE, such as version=v2");
  return { ...labels, [name]: value };
};

const zone = (text: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) throw new InvalidArgumentError("expected a name such as eu-1a");
  return text;
};

/** Which requests get a line in the access log. */
const chosenLines = (text: string): ChosenLines => {
  const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text)?.[1];
  if (text === "all") return { share: 1, failures: true };
  if (text === "failures") return { share: 0, failures: true };
  if (text === "none") return { share: 0, failures: false };
  if (percent === undefined || Number(percent) > 100)
    throw new InvalidArgumentError("expected all, failures, none, or a share such as 5%");
  return { share: Number(percent) / 100, failures: true };
};

/** A listener that takes a free port of this machine unless it is told another. */
const listener = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(address).default({ host: "127.0.0.1", port: 0 }, "a free port of 127.0.0.1");

function withCommonFlags(command: Command): Command {
  return withJoinFlags(command)
    .option("--state <folder>", "where identity and last good plan are kept", ".selvage-agent")
    .option("--instance <name>", "name of this instance, unique in the trust domain (default: made from the host's)")
    .addOption(listener("--admin <address>", "health, metrics, configuration"))
    .option("--zone <name>", "zone that it runs in, such as eu-1a; label `zone` of its instance", zone)
    .addOption(
      new Option("--access-log <which>", "lines for all requests, failures, none, or failures and a share such as 5%")
        .argParser(chosenLines)
        .default({ share: 1, failures: true }, "all"),
    )
    .option("--insecure", "allow plain HTTP off loopback: listeners, and calls to the control plane");
}

function commandLine(
  act: (options: AgentOptions) => Promise<void>,
  runFront: (options: FrontProcessOptions) => Promise<void>,
): Command {
  const program = new Command("selvage-agent").description("The mesh beside a service.").helpCommand(false);
  withCommonFlags(program.command("run"))
    .description("run an application in the mesh: starts it when the agent is ready, drains before it stops it")
    .argument("<command...>", "the application and its arguments, after --")
    .addOption(
      new Option("--label <name=value>", "label of this instance (repeatable)").argParser(label).default({}, "none"),
    )
    .option("--port <number>", "port of the application; 0: a free one, given in PORT (default: the document's)", port)
    .addOption(listener("--inbound <address>", "mTLS listener for the mesh"))
    .option("--advertise <address>", "what callers reach the inbound listener by (default: its own address)", (text) =>
      parseHostPort(text, 0),
    )
    .addOption(listener("--outbound <address>", "listener for the application's calls"))
    .option(
      "--workload-api <socket>",
      "serve the SPIFFE Workload API there, such as unix:///run/orders/spiffe.sock",
      unixSocket,
    )
    .option("--no-propagation", "load nothing into the application: it passes traceparent on itself")
    .option("--expose <address>", "public TLS listener (default: the document's `listen`)", address)
    .option(
      "--expose-cert <file>",
      "PEM certificate of the public listener, with its issuers; read again when it changes",
    )
    .option("--expose-key <file>", "PEM key of the public listener")
    .addHelpText("after", RUN_EXAMPLES)
    .action((command: string[], flags: RunFlags) => {
      const role = runRole(command, flags);
      return act({ ...commonOptions(flags), zone: role.labels[ZONE_LABEL], role });
    });
  withCommonFlags(program.command("ingress"))
    .description("bring the gateway's requests into the mesh")
    .requiredOption("--listen <address>", "listener for the gateway", address)
    .option("--advertise <address>", "what gateways reach it by, one of several (default: a fixed address)", (text) =>
      parseHostPort(text, 0),
    )
    .option("--tls-cert <file>", "PEM certificate of the listener")
    .option("--tls-key <file>", "PEM key of the listener")
    .addHelpText("after", INGRESS_EXAMPLES)
    .action((flags: IngressFlags) => act({ ...commonOptions(flags), role: ingressRole(flags) }));
  program.addCommand(frontCommand(runFront));
  return program;
}

function commonOptions(flags: CommonFlags): Omit<AgentOptions, "role"> {
  refusePlain("--admin", flags.admin, flags);
  return {
    stateFolder: flags.state,
    instance: flags.instance ?? `${hostname()}-${randomBytes(3).toString("hex")}`,
    ...joinOptions(flags, process.env),
    admin: flags.admin,
    zone: flags.zone,
    insecure: flags.insecure === true,
    accessLog: flags.accessLog,
  };
}

function runRole(command: readonly string[], flags: RunFlags): RunRole {
  refusePlain("--outbound", flags.outbound, flags);
  const { label, port: appPort, inbound, outbound, workloadApi, propagation } = flags;
  const labels = flags.zone === undefined ? label : { ...label, [ZONE_LABEL]: flags.zone };
  const advertise = flags.advertise ?? { host: advertisedHost(inbound.host), port: 0 };
  const { expose, exposeCert: cert, exposeKey: key } = flags;
  if ((cert === undefined) !== (key === undefined)) throw new Error("--expose-cert and --expose-key belong together");
  if (expose !== undefined && cert === undefined) throw new Error("--expose needs --expose-cert and --expose-key");
  const exposeCertificates =
    cert === undefined || key === undefined ? undefined : new Certificates({ pairs: [{ cert, key }] });
  return {
    kind: "run",
    command,
    labels,
    appPort,
    inbound,
    outbound,
    advertise,
    workloadApi,
    propagation,
    expose,
    exposeCertificates,
  };
}

function ingressRole(flags: IngressFlags): IngressRole {
  const { listen, tlsCert, tlsKey } = flags;
  const advertise = flags.advertise && advertisedIngress(flags.advertise, listen);
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new Error("--tls-cert and --tls-key belong together");
  if (tlsCert === undefined || tlsKey === undefined) {
    refusePlain("--listen", listen, flags, " or give --tls-cert and --tls-key");
    return { kind: "ingress", listen, advertise, tls: undefined };
  }
  return { kind: "ingress", listen, advertise, tls: { cert: readPem(tlsCert), key: readPem(tlsKey) } };
}

/** Gateways put it into URLs. */
function advertisedIngress({ host, port }: HostPort, listen: HostPort): HostPort {
  const told = { host, port: port || listen.port };
  if (told.port === 0) throw new Error("--advertise needs a port where --listen takes any free one");
  if (ingressAddress(host, told.port) === undefined)
    throw new Error(`--advertise ${JSON.stringify(host)} is neither a name nor an address of a host`);
  return told;
}

/** Whoever reaches a plain listener speaks with this agent's identity, or reads what it knows. */
function refusePlain(flag: string, { host }: HostPort, { insecure }: CommonFlags, otherwise = ""): void {
  if (!isLoopback(host) && insecure !== true)
    throw new Error(
      `${flag} ${host} is not loopback and plain HTTP: listen on 127.0.0.1${otherwise}, or add --insecure`,
    );
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`);
  }
}

/** @returns exit code */
async function main(argv: readonly string[]): Promise<number> {
  const log = new Log();
  const stop = new StopRequest();
  let code = 0;
  // A defect in the handling of one request must not take the others, and the application, along.
  process.on("uncaughtException", (error) => log.event("defect", error.stack ?? error.message));
  const stopOnSignal = (): void => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.stop(signal));
  };
  // Each is loaded alone: a process keeps in memory what it has loaded.
  const program = commandLine(
    async (options) => {
      stopOnSignal();
      for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => stop.passOn(signal));
      const { runAgent } = await import("./agent.ts");
      code = await runAgent(options, log, stop);
    },
    async (options) => {
      stopOnSignal();
      const { runFront } = await import("./front/run-front.ts");
      code = await runFront(options, log, stop);
    },
  );
  try {
    await program.parseAsync(argv);
  } catch (error) {
    log.say((error as Error).message);
    code = 1;
  }
  // Ending in order would wait without an end for the thread that a reader who does not read keeps.
  if (!(await log.close())) process.kill(process.pid, "SIGKILL");
  return code;
}

process.exit(await main(process.argv));
