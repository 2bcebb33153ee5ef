/** The front: the hardened listeners of a gateway on workerd, which itself is reached on a private address alone. */
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "../../shared/errors.ts";
import { parseNetworks } from "../../shared/http/address-list.ts";
import { type ListenAddress, listenText } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { connectionText, frontFields } from "../../shared/wire/front-fields.ts";
import { listenError } from "../lifecycle/ports.ts";
import type { ClientPool, Peer } from "../proxy/engine.ts";
import { createHttp1Pool } from "../proxy/http1/client-pool.ts";
import type { MessageFault } from "../proxy/http1/field-scanner.ts";
import { http1Speaker } from "../proxy/http1/server-engine.ts";
import { PREFACE } from "../proxy/http2/protocol.ts";
import { http2Speaker } from "../proxy/http2/server-engine.ts";
import { Listener, type PriorKnowledge, type Speak } from "../proxy/listener.ts";
import { Admission, type AdmissionBounds, type TurnedAway } from "./admission.ts";
import type { Certificates } from "./certificates.ts";
import { FrontCounters } from "./front-counters.ts";
import { connectionFacts, openServer } from "./open-server.ts";
import { type BrokenAnswer, type ClientFacts, type PassOnContext, passOn } from "./pass-on.ts";
import { redirectToHttps } from "./redirect.ts";
import { type Source, TrustedProxies } from "./trusted-proxies.ts";
import { type WebSocketEnd, WebSockets } from "./web-sockets.ts";

export interface FrontOptions {
  readonly listen: readonly ListenAddress[];
  /** Plain listeners that send everybody to the first with TLS. */
  readonly redirect: readonly ListenAddress[];
  /** Needed where a listener speaks TLS. */
  readonly certificates: Certificates | undefined;
  /** Where workerd listens. */
  readonly gateway: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  /** Secret of `frontFields`. */
  readonly key: string;
  /** Addresses and networks of load balancers, whose connections begin with a header of the PROXY protocol. */
  readonly proxies?: readonly string[];
  readonly bounds?: Partial<AdmissionBounds & { readonly headTimeoutMs: number; readonly paceWindowMs: number }>;
  /** What was not let through, one object for a line. */
  readonly onRefused: (entry: Refusal) => void;
  readonly onBroken: (broken: BrokenAnswer) => void;
  /** A WebSocket is over. */
  readonly onWebSocketEnd: (end: WebSocketEnd) => void;
}

export interface Refusal {
  readonly listener?: string;
  readonly code: ErrorCode | TurnedAway;
  readonly reason?: string;
  readonly address: string;
  /** Connections that were turned away since the last such line. */
  readonly count?: number;
}

