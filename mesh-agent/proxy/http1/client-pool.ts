/** Connections to one endpoint over HTTP/1.1. */
import * as net from "node:net";
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type IdleEvent,
  type IdleTime,
  idleTimeMs,
  idleTimeStep,
  newIdleTime,
} from "../../../shared/policy/idle-time.ts";
import { type ConnectFailure, type ConnectOptions, openSocket } from "../connect.ts";
import { requestDeadlines } from "../deadline-watch.ts";
import type { ClientExchange, ClientPool, RequestHead } from "../engine.ts";
import { ClientConnection, type ConnectionPool } from "./client-connection.ts";
import { type ExchangeHost, Http1ClientExchange } from "./client-exchange.ts";

export interface Http1PoolOptions extends ConnectOptions {
  readonly maxConnections?: number;
  /** Requests that wait for a connection; more are refused. */
  readonly maxPending?: number;
  readonly idleMs?: number;
  /** Requests after which a connection is not used again. */
  readonly requestsPerConnection?: number;
  /** The peer says, or shows, how long it keeps idle connections. */
  readonly onKeepAlive?: ((event: "said" | "closed", ms: number) => void) | undefined;
}

class Http1Pool implements ClientPool, ConnectionPool, ExchangeHost {
  readonly requestsMax: number;
  readonly #idleTime: IdleTime;
  readonly #options: Http1PoolOptions;
  readonly #maxConnections: number;
  readonly #maxPending: number;
  readonly #connections = new Set<ClientConnection>();
  /** The one that was used last is at the end and used next: the others may go. */
  readonly #idle: ClientConnection[] = [];
  readonly #waiting: Http1ClientExchange[] = [];
  #connecting = 0;
  #closed = false;

  constructor(options: Http1PoolOptions) {
    this.#options = options;
    this.requestsMax = options.requestsPerConnection ?? Number.POSITIVE_INFINITY;
    this.#idleTime = newIdleTime(options.idleMs ?? limits.agent.idleConnectionMs);
    this.#maxConnections = options.maxConnections ?? limits.agent.connectionsPerEndpointMax;
    this.#maxPending = options.maxPending ?? limits.agent.pendingMax;
  }

  send(head: RequestHead, timeoutMs: number, fresh = false): ClientExchange {
    const exchange = new Http1ClientExchange(this.#withHost(head), this);
    exchange.wantsFresh = fresh;
    if (this.#closed) exchange.fail("refused", "the pool is closed");
    else if (this.#waiting.length >= this.#maxPending) exchange.fail("refused", "too many requests wait already");
    else {
      requestDeadlines.arm(exchange, timeoutMs);
      const connection = fresh ? undefined : this.#takeIdle();
      if (connection !== undefined) connection.start(exchange);
      else {
        this.#waiting.push(exchange);
        // An idle one is in the way of a fresh one.
        if (fresh && this.#connections.size >= this.#maxConnections) this.#idle.shift()?.retire();
        this.#openForWaiting();
      }
    }
    return exchange;
  }

  get idleMs(): number {
    return idleTimeMs(this.#idleTime);
  }

  get isWary(): boolean {
    return Number.isFinite(this.#idleTime.learnedMs);
  }

  idle(event: IdleEvent, ms: number): void {
    idleTimeStep(this.#idleTime, event, ms);
    if (event !== "outlived") this.#options.onKeepAlive?.(event, ms);
    // The others are most likely closed as well, though nobody has heard of it yet.
    if (event === "closed") for (const other of this.#idle.splice(0)) other.retire();
  }

  #withHost(head: RequestHead): RequestHead {
    if (head.fields.has("host")) return head;
    const { host, port } = this.#options;
    const fields = FieldList.from([["host", `${net.isIPv6(host) ? `[${host}]` : host}:${port}`], ...head.fields]);
    return { ...head, fields };
  }

  #takeIdle(): ClientConnection | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.isUsable) return last;
      last.retire();
    }
    return undefined;
  }

  #openForWaiting(): void {
    while (this.#waiting.length > this.#connecting && this.#connections.size < this.#maxConnections) {
      this.#connecting++;
      this.#connections.add(this.#open());
    }
  }

  #open(): ClientConnection {
    const { socket, event } = openSocket(this.#options, ["http/1.1"]);
    return new ClientConnection(this, socket, event, this.#options.connectTimeoutMs ?? limits.agent.connectTimeoutMs);
  }

  connected(connection: ClientConnection): void {
    this.#connecting--;
    this.released(connection);
  }

  released(connection: ClientConnection): void {
    if (this.#closed) connection.retire();
    else {
      const at = connection.isFresh ? 0 : this.#waiting.findIndex(({ wantsFresh }) => !wantsFresh);
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next !== undefined) connection.start(next);
      // Who waits for a fresh one needs its room.
      else if (this.#waiting.length > this.#connecting) connection.retire();
      else this.#idle.push(connection);
    }
  }

  detached(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#openForWaiting();
  }

  ended(connection: ClientConnection, failure: ConnectFailure | undefined): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (failure !== undefined) {
      this.#connecting--;
      // As many may wait as connections are being made; when none is left, nobody would serve the others.
      const spared = this.#connections.size === 0 ? 0 : Math.max(this.#waiting.length - 1, 0);
      const failed = this.#waiting.splice(0, this.#waiting.length - spared);
      for (const exchange of failed) exchange.fail(failure.kind, failure.reason, failure.cause);
    }
    this.#openForWaiting();
  }

  /** A waiting exchange has timed out or was given up. */
  drop(exchange: Http1ClientExchange): void {
    const at = this.#waiting.indexOf(exchange);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  wake(): void {}

  counts(): { readonly open: number; readonly idle: number; readonly waiting: number; readonly active: number } {
    const open = this.#connections.size - this.#connecting;
    return { open, idle: this.#idle.length, waiting: this.#waiting.length, active: open - this.#idle.length };
  }

  close(): void {
    this.#closed = true;
    for (const exchange of this.#waiting.splice(0)) exchange.fail("refused", "the pool was closed");
    for (const connection of [...this.#connections]) connection.retire();
  }
}

/** Makes a pool; connections are opened when they are needed. */
export function createHttp1Pool(options: Http1PoolOptions): ClientPool {
  return new Http1Pool(options);
}
