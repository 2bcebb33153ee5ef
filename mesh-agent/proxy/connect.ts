/** Making a connection to an endpoint: TCP, and TLS with the identity that the peer must prove. */
import * as net from "node:net";
import * as tls from "node:tls";
import { limits } from "../../shared/limits.ts";
import { type DeadlineWatch, requestDeadlines, type Watched } from "./deadline-watch.ts";
import type { FailReason } from "./engine.ts";
import type { PeerGuard } from "./peer-guard.ts";
import { spiffeIdOfCertificate } from "./tls-peer.ts";
import type { TlsSessions } from "./tls-sessions.ts";

/** With a workload that proves its SPIFFE ID. */
export interface MeshTls {
  /** Asked for each new connection, so that a renewed certificate is used at once; see `createClientContext`. */
  readonly secureContext: () => tls.SecureContext;
  readonly expectedSpiffeId: string;
  /** Of this endpoint and identity alone. Absent: each connection proves everything anew. */
  readonly sessions?: TlsSessions;
  /** Who a peer is in the mesh, and who is refused in spite of a good certificate. */
  readonly guard?: PeerGuard;
}

/** With a server outside of any mesh, whose certificate is for a name (RFC 9525). */
export interface NamedTls {
  readonly secureContext: () => tls.SecureContext;
  readonly serverName: string;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket to connect to instead. */
  readonly socketPath?: string;
  readonly tls?: MeshTls | NamedTls;
  /** Time for TCP and TLS; default `limits.agent.connectTimeoutMs`. */
  readonly connectTimeoutMs?: number;
}

export interface ConnectFailure {
  readonly kind: FailReason;
  readonly reason: string;
  readonly cause?: unknown;
}

const CERTIFICATE_ERROR =
  /^(?:CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_|ERR_TLS_CERT|ERR_PEER_IDENTITY|ERR_SSL_.*(?:ALERT|CERTIFICATE))/;

/** Why a connection never came to be. */
export function connectFailureOf(error: (Error & { code?: string }) | undefined): ConnectFailure {
  if (error === undefined) return { kind: "connect", reason: "the connection was closed while it was made" };
  const kind = CERTIFICATE_ERROR.test(error.code ?? "") ? "identity" : "connect";
  return { kind, reason: error.message, cause: error };
}

/**
 * Begins a connection.
 * @param protocols offered by ALPN where there is TLS
 * @returns the socket, and the event that says that it is usable
 */
export function openSocket(
  { host, port, socketPath, tls: secure }: ConnectOptions,
  protocols: readonly string[],
): { readonly socket: net.Socket; readonly event: "connect" | "secureConnect" } {
  if (socketPath !== undefined) return { socket: net.connect({ path: socketPath }), event: "connect" };
  if (secure === undefined) return { socket: net.connect({ host, port, noDelay: true }), event: "connect" };
  if ("serverName" in secure) return openNamed(host, port, secure, protocols);
  const { guard } = secure;
  const offered = secure.sessions?.offer(guard?.revision);
  const socket = tls.connect({
    host,
    port,
    secureContext: secure.secureContext(),
    ...(offered !== undefined && { session: offered.session }),
    ALPNProtocols: [...protocols],
    rejectUnauthorized: true,
    // Not asked with a session, whose identity was verified when it was made.
    checkServerIdentity: (_name, certificate) =>
      identityError(certificate.raw, secure.expectedSpiffeId, guard) ??
      deniedError(guard?.refuse(secure.expectedSpiffeId, certificate.serialNumber)),
  });
  if (guard !== undefined) socket.once("secureConnect", () => guard.admits(socket) || socket.destroy());
  secure.sessions?.watch(socket, offered, guard);
  socket.setNoDelay(true);
  return { socket, event: "secureConnect" };
}

function openNamed(
  host: string,
  port: number,
  { secureContext, serverName }: NamedTls,
  protocols: readonly string[],
): ReturnType<typeof openSocket> {
  const socket = tls.connect({
    host,
    port,
    secureContext: secureContext(),
    // An address is no name to send (RFC 6066 section 3).
    ...(net.isIP(serverName) === 0 && { servername: serverName }),
    ALPNProtocols: [...protocols],
    rejectUnauthorized: true,
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(serverName, certificate),
  });
  socket.setNoDelay(true);
  return { socket, event: "secureConnect" };
}

function identityError(der: Buffer, expected: string, guard: PeerGuard | undefined): Error | undefined {
  const found = spiffeIdOfCertificate(der);
  if (found === expected || (found !== undefined && guard?.nameOf(found) === expected)) return undefined;
  const error = new Error(`the peer is ${found ?? "nobody"}, not ${expected}`);
  return Object.assign(error, { code: "ERR_PEER_IDENTITY" });
}

function deniedError(reason: string | undefined): Error | undefined {
  return reason === undefined ? undefined : Object.assign(new Error(reason), { code: "ERR_PEER_IDENTITY" });
}

export interface ConnectCallbacks {
  connected(socket: net.Socket): void;
  failed(failure: ConnectFailure): void;
}

/** A connection that is being made. */
export interface Connecting {
  /** Nobody waits for it any more; no callback follows. */
  cancel(): void;
}

/** Makes a connection in the time that it has; one of the callbacks follows. */
export function connect(
  options: ConnectOptions,
  protocols: readonly string[],
  callbacks: ConnectCallbacks,
): Connecting {
  return new Attempt(options, protocols, callbacks);
}

class Attempt implements Connecting, Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #socket: net.Socket;
  #callbacks: ConnectCallbacks | undefined;
  #error: (Error & { code?: string }) | undefined;

  constructor(options: ConnectOptions, protocols: readonly string[], callbacks: ConnectCallbacks) {
    this.#callbacks = callbacks;
    const { socket, event } = openSocket(options, protocols);
    this.#socket = socket;
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.once(event, () => this.#connected());
    requestDeadlines.arm(this, options.connectTimeoutMs ?? limits.agent.connectTimeoutMs);
  }

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #onClose = (): void => {
    requestDeadlines.disarm(this);
    this.#callbacks?.failed(connectFailureOf(this.#error));
    this.#callbacks = undefined;
  };

  #connected(): void {
    requestDeadlines.disarm(this);
    this.#socket.off("close", this.#onClose);
    this.#callbacks?.connected(this.#socket);
    this.#callbacks = undefined;
    this.#socket.off("error", this.#onError);
  }

  cancel(): void {
    this.#callbacks = undefined;
    this.#socket.destroy();
  }

  onDeadline(): void {
    this.#error ??= new Error("no connection in time");
    this.#socket.destroy();
  }
}
