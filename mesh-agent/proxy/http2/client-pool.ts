/** Connections to one endpoint over HTTP/2: few, long-lived, shared by all requests. */
import * as net from "node:net";
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import { type ConnectFailure, type Connecting, type ConnectOptions, connect } from "../connect.ts";
import { requestDeadlines } from "../deadline-watch.ts";
import type { ClientExchange, ClientPool, RequestHead } from "../engine.ts";
import { ClientConnection, type ClientSettings, type ConnectionPool } from "./client-connection.ts";
import { type ExchangeWaitingRoom, Http2ClientExchange } from "./client-exchange.ts";

export interface Http2PoolOptions extends ConnectOptions {
  readonly maxConnections?: number;
  /** Requests that wait for a connection; more are refused. */
  readonly maxPending?: number;
  /** Requests after which a connection is not used again. */
  readonly requestsPerConnection?: number;
  readonly idleMs?: number;
  readonly stallTimeoutMs?: number;
  /** Silence with requests in flight after which the peer is asked whether it lives; Infinity: never. */
  readonly pingAfterMs?: number;
  /** And given up when there is no answer for so long. */
  readonly pingTimeoutMs?: number;
  /** Dynamic table that the peer may use, in bytes. */
  readonly headerTableBytes?: number;
  /** For tunnels, which last: few on each connection, so that readers who stand still hold up nobody else's bytes. */
  readonly tunnels?: boolean;
  /** No connection is left and none could be made. */
  readonly onUnreachable?: () => void;
}

export interface Http2ClientPool extends ClientPool {
  /** Streams that are open or wait for their connection. */
  readonly streams: number;
  /** Uses a connection to the endpoint that somebody else has made. */
  adopt(socket: net.Socket): void;
}

class Http2Pool implements Http2ClientPool, ConnectionPool, ExchangeWaitingRoom {
  readonly #options: Http2PoolOptions;
  readonly #settings: ClientSettings;
  readonly #maxConnections: number;
  readonly #maxWhenFull: number;
  readonly #maxPending: number;
  /** Those that take requests, and all that are open. */
  readonly #usable: ClientConnection[] = [];
  readonly #open = new Set<ClientConnection>();
  readonly #waiting: Http2ClientExchange[] = [];
  #connecting: Connecting | undefined;
  #closed = false;

