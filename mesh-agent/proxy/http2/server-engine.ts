/** HTTP/2 for those who call us: by ALPN over TLS, by prior knowledge without (RFC 9113 section 3). */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import type { Peer } from "../engine.ts";
import { type ConnectionOwner, Listener, type ListenerConnection, type ListenerOptions } from "../listener.ts";
import { type Http2Settings, ServerConnection } from "./server-connection.ts";

export interface Http2ServerOptions extends ListenerOptions {
  /** Hand CONNECT up; default: it is refused. */
  readonly connect?: boolean;
  /** Default: `limits.agent` and `limits.http2`. */
  readonly limits?: Partial<Omit<Http2Settings, "connect"> & { maxConnections: number }>;
}

/** Speaks HTTP/2 on accepted sockets. */
export function http2Speaker({ connect, limits: own }: Pick<Http2ServerOptions, "connect" | "limits">) {
  const settings: Http2Settings = {
    connect: connect ?? false,
    headTimeoutMs: own?.headTimeoutMs ?? limits.agent.headTimeoutMs,
    keepAliveMs: own?.keepAliveMs ?? limits.agent.keepAliveMs,
    stallTimeoutMs: own?.stallTimeoutMs ?? limits.agent.stallTimeoutMs,
    pingAfterMs: own?.pingAfterMs ?? limits.http2.pingAfterMs,
    pingTimeoutMs: own?.pingTimeoutMs ?? limits.http2.pingTimeoutMs,
    concurrentStreamsMax: own?.concurrentStreamsMax ?? limits.http2.concurrentStreamsMax,
    headerTableBytes: own?.headerTableBytes ?? limits.http2.headerTableBytes,
  };
  return (owner: ConnectionOwner, socket: Socket, peer: Peer): ListenerConnection =>
    new ServerConnection(owner, settings, socket, peer);
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createHttp2Server(options: Http2ServerOptions): Promise<Listener> {
  const maxConnections = options.limits?.maxConnections ?? limits.agent.inboundConnectionsMax;
  const listener = new Listener(options, ["h2"], maxConnections, http2Speaker(options));
  await listener.listen();
  return listener;
}
