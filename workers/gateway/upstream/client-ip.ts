import type { Env } from "../env.ts";

/**
 * Address of the client, from the one source that the deployment trusts. On Cloudflare `cf-connecting-ip` is set by the
 * edge whatever a client sends. Plain workerd passes that field on as the client sent it, but reports the socket's peer
 * as `request.cf.clientIp` (`address:port`), which no client can choose.
 */
export function clientIpOf(request: Request, source: Env["CLIENT_IP"]): string | undefined {
  if (source !== "socket") return request.headers.get("cf-connecting-ip") ?? undefined;
  const peer = (request.cf as { clientIp?: unknown } | undefined)?.clientIp;
  if (typeof peer !== "string") return undefined;
  if (peer.startsWith("[")) return peer.slice(1, peer.indexOf("]"));
  const portAt = peer.lastIndexOf(":");
  return portAt < 0 ? peer : peer.slice(0, portAt);
}
