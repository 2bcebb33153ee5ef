/** For operators and probes, on loopback: is it alive, is it ready, what does it count, what is it configured by. */
import { createServer, type Server } from "node:http";
import { AutoRouter, type IRequest } from "itty-router";

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
    const target = new URL(url.startsWith("/") ? url : "/", "http://admin.invalid").href;
    const answer: Response = await router.fetch({ method, url: target } as IRequest);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, resolve);
  });
  return server;
}

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
