/**
 * The listeners of an agent: HTTP/2 for clients that speak it, HTTP/1.1 for those that do not; by ALPN where there is TLS,
 * else by how the client begins (RFC 9113 section 3.3), on its connection or within a tunnel that it asked for.
 */
import { limits } from "../../shared/limits.ts";
import { type Http1ServerOptions, http1Speaker } from "./http1/server-engine.ts";
import { PREFACE } from "./http2/protocol.ts";
import { http2Speaker } from "./http2/server-engine.ts";
import { Listener } from "./listener.ts";

const HTTP2 = "h2";

export interface MeshServerOptions extends Http1ServerOptions {
  /** Over HTTP/2: tunnels by CONNECT (RFC 8441), as agents make them; default: refused. */
  readonly connect?: boolean;
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createMeshServer(options: MeshServerOptions): Promise<Listener> {
  const http2 = http2Speaker({ connect: options.connect ?? false });
  const http1 = http1Speaker(options, options.tls === undefined ? { preface: PREFACE, speak: http2 } : undefined);
  const listener = new Listener(
    options,
    [HTTP2, "http/1.1"],
    options.limits?.maxConnections ?? limits.agent.inboundConnectionsMax,
    (owner, socket, peer, protocol) => (protocol === HTTP2 ? http2 : http1)(owner, socket, peer),
  );
  await listener.listen();
  return listener;
}
