/** A WorkerDefinition and the values of its bindings become a configuration of plain `workerd serve` (Cap'n Proto text). */
import path from "node:path";
import type { FrontFields } from "../../shared/wire/front-fields.ts";
import { WorkerConfigError, type WorkerDefinition } from "./wrangler-config.ts";

/** What wrangler.toml leaves open. */
export interface WorkerValues {
  /** Folder of the modules, relative to that of the configuration file, and their names, the entry first. */
  readonly modules: { readonly folder: string; readonly names: readonly string[] };
  readonly listen: { readonly host: string; readonly port: number } | { readonly socketPath: string };
  /** Fields in which a front tells of the client's connection; absent: clients themselves are connected. */
  readonly front?: FrontFields;
  /** Sockets for other entrypoints of the Worker than its own. */
  readonly entrypoints?: readonly EntrypointSocket[];
  /** Folder of the Durable Objects' databases, absolute; it must exist. */
  readonly objectsFolder: string;
  /** Texts that replace or add to the `vars`. */
  readonly vars: Readonly<Record<string, string>>;
  /** Names of secret bindings; the process gets their values as environment variables of `environmentName(name)`. */
  readonly secrets: readonly string[];
  /** Service binding to what answers it, or to the `host:port` of an HTTP server; also such as are not in wrangler.toml. */
  readonly services: Readonly<Record<string, string | BoundService>>;
  /** `host:port` of an HTTP proxy that everything goes through which no binding answers. Absent: there is none. */
  readonly outboundProxy?: string;
  /** Folder of the configuration file, absolute; files of `services` are named from there. Absent: there are none. */
  readonly folder?: string;
}

/** What answers a service binding. */
export interface BoundService {
  /** `host:port`. Absent: wherever the URL of a request leads. */
  readonly address?: string;
  /** Absent: plain HTTP. */
  readonly tls?: {
    /** Whom the server has to be, and is asked for. Absent: the host of the address or URL. */
    readonly host?: string;
    /** Absent: no certificate is shown, and public CAs are believed. */
    readonly identity?: TlsIdentity;
  };
}

/** Whom a client shows itself as, and whom it believes. */
export interface TlsIdentity {
  /** Files in PEM, absolute. */
  readonly certificate: string;
  readonly key: string;
  /** Certificates of CAs, each in PEM, that are believed instead of the public ones. */
  readonly authorities?: readonly string[];
}