  constructor(options: Http2PoolOptions) {
    this.#options = options;
    const tunnels = options.tunnels ?? false;
    const { connectionsPerEndpointMax, tunnelConnectionsMax, tunnelsPerConnectionMax } = limits.http2;
    this.#maxWhenFull = tunnels
      ? tunnelConnectionsMax
      : (options.maxConnections ?? limits.agent.connectionsPerEndpointMax);
    this.#maxConnections = tunnels ? tunnelConnectionsMax : Math.min(this.#maxWhenFull, connectionsPerEndpointMax);
    this.#maxPending = options.maxPending ?? limits.agent.pendingMax;
    this.#settings = {
      streamsMax: tunnels ? tunnelsPerConnectionMax : Number.POSITIVE_INFINITY,
      awaitsSettings: tunnels,
      idleMs: options.idleMs ?? limits.http2.idleConnectionMs,
      stallTimeoutMs: options.stallTimeoutMs ?? limits.agent.stallTimeoutMs,
      pingAfterMs: options.pingAfterMs ?? limits.http2.pingAfterMs,
      pingTimeoutMs: options.pingTimeoutMs ?? limits.http2.pingTimeoutMs,
      headerTableBytes: options.headerTableBytes ?? limits.http2.headerTableBytes,
      requestsMax: options.requestsPerConnection ?? Number.POSITIVE_INFINITY,
    };
  }

  send(head: RequestHead, timeoutMs: number): ClientExchange {
    const scheme = this.#options.tls === undefined ? "http" : "https";
    const exchange = new Http2ClientExchange(this.#withHost(head), scheme, this);
    if (this.#closed) exchange.fail("refused", "the pool is closed");
    else if (this.#waiting.length >= this.#maxPending) exchange.fail("refused", "too many requests wait already");
    else {
      requestDeadlines.arm(exchange, timeoutMs);
      const connection = this.#pick();
      if (connection === undefined) this.#waiting.push(exchange);
      else start(connection, exchange);
      if (connection === undefined || connection.isBusy) this.#openAnother();
    }
    return exchange;
  }

  warm(): void {
    if (this.#usable.length === 0) this.#openAnother();
  }

  #withHost(head: RequestHead): RequestHead {
    if (head.fields.has("host") || head.method === "CONNECT") return head;
    const { host, port } = this.#options;
    const fields = FieldList.from([["host", `${net.isIPv6(host) ? `[${host}]` : host}:${port}`], ...head.fields]);
    return { ...head, fields };
  }

  /** The one with the fewest requests in flight. */
  #pick(): ClientConnection | undefined {
    let best: ClientConnection | undefined;
    for (const connection of this.#usable)
      if (connection.room > 0 && (best === undefined || isBetter(connection, best))) best = connection;
    return best;
  }

  #openAnother(): void {
    if (this.#connecting !== undefined || this.#closed) return;
    // Those that are leaving do not count: who waits for them to end might wait for long. Where every stream is taken, which may
    // be so for hours, requests get more connections.
    const isFull = this.#usable.every(({ room }) => room === 0);
    if (this.#usable.length >= (isFull ? this.#maxWhenFull : this.#maxConnections)) return;
    this.#connecting = connect(this.#options, ["h2"], {
      connected: (socket) => this.#connected(socket),
      failed: (failure) => this.#failed(failure),
    });
  }

  #connected(socket: net.Socket): void {
    this.#connecting = undefined;
    this.adopt(socket);
  }

  adopt(socket: net.Socket): void {
    const connection = new ClientConnection(this, socket, this.#settings);
    this.#open.add(connection);
    this.#usable.push(connection);
    this.hasRoom(connection);
    if (this.#waiting.length > 0) this.#openAnother();
  }

  /** Those that wait for this connection fail with it, unless another serves them. */
  #failed({ kind, reason, cause }: ConnectFailure): void {
    this.#connecting = undefined;
    if (this.#usable.length > 0) return;
    this.#options.onUnreachable?.();
    for (const exchange of this.#waiting.splice(0)) exchange.fail(kind, reason, cause);
  }

  hasRoom(connection: ClientConnection): void {
    while (this.#waiting.length > 0 && connection.room > 0)
      start(connection, this.#waiting.shift() as Http2ClientExchange);
  }

  get streams(): number {
    let streams = this.#waiting.length;
    for (const connection of this.#open) streams += connection.active;
    return streams;
  }

  left(connection: ClientConnection): void {
    const at = this.#usable.indexOf(connection);
    if (at >= 0) this.#usable.splice(at, 1);
    if (this.#waiting.length === 0 || this.#usable.length > 0) return;
    // A peer that hangs up instead of saying what it takes, as one does that refuses this agent, would do so again and again.
    if (this.#settings.awaitsSettings && !connection.isGreeted)
      this.#failed({ kind: "connect", reason: "the peer closed the connection before it said what it takes" });
    else this.#openAnother();
  }

  ended(connection: ClientConnection): void {
    this.#open.delete(connection);
    if (this.#waiting.length > 0 && this.#usable.length === 0) this.#openAnother();
  }

  /** A waiting exchange has timed out or was given up. */
  drop(exchange: Http2ClientExchange): void {
    const at = this.#waiting.indexOf(exchange);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  counts(): { readonly open: number; readonly idle: number; readonly waiting: number; readonly active: number } {
    let active = 0;
    for (const connection of this.#open) if (connection.active > 0) active++;
    const open = this.#open.size;
    return { open, idle: open - active, waiting: this.#waiting.length, active };
  }

  close(): void {
    this.#closed = true;
    for (const exchange of this.#waiting.splice(0)) exchange.fail("refused", "the pool was closed");
    this.#connecting?.cancel();
    for (const connection of [...this.#open]) connection.retire();
  }
}

function start(connection: ClientConnection, exchange: Http2ClientExchange): void {
  if (exchange.upgrade === undefined || connection.takesUpgrades) connection.start(exchange);
  else exchange.failUnprocessed("the peer takes no upgrades over HTTP/2");
}

/** Bodies that wait for room weigh more than any number of requests. */
function isBetter(one: ClientConnection, other: ClientConnection): boolean {
  if (one.isBusy !== other.isBusy) return other.isBusy;
  return one.active < other.active;
}

/** Makes a pool; connections are opened when they are needed. */
export function createHttp2Pool(options: Http2PoolOptions): Http2ClientPool {
  return new Http2Pool(options);
}
