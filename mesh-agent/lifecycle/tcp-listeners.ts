/** One loopback listener for each TCP service that the plan lets this agent call, opened and closed as plans change. */
import { limits } from "../../shared/limits.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import type { ServerExchange } from "../proxy/engine.ts";
import type { Listener } from "../proxy/listener.ts";
import { createTcpServer } from "../proxy/tcp/tcp-server.ts";
import type { Log } from "../telemetry/log.ts";
import { openListener } from "./open-listener.ts";

export interface TcpListenersOptions {
  readonly host: string;
  readonly serve: (service: string) => (exchange: ServerExchange) => void;
  readonly log: Log;
}

interface Opened {
  readonly listener: Listener;
  /** As the document says; undefined: any. */
  readonly outboundPort: number | undefined;
}

export class TcpListeners {
  readonly #options: TcpListenersOptions;
  readonly #opened = new Map<string, Opened>();
  /** Why a listener is not there, as it was told. */
  readonly #failures = new Map<string, string>();
  #wanted: ReadonlyMap<string, number | undefined> = new Map();
  #turn: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TcpListenersOptions) {
    this.#options = options;
  }

  /** Opens and closes what a plan asks for. Resolves when all is tried; what fails is told and tried again. */
  update(services: Readonly<Record<string, OutboundServicePlan>>): Promise<void> {
    const tcp = Object.entries(services).filter(([, { protocol }]) => protocol === "tcp");
    this.#wanted = new Map(tcp.map(([service, { outboundPort }]) => [service, outboundPort]));
    return this.#reconcile();
  }

  /** Service to `host:port`. */
  get addresses(): Record<string, string> {
    const { host } = this.#options;
    return Object.fromEntries(
      [...this.#opened].map(([service, { listener }]) => [service, `${host}:${listener.port}`]),
    );
  }

  #reconcile(): Promise<void> {
    clearTimeout(this.#retry);
    // One after the other: a port that one plan gives up may be another service's in the next.
    this.#turn = this.#turn.then(async () => {
      if (this.#closed) return;
      for (const [service, { listener, outboundPort }] of this.#opened) {
        if (this.#wanted.has(service) && this.#wanted.get(service) === outboundPort) continue;
        this.#opened.delete(service);
        // Its connections were let in, and stay.
        void listener.close(limits.agent.closedListenerMs);
      }
      for (const [service, port] of this.#wanted) if (!this.#opened.has(service)) await this.#open(service, port);
      for (const service of this.#failures.keys()) if (!this.#wanted.has(service)) this.#failures.delete(service);
      if (this.#failures.size > 0) this.#retry = setTimeout(() => void this.#reconcile(), limits.agent.listenAgainMs);
    });
    return this.#turn;
  }

  async #open(service: string, outboundPort: number | undefined): Promise<void> {
    const { host, log, serve } = this.#options;
    const listen = { host, port: outboundPort ?? 0 };
    try {
      // The form of CONNECT wants a port, which has no meaning in the mesh.
      const options = { listen, target: `${service}.mesh:${outboundPort ?? 1}` };
      const listener = await openListener(`TCP ${service}`, options, createTcpServer, log);
      listener.onExchange(serve(service));
      this.#opened.set(service, { listener, outboundPort });
      this.#failures.delete(service);
      log.event("tcp_listening", `TCP service ${service} is at ${host}:${listener.port}`, { service });
    } catch (error) {
      const { message } = error as Error;
      if (this.#failures.get(service) === message) return;
      this.#failures.set(service, message);
      log.event("tcp_not_listening", `${message}; ${service} cannot be called until it is free`, { service });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#turn;
    await Promise.all([...this.#opened.values()].map(({ listener }) => listener.close(0)));
  }
}