/** A named entrypoint, and where it is served. */
export interface EntrypointSocket {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Environment variable by which a secret reaches workerd, so that it stands in no file and no command line. */
export function environmentName(secret: string): string {
  return `SELVAGE_BINDING_${secret}`;
}

/** @throws WorkerConfigError when a binding that the Worker needs has no value */
export function workerdConfig(worker: WorkerDefinition, values: WorkerValues): string {
  refuseMissing(worker, values);
  const services = [
    `(name = "main", worker = .worker)`,
    `(name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))`,
    ...Object.entries(values.services).map(
      ([binding, service]) => `(name = ${text(`service:${binding}`)}, ${boundService(service, values.folder ?? "")})`,
    ),
  ];
  const { outboundProxy } = values;
  if (outboundProxy !== undefined)
    services.push(`(name = "outbound", external = (address = ${text(outboundProxy)}, http = (style = proxy)))`);
  const hasObjects = worker.durableObjects.length > 0;
  if (hasObjects) services.push(`(name = "objects", disk = (path = ${text(values.objectsFolder)}, writable = true))`);
  const fields = [
    `modules = ${list(modules(values), "    ")}`,
    `compatibilityDate = ${text(worker.compatibilityDate)}`,
    `compatibilityFlags = ${list(worker.compatibilityFlags.map(text), "")}`,
    `bindings = ${list(bindings(worker, values), "    ")}`,
  ];
  if (outboundProxy !== undefined) fields.push(`globalOutbound = "outbound"`);
  if (hasObjects) {
    fields.push(
      `durableObjectNamespaces = ${list(namespaces(worker), "    ")}`,
      `durableObjectStorage = (localDisk = "objects")`,
    );
  }
  const sockets = [
    `(name = "http", address = ${text(addressOf(values.listen))}, http = ${httpOptions(values.front)}, service = "main")`,
    ...(values.entrypoints ?? []).map(
      (socket) =>
        `(name = ${text(socket.name)}, address = ${text(addressOf(socket))}, http = (), service = (name = "main", entrypoint = ${text(socket.name)}))`,
    ),
  ];
  return `# Generated from wrangler.toml at each start; changes are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = ${list(services, "    ")},
  sockets = ${list(sockets, sockets.length > 1 ? "    " : "")},
);

const worker :Workerd.Worker = (
  ${fields.join(",\n  ")},
);
`;
}

function modules({ modules: { folder, names } }: WorkerValues): string[] {
  return names.map((name) => `(name = ${text(name)}, esModule = embed ${text(path.posix.join(folder, name))})`);
}

function boundService(service: string | BoundService, folder: string): string {
  const { address, tls } = typeof service === "string" ? { address: service } : service;
  if (tls === undefined) return `external = (address = ${text(address ?? "")}, http = ())`;
  const options = tlsOptions(tls.identity, folder);
  if (address === undefined) return `network = (allow = ["public", "private"], tlsOptions = ${options})`;
  const host = tls.host === undefined ? "" : `, certificateHost = ${text(tls.host)}`;
  return `external = (address = ${text(address)}, https = (options = (), tlsOptions = ${options}${host}))`;
}

/** Keys stay in their own files. */
function tlsOptions(identity: TlsIdentity | undefined, folder: string): string {
  if (identity === undefined) return "(trustBrowserCas = true)";
  const embedded = (file: string): string => `embed ${text(path.relative(folder, file))}`;
  const { certificate, key, authorities } = identity;
  const keypair = `keypair = (privateKey = ${embedded(key)}, certificateChain = ${embedded(certificate)})`;
  const trust =
    authorities === undefined ? "trustBrowserCas = true" : `trustedCertificates = ${list(authorities.map(text), "")}`;
  return `(${keypair}, ${trust})`;
}

function httpOptions(front: FrontFields | undefined): string {
  if (front === undefined) return "()";
  return `(cfBlobHeader = ${text(front.connection)}, forwardedProtoHeader = ${text(front.scheme)})`;
}

function addressOf(at: WorkerValues["listen"]): string {
  if ("socketPath" in at) return `unix:${at.socketPath}`;
  const { host, port } = at;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function refuseMissing(worker: WorkerDefinition, values: WorkerValues): void {
  const reasons = [
    ...worker.requiredSecrets
      .filter((name) => !values.secrets.includes(name))
      .map((name) => `secret ${name} has no value`),
    ...worker.services
      .filter(({ binding }) => values.services[binding] === undefined)
      .map(
        ({ binding, service }) =>
          `service binding ${binding}: no address of the Worker ${service} is known (BINDING_${binding}=HOST:PORT)`,
      ),
  ];
  if (reasons.length > 0) {
    throw new WorkerConfigError(reasons.map((reason) => `${worker.configFile}: ${reason}`).join("\n"));
  }
}

function bindings(worker: WorkerDefinition, values: WorkerValues): string[] {
  const secrets = new Set(values.secrets);
  const vars = Object.entries({ ...worker.vars, ...values.vars }).filter(([name]) => !secrets.has(name));
  return [
    ...vars.map(
      ([name, value]) =>
        `(name = ${text(name)}, ${typeof value === "string" ? `text = ${text(value)}` : `json = ${text(JSON.stringify(value))}`})`,
    ),
    ...values.secrets.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(environmentName(name))})`),
    ...Object.keys(values.services).map(
      (binding) => `(name = ${text(binding)}, service = ${text(`service:${binding}`)})`,
    ),
    ...worker.durableObjects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
  ];
}

/** The key names the folder of the databases: the same Worker and class find their objects again after any restart. */
function namespaces(worker: WorkerDefinition): string[] {
  const classes = new Map(worker.durableObjects.map(({ className, sqlite }) => [className, sqlite]));
  return [...classes].map(
    ([className, sqlite]) =>
      `(className = ${text(className)}, uniqueKey = ${text(`${worker.name}-${className}`)}, enableSql = ${sqlite})`,
  );
}

function list(items: readonly string[], indent: string): string {
  if (items.length === 0) return "[]";
  if (indent === "") return `[${items.join(", ")}]`;
  return `[\n${items.map((item) => `${indent}${item},`).join("\n")}\n${indent.slice(2)}]`;
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A Cap'n Proto text literal. */
function text(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must be escaped
  const escaped = value.replace(/["\\\u0000-\u001f\u007f]/g, (character) => {
    return ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${escaped}"`;
}
