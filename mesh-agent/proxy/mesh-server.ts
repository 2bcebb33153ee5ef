/** The listener of an agent towards the mesh: HTTP/2 for agents that speak it, HTTP/1.1 for those that do not, by ALPN. */
import { limits } from "../../shared/limits.ts";
import { http1Speaker } from "./http1/server-engine.ts";
import { http2Speaker } from "./http2/server-engine.ts";
import { Listener, type ListenerOptions } from "./listener.ts";

const HTTP2 = "h2";

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createMeshServer(options: ListenerOptions): Promise<Listener> {
  const http1 = http1Speaker({});
  const http2 = http2Speaker({ connect: true, limits: { headerTableBytes: limits.http2.meshHeaderTableBytes } });
  const listener = new Listener(
    options,
    [HTTP2, "http/1.1"],
    limits.agent.inboundConnectionsMax,
    (owner, socket, peer, protocol) => (protocol === HTTP2 ? http2 : http1)(owner, socket, peer),
  );
  await listener.listen();
  return listener;
}
