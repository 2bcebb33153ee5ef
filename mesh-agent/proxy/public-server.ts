/** The listener of an agent towards the outside: TLS without client certificates, HTTP/2 and HTTP/1.1 by ALPN. */
import { limits } from "../../shared/limits.ts";
import { http1Speaker } from "./http1/server-engine.ts";
import { http2Speaker } from "./http2/server-engine.ts";
import { Listener, type ListenerOptions } from "./listener.ts";

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createPublicServer(options: ListenerOptions): Promise<Listener> {
  const http1 = http1Speaker({});
  const http2 = http2Speaker({});
  const listener = new Listener(
    options,
    ["h2", "http/1.1"],
    limits.agent.inboundConnectionsMax,
    (owner, socket, peer, protocol) => (protocol === "h2" ? http2 : http1)(owner, socket, peer),
  );
  await listener.listen();
  return listener;
}
