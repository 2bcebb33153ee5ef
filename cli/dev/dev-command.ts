/** `selvage dev`: gateway and control plane on workerd, and a document that is live as soon as it is saved. */
import { existsSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import type { Document } from "../../shared/config/schema.ts";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { dev as bounds } from "../../shared/limits/dev.ts";
import { openDescription } from "../artifacts/build-contract.ts";
import { documentFolder } from "../artifacts/document-folder.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { codeSource } from "../code/check-code.ts";
import { ControlClient } from "../control-client.ts";
import { exampleRequest } from "../init/example-request.ts";
import { operationsOf } from "../init/scan.ts";
import { prepareAgent } from "../local/agent-program.ts";
import { plainFront } from "../local/front-process.ts";
import { codeOfDocument } from "../local/live-document.ts";
import { LOOPBACK, parsePort } from "../local/ports.ts";
import { connectionsOf } from "../local/process-info.ts";
import { stateFolderOf } from "../local/state-folder.ts";
import { type OpenSystem, openSystem, startRenewable } from "../local/system.ts";
import { type JsonOption, jsonOption } from "../options.ts";
import { print, say } from "../output.ts";
import { choosePort } from "./choose-port.ts";
import { DevSession } from "./dev-session.ts";
import { followLog } from "./follow-log.ts";
import { isTracked, readLocalVariables, useVariables } from "./local-variables.ts";
import { type LiveDocument, requestLine } from "./request-line.ts";
import { type StubOperation, stubAnswer, stubOperations } from "./stub-operations.ts";
import { type StubProxy, startStubProxy } from "./stub-proxy.ts";
import { FileWatch } from "./watch-files.ts";

interface Options extends JsonOption {
  readonly gatewayPort?: string;
  readonly controlPort?: string;
  readonly ingressUrl: string;
  readonly state?: string;
  readonly stub?: boolean;
}

export function devCommand(): Command {
  return new Command("dev")
    .description("Run the gateway and the control plane here, and make the document live each time it is saved.")
    .argument("[file]", "document in YAML or JSON", "selvage.yaml")
    .option("--stub", "where an upstream does not answer, answer with the examples of its API description")
    .option("--gateway-port <port>", "port of the gateway, or the next that is free (SELVAGE_GATEWAY_PORT, else 8787)")
    .option("--control-port <port>", "port of the control API, or the next (SELVAGE_CONTROL_PORT, else 8788)")
    .option("--ingress-url <url>", "where the gateway reaches the mesh's ingress agent", "http://127.0.0.1:8790")
    .option("--state <folder>", "state folder (SELVAGE_STATE, else .selvage)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Requests are lines on stdout (with --json as the access log has them), everything else is said on stderr.
Variables and secrets are read from .dev.vars or .env beside the document: NAME=value is \${env:NAME} and \${secret:NAME}.

Examples:
  selvage dev
  selvage dev api/selvage.yaml --stub`,
    )
    .action(dev);
}

async function dev(name: string, options: Options): Promise<void> {
  if (name === "-") throw new CliError(exitCodes.usage, "dev watches a file: it cannot be stdin");
  if (!existsSync(name)) throw new CliError(exitCodes.usage, `there is no file ${name}: selvage init writes one`);
  if (options.state !== undefined) process.env.SELVAGE_STATE = path.resolve(options.state);
  const ports = await choosePorts(options);
  const system = await openSystem({
    state: stateFolderOf(options.state),
    restart: true,
    ports: [
      { name: "gateway", host: LOOPBACK, port: ports.gateway, setting: "--gateway-port" },
      { name: "control API", host: LOOPBACK, port: ports.control, setting: "--control-port" },
    ],
    stopOrder: [["front"], ["gateway"], ["control"]],
  });
  try {
    await run(system, name, options, ports);
  } catch (error) {
    if (system.stopping()) return;
    await system.stop();
    throw error;
  }
}

async function choosePorts(options: Options): Promise<{ gateway: number; control: number }> {
  const wished = parsePort(options.gatewayPort ?? process.env.SELVAGE_GATEWAY_PORT, 8787, "--gateway-port");
  const other = parsePort(options.controlPort ?? process.env.SELVAGE_CONTROL_PORT, 8788, "--control-port");
  const gateway = await choosePort(
    { name: "gateway", port: wished, setting: "--gateway-port" },
    LOOPBACK,
    new Set(),
    say,
  );
  const wish = { name: "control API", port: other, setting: "--control-port" };
  return { gateway, control: await choosePort(wish, LOOPBACK, new Set([gateway]), say) };
}

async function run(
  system: OpenSystem,
  name: string,
  options: Options,
  ports: { gateway: number; control: number },
): Promise<void> {
  const stubs = new Stubs(name);
  const proxy = options.stub ? await stubs.start() : undefined;
  // The session takes them over; here they are needed to start with.
  const variables = readLocalVariables(path.dirname(path.resolve(name)));
  const given = useVariables(variables?.values ?? {}, process.env, new Map());
  const code = codeOfDocument(name, process.env) ?? codeSource({ selvage: 1, name: "none" }, name);
  const { local, renewGateway } = await startRenewable(system, {
    front: plainFront(prepareAgent(system.state), ports.gateway),
    controlPort: ports.control,
    ingressUrl: options.ingressUrl,
    code,
    gatewayLeaseMs: bounds.gatewayLeaseMs,
    ...(proxy !== undefined && { outboundProxy: proxy.address }),
  });
  const session = new DevSession({
    name,
    control: new ControlClient({ url: local.control, token: local.adminToken }),
    say: system.say,
    connections: () => connectionsOf(ports.gateway),
    renewGateway,
    started: { code, variables, given },
  });
  followLog(system.supervisor.logFile("gateway"), (line) => {
    const entry = readEntry(line);
    if (entry === undefined) return;
    print(options.json ? line : requestLine(entry, session.live, stubs.takeFor(entry.traceId)));
  });
  const refresh = oneAtATime(async () => {
    if (await session.refresh()) watched.set(session.files);
    stubs.use(session.live);
  });
  const watched = new FileWatch(() => void refresh());
  watched.set(session.files);
  await refresh();
  if (variables !== undefined && isTracked(variables.file))
    say(
      `hint: git does not ignore ${path.basename(variables.file)}: echo ${path.basename(variables.file)} >> .gitignore`,
    );
  say(ready(local.gateway, local.control, session, name, options.stub === true));
}

function ready(gateway: string, control: string, session: DevSession, name: string, isStubbed: boolean): string {
  const folder = path.dirname(path.resolve(name));
  const own = [...new Set(session.files.map((file) => path.relative(folder, file)))].filter(
    (file) => file !== ".dev.vars" && file !== ".env",
  );
  const listed = own.length > 6 ? `${own.slice(0, 6).join(", ")} and ${own.length - 6} more` : own.join(", ");
  const target = session.live === undefined ? "/" : exampleTarget(session.live.document, name);
  return `
selvage dev ready

  gateway      ${gateway}${isStubbed ? "   (examples answer where an upstream does not)" : ""}
  control API  ${control}
  watching     ${listed}

  Try: curl -i ${gateway}${target}
  Why: selvage explain GET ${target}
`;
}

/** A path that the first route takes, by its description where it has one. */
function exampleTarget({ gateway }: Document, name: string): string {
  const [route] = gateway?.routes ?? [];
  const base = typeof route?.match.path === "string" ? route.match.path : "/";
  const contract = (route?.validate || undefined)?.contract;
  const settings = contract === undefined ? undefined : gateway?.contracts?.[contract];
  const description = settings && openDescription(settings, documentFolder(name));
  const gets = description && operationsOf(description).filter(({ method }) => method === "GET");
  const described = gets && exampleRequest(gets, description, base.replace(/\/?\*$/, ""));
  return described?.url ?? base.replace(/\*|\{[^}]*\}/g, "1");
}

function readEntry(line: string): AccessLogEntry | undefined {
  if (!line.startsWith("{") || !line.includes('"kind":"access"')) return undefined;
  try {
    return JSON.parse(line) as AccessLogEntry;
  } catch {
    return undefined;
  }
}

/** Calls during a run are one more run after it. A run that fails is told, and does not end what watches. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const loop = async (): Promise<void> => {
    do {
      again = false;
      await work().catch((fault: unknown) => say(fault instanceof Error ? fault.message : String(fault)));
    } while (again);
    running = undefined;
  };
  return () => {
    again = true;
    running ??= loop();
    return running;
  };
}

/** Examples of the descriptions of the document that is live, and which requests they answered. */
class Stubs {
  readonly #name: string;
  readonly #answered = new Map<string, string>();
  #operations: readonly StubOperation[] = [];
  #of: LiveDocument | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  start(): Promise<StubProxy> {
    return startStubProxy(
      (method, url, accept) => stubAnswer(this.#operations, method, url, accept),
      (traceId, operation) => {
        if (traceId === undefined) return;
        if (this.#answered.size >= bounds.stubsRemembered) this.#answered.clear();
        this.#answered.set(traceId, operation);
      },
    );
  }

  use(live: LiveDocument | undefined): void {
    if (live === undefined || live === this.#of) return;
    this.#of = live;
    this.#operations = stubOperations(live.document, this.#name);
  }

  takeFor(traceId: string): string | undefined {
    const operation = this.#answered.get(traceId);
    this.#answered.delete(traceId);
    return operation;
  }
}
