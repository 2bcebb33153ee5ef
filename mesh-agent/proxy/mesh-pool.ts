/**
 * Connections to the agent of an endpoint. Its first connection says by ALPN whether it speaks HTTP/2; requests wait for
 * that. One that does not is spoken to over HTTP/1.1, and asked again when all connections to it have ended.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { limits } from "../../shared/limits.ts";
import { type ConnectFailure, type Connecting, type ConnectOptions, connect } from "./connect.ts";
import { requestDeadlines } from "./deadline-watch.ts";
import type { ClientExchange, ClientPool, RequestHead } from "./engine.ts";
import { createHttp1Pool } from "./http1/client-pool.ts";
import { createHttp2Pool, type Http2ClientPool } from "./http2/client-pool.ts";
import { TlsSessions } from "./tls-sessions.ts";
import { WaitingExchange } from "./waiting-exchange.ts";

export interface MeshPoolOptions extends ConnectOptions {
  readonly maxConnections?: number;
  /** Requests that wait for a connection; more are refused. */
  readonly maxPending?: number;
  /** Requests after which a connection is not used again. */
  readonly requestsPerConnection?: number;
  /** Tunnels at a time; more are refused. Default: as many as connections hold. */
  readonly maxTunnels?: number;
}

class MeshPool implements ClientPool {
  readonly #options: MeshPoolOptions;
  readonly #http1: ClientPool;
  readonly #http2: Http2ClientPool;
  /** Connections for tunnels alone, which would take the place of requests. */
  readonly #tunnels: Http2ClientPool;
  readonly #waiting = new Set<WaitingExchange>();
  /** The one whose protocol the peer speaks, as far as is known. */
  #chosen: ClientPool | undefined;
  #connecting: Connecting | undefined;
  #closed = false;

  constructor(given: MeshPoolOptions) {
    const { tls } = given;
    const resumes = tls !== undefined && "expectedSpiffeId" in tls;
    const options = resumes ? { ...given, tls: { sessions: new TlsSessions(), ...tls } } : given;
    this.#options = options;
    this.#http1 = createHttp1Pool(options);
    const { meshHeaderTableBytes: headerTableBytes } = limits.http2;
    this.#tunnels = createHttp2Pool({ ...options, headerTableBytes, tunnels: true });
    this.#http2 = createHttp2Pool({
      ...options,
      headerTableBytes,
      // Perhaps because it speaks HTTP/1.1 now.
      onUnreachable: () => {
        this.#chosen = undefined;
      },
    });
  }

  send(head: RequestHead, timeoutMs: number): ClientExchange {
    if (this.#chosen === this.#http1 && this.#http1.counts().open === 0 && this.#http1.counts().waiting === 0)
      this.#chosen = undefined;
    const isFull = isTunnel(head) && this.#tunnels.streams >= (this.#options.maxTunnels ?? Number.POSITIVE_INFINITY);
    if (this.#chosen !== undefined && !isFull) return this.#poolFor(head, this.#chosen).send(head, timeoutMs);
    const exchange = new WaitingExchange(head, (one) => this.#waiting.delete(one));
    if (this.#closed) exchange.fail("refused", "the pool is closed");
    else if (isFull) exchange.fail("refused", "too many connections are open already");
    else if (this.#waiting.size >= (this.#options.maxPending ?? limits.agent.pendingMax))
      exchange.fail("refused", "too many requests wait already");
    else {
      requestDeadlines.arm(exchange, timeoutMs);
      this.#waiting.add(exchange);
      this.#connect();
    }
    return exchange;
  }

  warm(): void {
    if (this.#closed) return;
    if (this.#chosen === undefined) this.#connect();
    else this.#chosen.warm?.();
  }

  #connect(): void {
    this.#connecting ??= connect(this.#options, ["h2", "http/1.1"], {
      connected: (socket) => this.#connected(socket),
      failed: (failure) => this.#failed(failure),
    });
  }

  #connected(socket: Socket): void {
    this.#connecting = undefined;
    const speaksHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === "h2";
    if (speaksHttp2) this.#http2.adopt(socket);
    else socket.destroy();
    const chosen = speaksHttp2 ? this.#http2 : this.#http1;
    this.#chosen = chosen;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const exchange of waiting) exchange.sendBy(this.#poolFor(exchange.head, chosen));
  }

  #poolFor(head: RequestHead, chosen: ClientPool): ClientPool {
    return chosen === this.#http2 && isTunnel(head) ? this.#tunnels : chosen;
  }

  #failed({ kind, reason, cause }: ConnectFailure): void {
    this.#connecting = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const exchange of waiting) exchange.fail(kind, reason, cause);
  }

  counts(): { readonly open: number; readonly idle: number; readonly waiting: number; readonly active: number } {
    const all = [this.#http1, this.#http2, this.#tunnels].map((pool) => pool.counts());
    const sum = (of: "open" | "idle" | "waiting" | "active"): number => all.reduce((total, one) => total + one[of], 0);
    return {
      open: sum("open"),
      idle: sum("idle"),
      waiting: sum("waiting") + this.#waiting.size,
      active: sum("active"),
    };
  }

  close(): void {
    this.#closed = true;
    this.#connecting?.cancel();
    this.#failed({ kind: "refused", reason: "the pool was closed" });
    this.#http1.close();
    this.#http2.close();
    this.#tunnels.close();
  }
}

const isTunnel = ({ method, upgrade }: RequestHead): boolean => upgrade !== undefined || method === "CONNECT";

/** Makes a pool; connections are opened when they are needed. */
export function createMeshPool(options: MeshPoolOptions): ClientPool {
  return new MeshPool(options);
}
