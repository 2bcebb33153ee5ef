/** For operators and probes, on loopback: is it alive, is it ready, what does it count, what is it configured by. */
import type { IncomingMessage, Server } from "node:http";
import { isIP } from "node:net";
import { type MetricFamily, metricsContentType, metricsFormat, metricsText } from "../../shared/http/metrics-text.ts";
import { hostWithoutPort } from "../../shared/route/compare-routes.ts";
import { nodeHttp } from "../proxy/node-http.ts";

export interface AdminView {
  /** Why requests would not be served now; undefined: they would. */
  readonly unready: () => string | undefined;
  readonly metrics: () => readonly MetricFamily[];
  /** Everything that decides, without secrets. */
  readonly config: () => object;
}

/** @throws the error of `listen` */
export async function openAdmin(at: { host: string; port: number }, view: AdminView): Promise<Server> {
  const server = nodeHttp.createServer((request, response) => {
    const { status, body, type = "application/json" } = isForeign(request) ? MISDIRECTED : answerOf(request, view);
    const content = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    response.writeHead(status, { "content-type": type, "content-length": content.length });
    response.end(content);
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

/** Text, or what becomes JSON. */
interface Answer {
  readonly status: number;
  readonly body: string | object;
  /** Of a text. */
  readonly type?: string;
}

const MISDIRECTED: Answer = {
  status: 421,
  body: { status: 421, title: "Misdirected request: use the listener's address" },
};

function answerOf({ method, url = "/", headers }: IncomingMessage, { unready, metrics, config }: AdminView): Answer {
  switch (method === "GET" ? /^[^?]*?(?=\/?(?:\?|$))/.exec(url)?.[0] : undefined) {
    case "/healthz":
      return { status: 200, body: { status: "alive" } };
    case "/readyz": {
      const reason = unready();
      if (reason === undefined) return { status: 200, body: { status: "ready" } };
      return { status: 503, body: { status: "not ready", reason } };
    }
    case "/metrics": {
      const format = metricsFormat(headers.accept);
      return { status: 200, body: metricsText(metrics(), format), type: metricsContentType[format] };
    }
    case "/config":
      return { status: 200, body: config() };
    default:
      return { status: 404, body: { status: 404, title: "Not found" } };
  }
}
