/** Load balancers on the way of connections, which say by the PROXY protocol whose each one is. */
import type { Socket } from "node:net";
import { liesIn, type Network } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import type { Peer } from "../proxy/engine.ts";
import { MessageFault } from "../proxy/http1/field-scanner.ts";
import { type ProxyHeader, parseProxyHeader } from "../proxy/proxy-protocol.ts";

export type Source = Pick<Peer, "address" | "port">;

export interface TrustedProxiesOptions {
  /** Those who are believed, asked for each connection. */
  readonly networks: () => readonly Network[];
  /** One of them did not say what it should. */
  readonly onRefused: (fault: MessageFault, proxy: Source) => void;
}

const nothing = (): void => undefined;

export class TrustedProxies {
  readonly #options: TrustedProxiesOptions;

  constructor(options: TrustedProxiesOptions) {
    this.#options = options;
  }

  /** Whether connections of this address have to begin with a header. Others' never have one: it is not looked for. */
  has(address: string): boolean {
    const networks = this.#options.networks();
    return networks.length > 0 && liesIn(address, networks);
  }

  /**
   * Takes the header from an accepted socket, which is left at the client's first byte. One without a header, or that is slow
   * with it, is ended.
   * @param proxy who is connected
   * @param done told whose the connection is: the client's, or the proxy's own
   */
  read(socket: Socket, proxy: Source, done: (source: Source) => void): void {
    let bytes: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), limits.agent.handshakeTimeoutMs);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off("readable", take).off("end", end).off("close", stop);
    };
    const end = (): void => {
      stop();
      socket.destroy();
    };
    const take = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read())
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header === undefined) return;
      stop();
      if ("reason" in header) {
        this.#options.onRefused(new MessageFault("bad_request", header.reason), proxy);
        socket.destroy();
      } else this.#handOver(socket, bytes, header, () => done(header.source ?? proxy));
    };
    socket.on("error", nothing).on("readable", take).on("end", end).on("close", stop);
  }

  #handOver(socket: Socket, bytes: Buffer, { length }: ProxyHeader, done: () => void): void {
    if (socket.destroyed) return;
    if (bytes.length > length) socket.unshift(bytes.subarray(length));
    done();
  }
}
