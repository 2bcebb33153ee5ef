/** HTTP/1.1 for those who call us: a listener whose connections become exchanges. */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import type { Peer } from "../engine.ts";
import {
  type ConnectionOwner,
  Listener,
  type ListenerConnection,
  type ListenerOptions,
  type PriorKnowledge,
} from "../listener.ts";
import type { ConnectionSettings } from "./connection-state.ts";
import { ServerConnection } from "./server-connection.ts";

export interface Http1ServerOptions extends ListenerOptions {
  /** Accept targets in absolute form and CONNECT. */
  readonly proxy?: boolean;
  /** Plain listeners: answer a client that closed its side after the request; otherwise that counts as going away. */
  readonly allowHalfClose?: boolean;
  /** Default: `limits.agent`. */
  readonly limits?: Partial<
    Omit<ConnectionSettings, "proxy" | "allowHalfClose" | "prior"> & { maxConnections: number }
  >;
}

export type Http1Server = Listener;

/**
 * Speaks HTTP/1.1 on accepted sockets.
 * @param prior what clients may speak instead, on a connection or within a tunnel
 */
export function http1Speaker(
  options: Pick<Http1ServerOptions, "proxy" | "allowHalfClose" | "limits">,
  prior?: PriorKnowledge,
) {
  const settings: ConnectionSettings = {
    proxy: options.proxy ?? false,
    allowHalfClose: options.allowHalfClose ?? false,
    prior,
    headTimeoutMs: options.limits?.headTimeoutMs ?? limits.agent.headTimeoutMs,
    keepAliveMs: options.limits?.keepAliveMs ?? limits.agent.keepAliveMs,
    stallTimeoutMs: options.limits?.stallTimeoutMs ?? limits.agent.stallTimeoutMs,
    lingerMs: options.limits?.lingerMs ?? limits.agent.lingerMs,
  };
  return (owner: ConnectionOwner, socket: Socket, peer: Peer): ListenerConnection =>
    new ServerConnection(owner, settings, socket, peer);
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createHttp1Server(options: Http1ServerOptions): Promise<Http1Server> {
  const maxConnections = options.limits?.maxConnections ?? limits.agent.inboundConnectionsMax;
  const listener = new Listener(options, ["http/1.1"], maxConnections, http1Speaker(options));
  await listener.listen();
  return listener;
}
