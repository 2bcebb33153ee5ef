/** HTTP/1.1 for those who call us: a listener whose connections become exchanges. */
import * as net from "node:net";
import * as tls from "node:tls";
import { limits } from "../../../shared/limits.ts";
import type { Peer, ServerEngine, ServerExchange } from "../engine.ts";
import { secureContextOptions, spiffeIdOfSocket, type TlsIdentity } from "../tls-peer.ts";
import type { MessageFault } from "./field-scanner.ts";
import { type ConnectionOwner, type ConnectionSettings, ServerConnection } from "./server-connection.ts";

export interface Http1ServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Present: TLS 1.3, HTTP/1.1 by ALPN. */
  readonly tls?: TlsIdentity & {
    /** Default true: a client without a certificate that the roots vouch for and that holds one SPIFFE ID is cut off. */
    readonly requireClientCert?: boolean;
  };
  /** Who the peer is; default: the one URI name of its certificate. */
  readonly spiffeIdOf?: (socket: tls.TLSSocket) => string | undefined;
  /** Accept targets in absolute form and CONNECT. */
  readonly proxy?: boolean;
  /** Plain listeners: answer a client that closed its side after the request; otherwise that counts as going away. */
  readonly allowHalfClose?: boolean;
  /** Default: `limits.agent`. */
  readonly limits?: Partial<Omit<ConnectionSettings, "proxy" | "allowHalfClose"> & { maxConnections: number }>;
  /** A request was refused before it became an exchange; for logs and counters. */
  readonly onRefused?: (fault: MessageFault, peer: Peer) => void;
}

export interface Http1Server extends ServerEngine {
  /** New connections use this identity from now on; those that are open stay. */
  setSecureContext(identity: TlsIdentity): void;
}

class Engine implements Http1Server, ConnectionOwner {
  readonly settings: ConnectionSettings;
  draining = false;
  readonly #server: net.Server;
  readonly #options: Http1ServerOptions;
  readonly #connections = new Set<ServerConnection>();
  #exchanges = 0;
  #callback: ((exchange: ServerExchange) => void) | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: Http1ServerOptions) {
    this.#options = options;
    this.settings = {
      proxy: options.proxy ?? false,
      allowHalfClose: options.allowHalfClose ?? false,
      headTimeoutMs: options.limits?.headTimeoutMs ?? limits.agent.headTimeoutMs,
      keepAliveMs: options.limits?.keepAliveMs ?? limits.agent.keepAliveMs,
      stallTimeoutMs: options.limits?.stallTimeoutMs ?? limits.agent.stallTimeoutMs,
      lingerMs: options.limits?.lingerMs ?? limits.agent.lingerMs,
    };
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls);
    this.#server.maxConnections = options.limits?.maxConnections ?? limits.agent.inboundConnectionsMax;
  }

  #plainServer(): net.Server {
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket, undefined));
  }

  #tlsServer(identity: NonNullable<Http1ServerOptions["tls"]>): net.Server {
    const required = identity.requireClientCert ?? true;
    const spiffeIdOf = this.#options.spiffeIdOf ?? spiffeIdOfSocket;
    const server = tls.createServer({
      ...secureContextOptions(identity),
      requestCert: true,
      rejectUnauthorized: required,
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: limits.agent.handshakeTimeoutMs,
      // Not half-open as the plain listener: a client that leaves during the handshake would not be noticed.
      noDelay: true,
    });
    server.on("secureConnection", (socket) => {
      const spiffeId = spiffeIdOf(socket);
      if (spiffeId === undefined && required) socket.destroy();
      else this.#accept(socket, spiffeId);
    });
    // No log: a port scanner must not be able to fill it.
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #accept(socket: net.Socket, spiffeId: string | undefined): void {
    const address = socket.remoteAddress;
    if (address === undefined) {
      socket.destroy();
      return;
    }
    const peer = { address, port: socket.remotePort ?? 0, ...(spiffeId === undefined ? {} : { spiffeId }) };
    this.#connections.add(new ServerConnection(this, socket, peer));
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.listen.port;
  }

  onExchange(callback: (exchange: ServerExchange) => void): void {
    this.#callback = callback;
  }

  exchange(exchange: ServerExchange): void {
    this.#exchanges++;
    if (this.#callback === undefined) exchange.abort("nobody serves this listener");
    else this.#callback(exchange);
  }

  exchangeOver(): void {
    this.#exchanges--;
  }

  refused(fault: MessageFault, peer: Peer): void {
    this.#options.onRefused?.(fault, peer);
  }

  connectionOver(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  drain(): void {
    this.draining = true;
  }

  counts(): { readonly connections: number; readonly exchanges: number } {
    return { connections: this.#connections.size, exchanges: this.#exchanges };
  }

  setSecureContext(identity: TlsIdentity): void {
    if (this.#server instanceof tls.Server) this.#server.setSecureContext(secureContextOptions(identity));
  }

  async close(graceMs: number): Promise<void> {
    this.draining = true;
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.close();
    if (this.#connections.size > 0) await this.#emptied(graceMs);
    for (const connection of [...this.#connections]) connection.destroy("the listener is closing");
    await stopped;
  }

  #emptied(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createHttp1Server(options: Http1ServerOptions): Promise<Http1Server> {
  const engine = new Engine(options);
  await engine.listen();
  return engine;
}
