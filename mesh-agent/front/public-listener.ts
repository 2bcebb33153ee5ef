/** The listener of an agent towards the outside: the front's TLS and its bounds on connections, HTTP/2 and HTTP/1.1 by ALPN. */
import { http1Speaker } from "../proxy/http1/server-engine.ts";
import { http2Speaker } from "../proxy/http2/server-engine.ts";
import { Listener, type ListenerOptions } from "../proxy/listener.ts";
import type { Admission } from "./admission.ts";
import type { Certificates } from "./certificates.ts";
import { openServer } from "./open-server.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

const HTTP2 = "h2";

export interface PublicListenerOptions extends Pick<ListenerOptions, "listen" | "onRefused"> {
  readonly admission: Admission;
  readonly certificates: Certificates;
  readonly proxies: TrustedProxies;
}

/**
 * Opens a listener. Set `onExchange` before the event loop turns.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function createPublicListener(options: PublicListenerOptions): Promise<Listener> {
  const { admission, certificates, proxies, ...rest } = options;
  const http1 = http1Speaker({});
  const http2 = http2Speaker({});
  const protocols = [HTTP2, "http/1.1"];
  const listener = new Listener(
    { ...rest, openServer: openServer({ admission, certificates, proxies, protocols }) },
    protocols,
    // The admission counts them, and tells of those that it turns away.
    Number.POSITIVE_INFINITY,
    (owner, socket, peer, protocol) => (protocol === HTTP2 ? http2 : http1)(owner, socket, peer),
  );
  await listener.listen();
  return listener;
}
