/** The front of the gateway as a child of a supervisor: what it listens on, and the private door behind it. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { type ListenAddress, listenText } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { FRONT_KEY, type FrontFields, frontFields } from "../../shared/wire/front-fields.ts";
import type { ChildSpec } from "./child.ts";
import { packageVersion } from "./package-root.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { listens } from "./worker-process.ts";

export interface FrontSettings {
  /** The agent as one file; it may still be in the making. */
  readonly program: Promise<string>;
  /** The first is what the system is known by. */
  readonly listen: readonly ListenAddress[];
  /** Plain listeners that send everybody to https. */
  readonly redirect: readonly ListenAddress[];
  /** PEM files, a certificate for each key. */
  readonly tlsCert: readonly string[];
  readonly tlsKey: readonly string[];
  readonly clientCa?: string;
  /** Health and metrics. */
  readonly admin?: string;
  /** Networks whose connections begin with a header of the PROXY protocol. */
  readonly proxies?: readonly string[];
  /** Options of the front with their values. */
  readonly bounds?: Readonly<Record<string, string>>;
}

/** One listener on loopback, without TLS. */
export const plainFront = (program: Promise<string>, port: number): FrontSettings => ({
  ...{ program, listen: [{ scheme: "http", host: LOOPBACK, port }] },
  ...{ redirect: [], tlsCert: [], tlsKey: [] },
});

/** Where the gateway waits for its front, and by which fields it knows it. */
export interface PrivateDoor {
  /** Absent: a port of loopback, where paths are too long for a socket or the system has none. */
  readonly socketPath?: string;
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly fields: FrontFields;
}

/** @param folder of mode 0700, so that no other user gets to the socket */
export async function privateDoor(folder: string): Promise<PrivateDoor> {
  const key = randomBytes(32).toString("hex");
  const common = { host: LOOPBACK, key, fields: frontFields(key) };
  const socketPath = path.join(folder, "http.sock");
  const fits = process.platform !== "win32" && Buffer.byteLength(socketPath) <= limits.front.socketPathBytesMax;
  return fits ? { ...common, socketPath, port: 0 } : { ...common, port: await freePort() };
}

export async function frontChild(settings: FrontSettings, door: PrivateDoor, logFile: string): Promise<ChildSpec> {
  const { program, listen, redirect, tlsCert, tlsKey, clientCa, admin, proxies = [], bounds = {} } = settings;
  const gateway = door.socketPath === undefined ? `${door.host}:${door.port}` : `unix:${door.socketPath}`;
  const lists = Object.entries({
    "--listen": listen.map(listenText),
    "--redirect": redirect.map(listenText),
    "--tls-cert": tlsCert.map((file) => path.resolve(file)),
    "--tls-key": tlsKey.map((file) => path.resolve(file)),
    "--client-ca": clientCa === undefined ? [] : [path.resolve(clientCa)],
    "--admin": admin === undefined ? [] : [admin],
    "--proxy-protocol": proxies,
  });
  const args = lists.flatMap(([flag, values]) => (values.length === 0 ? [] : [flag, ...values]));
  args.push(...Object.entries(bounds).flat());
  const all = [...listen, ...redirect];
  return {
    name: "front",
    role: "front",
    service: "gateway",
    version: packageVersion,
    command: process.execPath,
    args: [await program, "front", "--gateway", gateway, ...args],
    environment: { TZ: "UTC", [FRONT_KEY]: door.key },
    logFile,
    ports: Object.fromEntries(all.map(({ scheme, port }, at) => [at === 0 ? "http" : `${scheme}-${port}`, port])),
    ready: async (signal) => {
      for (const { host, port } of all) await listens(host === "" ? LOOPBACK : host, port, signal);
    },
  };
}