const HTTP2 = "h2";
const UNKNOWN: ClientFacts = { text: "", isHttp2: false };
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export class Front {
  readonly counters = new FrontCounters();
  readonly webSockets: WebSockets;
  readonly #options: FrontOptions;
  readonly #admission: Admission;
  readonly #gateway: ClientPool;
  readonly #context: PassOnContext;
  readonly #connections = new WeakMap<Peer, ClientFacts>();
  readonly #listeners: Listener[] = [];
  readonly #redirects: Listener[] = [];

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#admission = new Admission(options.bounds ?? {}, (code, count, address) => {
      this.counters.turnedAway(code, count);
      options.onRefused({ code, count, address });
    });
    this.webSockets = new WebSockets(options.onWebSocketEnd);
    const { gatewayConnectionsMax, pendingMax, gatewayIdleMs } = limits.front;
    this.#gateway = createHttp1Pool({
      host: "localhost",
      port: 0,
      ...options.gateway,
      maxConnections: gatewayConnectionsMax,
      maxPending: pendingMax,
      idleMs: gatewayIdleMs,
    });
    const { paceWindowMs } = options.bounds ?? {};
    this.#context = {
      gateway: this.#gateway,
      fields: frontFields(options.key),
      webSockets: this.webSockets,
      onBroken: (broken) => {
        this.counters.broken++;
        options.onBroken(broken);
      },
      onFailed: (code, reason, address) => this.#refused({ code, reason, address }),
      ...(paceWindowMs !== undefined && { paceWindowMs }),
    };
  }

  /** Ports of the listeners, in the order of the options. */
  get ports(): { readonly listen: readonly number[]; readonly redirect: readonly number[] } {
    return { listen: this.#listeners.map(({ port }) => port), redirect: this.#redirects.map(({ port }) => port) };
  }

  /** Connections of clients, and requests in flight. */
  counts(): { readonly connections: number; readonly exchanges: number } {
    const all = [...this.#listeners, ...this.#redirects];
    return { connections: this.#admission.open, exchanges: all.reduce((sum, one) => sum + one.counts().exchanges, 0) };
  }

  /** @throws when a port cannot be had, with a sentence for people; nothing listens then */
  async open(): Promise<void> {
    try {
      for (const address of this.#options.listen) this.#listeners.push(await this.#open(address));
      const secure = this.#options.listen.findIndex(({ scheme }) => scheme === "https");
      for (const address of this.#options.redirect) {
        const listener = await this.#open(address);
        const to = this.#listeners[secure]?.port ?? 0;
        listener.onExchange((exchange) => redirectToHttps(exchange, to));
        this.#redirects.push(listener);
      }
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  async #open(address: ListenAddress): Promise<Listener> {
    const { scheme } = address;
    const secure = scheme === "https" ? this.#options.certificates : undefined;
    if (scheme === "https" && secure === undefined) throw new Error(`${listenText(address)} needs a certificate`);
    const protocols = [HTTP2, "http/1.1"];
    const onRefused = ({ code, reason }: MessageFault, peer: Source): void =>
      this.#refused({ listener: listenText(address), code, reason, address: peer.address });
    const networks = parseNetworks(this.#options.proxies ?? []);
    const proxies = new TrustedProxies({ networks: () => networks, onRefused });
    const listener = new Listener(
      {
        listen: address,
        openServer: openServer({ admission: this.#admission, certificates: secure, proxies, protocols }),
        onRefused,
      },
      protocols,
      // The admission counts them over all listeners, and tells of those that it turns away.
      Number.POSITIVE_INFINITY,
      this.#speaker(scheme),
    );
    listener.onExchange((exchange) => {
      this.counters.requests++;
      passOn(this.#context, exchange, this.#connections.get(exchange.peer) ?? UNKNOWN, scheme);
    });
    try {
      await listener.listen();
    } catch (error) {
      throw listenError(error, "front", address);
    }
    return listener;
  }

  /** HTTP/2 by ALPN; without TLS by how the client begins, as clients by gRPC do. */
  #speaker(scheme: ListenAddress["scheme"]): Speak {
    const { keepAliveMs } = limits.front;
    const { headTimeoutMs } = this.#options.bounds ?? {};
    const own = { keepAliveMs, ...(headTimeoutMs !== undefined && { headTimeoutMs }) };
    const note = (socket: Socket, peer: Peer, isHttp2: boolean): void => {
      const facts = connectionFacts(socket, peer, isHttp2 ? "HTTP/2" : "HTTP/1.1");
      this.#connections.set(peer, { text: connectionText(facts, base64), isHttp2 });
    };
    const speakHttp2 = http2Speaker({ connect: true, limits: own });
    const http2: PriorKnowledge["speak"] = (owner, socket, peer) => {
      note(socket, peer, true);
      return speakHttp2(owner, socket, peer);
    };
    const http1 = http1Speaker({ limits: own }, scheme === "http" ? { preface: PREFACE, speak: http2 } : undefined);
    return (owner, socket, peer, protocol) => {
      if (protocol === HTTP2) return http2(owner, socket, peer);
      note(socket, peer, false);
      return http1(owner, socket, peer);
    };
  }

  #refused(entry: Refusal & { readonly code: ErrorCode }): void {
    this.counters.refused(entry.code);
    this.#options.onRefused(entry);
  }

  /** Clients are told to go elsewhere; what is in flight is finished, for `graceMs` at the longest. */
  async close(graceMs: number): Promise<void> {
    const all = [...this.#listeners, ...this.#redirects];
    for (const listener of all) listener.drain();
    if (graceMs > 0 && this.#admission.open > 0) await delay(Math.min(graceMs, limits.front.farewellMs));
    await Promise.all(all.map((listener) => listener.close(graceMs)));
    this.#gateway.close();
  }
}
