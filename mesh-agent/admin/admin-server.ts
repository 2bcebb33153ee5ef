/** For operators and probes, on loopback: is it alive, is it ready, what does it count, what is it configured by. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { isIP } from "node:net";
import { AutoRouter, type IRequest } from "itty-router";
import { hostWithoutPort } from "../../shared/route/compare-routes.ts";

export interface AdminView {
  /** Why requests would not be served now; undefined: they would. */
  readonly unready: () => string | undefined;
  /** Prometheus text. */
  readonly metrics: () => string;
  /** Everything that decides, without secrets. */
  readonly config: () => object;
}

/** @throws the error of `listen` */
export async function openAdmin(at: { host: string; port: number }, view: AdminView): Promise<Server> {
  const router = adminRouter(view);
  const server = createServer(async (request, response) => {
    const { method = "GET", url = "/" } = request;
    const target = `http://admin.invalid${url.startsWith("/") ? url : "/"}`;
    const answer: Response = isForeign(request)
      ? misdirected()
      : await router.fetch({ method, url: target } as IRequest);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, resolve);
  });
  return server;
}

/**
 * Whoever is meant by a loopback listener calls it by its address; a page of elsewhere in a browser on this machine can only
 * bring a name of its own (DNS rebinding).
 */
function isForeign({ headers, socket }: IncomingMessage): boolean {
  if (!/^(?:::ffff:)?127\.|^::1$/.test(socket.localAddress ?? "")) return false;
  const host = headers.host === undefined ? "localhost" : hostWithoutPort(headers.host);
  return host === undefined || (host !== "localhost" && isIP(host) === 0);
}

const misdirected = (): Response =>
  Response.json({ status: 421, title: "Misdirected request: use the listener's address" }, { status: 421 });

function adminRouter({ unready, metrics, config }: AdminView) {
  const router = AutoRouter({
    missing: () => Response.json({ status: 404, title: "Not found" }, { status: 404 }),
  });
  router.get("/healthz", () => Response.json({ status: "alive" }));
  router.get("/readyz", () => {
    const reason = unready();
    if (reason === undefined) return Response.json({ status: "ready" });
    return Response.json({ status: "not ready", reason }, { status: 503 });
  });
  router.get("/metrics", () => new Response(metrics(), { headers: { "content-type": "text/plain; version=0.0.4" } }));
  router.get("/config", () => Response.json(config()));
  return router;
}
