/** Sockets of those who call us: plain or TLS, counted, drained and closed, whatever protocol is spoken on them. */
import * as net from "node:net";
import * as tls from "node:tls";
import { limits } from "../../shared/limits.ts";
import type { Peer, ServerEngine, ServerExchange } from "./engine.ts";
import type { MessageFault } from "./http1/field-scanner.ts";
import type { PeerGuard } from "./peer-guard.ts";
import { secureContextOptions, spiffeIdOfSocket, type TlsIdentity } from "./tls-peer.ts";

/**
 * Takes a socket that is ready.
 * @param protocol what ALPN chose
 * @param source whose connection it is, where that is not whose socket it is
 */
export type Accept = (
  socket: net.Socket,
  protocol: string | undefined,
  source?: Pick<Peer, "address" | "port">,
) => void;

export interface ListenerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Present: TLS 1.3, protocols by ALPN. */
  readonly tls?: TlsIdentity & {
    /** Default true: a client without a certificate that the roots vouch for and that holds one SPIFFE ID is cut off. */
    readonly requireClientCert?: boolean;
    /** Who is cut off in spite of a good certificate. */
    readonly guard?: PeerGuard;
  };
  /** Who the peer is; default: the one URI name of its certificate. */
  readonly spiffeIdOf?: (socket: tls.TLSSocket) => string | undefined;
  /** Makes the server by itself, TLS and all. */
  readonly openServer?: (accept: Accept) => net.Server;
  /** A request was refused before it became an exchange; for logs and counters. */
  readonly onRefused?: (fault: MessageFault, peer: Peer) => void;
}

/** What a listener needs of its connections. */
export interface ListenerConnection {
  /** The peer is to send its next requests elsewhere. */
  drain(): void;
  /** Ends it after the answers in flight, at once without one. */
  close(): void;
  destroy(reason: string): void;
}

/** What a connection needs of its listener. */
export interface ConnectionOwner {
  readonly draining: boolean;
  exchange(exchange: ServerExchange): void;
  exchangeOver(): void;
  refused(fault: MessageFault, peer: Peer): void;
  /** A connection goes on in another protocol. */
  handedOver(from: ListenerConnection, to: ListenerConnection): void;
  connectionOver(connection: ListenerConnection): void;
}

/** A protocol that a client may speak from its first byte on, known by how it begins (RFC 9113 section 3.3). */
export interface PriorKnowledge {
  readonly preface: Buffer;
  readonly speak: (owner: ConnectionOwner, socket: net.Socket, peer: Peer) => ListenerConnection;
}

/** Speaks a protocol on a socket. @param protocol what ALPN chose; undefined: nothing */
export type Speak = (
  owner: ConnectionOwner,
  socket: net.Socket,
  peer: Peer,
  protocol: string | undefined,
) => ListenerConnection;

export class Listener implements ServerEngine, ConnectionOwner {
  draining = false;
  readonly #server: net.Server;
  readonly #options: ListenerOptions;
  readonly #protocols: readonly string[];
  readonly #speak: Speak;
  readonly #connections = new Set<ListenerConnection>();
  #exchanges = 0;
  #callback: ((exchange: ServerExchange) => void) | undefined;
  #onEmpty: (() => void) | undefined;

  /** @param protocols offered by ALPN, the preferred one first */
  constructor(options: ListenerOptions, protocols: readonly string[], maxConnections: number, speak: Speak) {
    this.#options = options;
    this.#protocols = protocols;
    this.#speak = speak;
    this.#server = this.#openServer(options);
    this.#server.maxConnections = maxConnections;
  }

  #openServer({ openServer, tls: identity }: ListenerOptions): net.Server {
    if (openServer !== undefined)
      return openServer((socket, protocol, source) => this.#accept(socket, undefined, protocol, source));
    return identity === undefined ? this.#plainServer() : this.#tlsServer(identity);
  }

  #plainServer(): net.Server {
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket, undefined, undefined),
    );
  }

  #tlsServer(identity: NonNullable<ListenerOptions["tls"]>): net.Server {
    const required = identity.requireClientCert ?? true;
    const spiffeIdOf = this.#options.spiffeIdOf ?? spiffeIdOfSocket;
    const server = tls.createServer({
      ...secureContextOptions(identity),
      requestCert: true,
      rejectUnauthorized: required,
      ALPNProtocols: [...this.#protocols],
      handshakeTimeout: limits.agent.handshakeTimeoutMs,
      // Not half-open as the plain listener: a client that leaves during the handshake would not be noticed.
      noDelay: true,
    });
    server.on("secureConnection", (socket) => {
      const { guard } = identity;
      const certified = guard?.admits(socket) === false ? undefined : spiffeIdOf(socket);
      const spiffeId = certified === undefined || guard === undefined ? certified : guard.nameOf(certified);
      if (spiffeId === undefined && required) socket.destroy();
      else this.#accept(socket, spiffeId, socket.alpnProtocol || undefined);
    });
    // No log: a port scanner must not be able to fill it.
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #accept(
    socket: net.Socket,
    spiffeId: string | undefined,
    protocol: string | undefined,
    source?: Parameters<Accept>[2],
  ): void {
    const address = socket.remoteAddress;
    if (address === undefined) {
      socket.destroy();
      return;
    }
    const { port } = source ?? { port: socket.remotePort ?? 0 };
    const peer = { address: source?.address ?? address, port, ...(spiffeId === undefined ? {} : { spiffeId }) };
    this.#connections.add(this.#speak(this, socket, peer, protocol));
  }

  /** @throws the error of `listen`, such as EADDRINUSE */
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

  handedOver(from: ListenerConnection, to: ListenerConnection): void {
    this.#connections.delete(from);
    this.#connections.add(to);
    if (this.draining) to.drain();
  }

  connectionOver(connection: ListenerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    for (const connection of this.#connections) connection.drain();
  }

  counts(): { readonly connections: number; readonly exchanges: number } {
    return { connections: this.#connections.size, exchanges: this.#exchanges };
  }

  /** New connections use this identity from now on; those that are open stay. */
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
