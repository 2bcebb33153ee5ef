/** An application that calls what it is told to, by whatever client, and never touches a header unless it is told to. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { EnvHttpProxyAgent, fetch as packaged, request as undici } from "undici";

type Way = (url: string, headers: Record<string, string>) => Promise<unknown>;

const ways: Record<string, Way> = {
  fetch: async (url, headers) => (await fetch(url, { headers })).json(),
  http: (url, headers) =>
    new Promise((resolve, reject) => {
      request(url, { headers }, (answer) => json(answer).then(resolve, reject))
        .on("error", reject)
        .end();
    }),
  /** As by hand, to the agent's listener. */
  listener: (url, headers) =>
    new Promise((resolve, reject) => {
      const { host, pathname } = new URL(url);
      const fields = { ...headers, host };
      request(new URL(pathname, process.env.SELVAGE_OUTBOUND), { headers: fields }, (answer) =>
        json(answer).then(resolve, reject),
      )
        .on("error", reject)
        .end();
    }),
  undici: async (url, headers) => (await undici(url, { headers, dispatcher: new EnvHttpProxyAgent() })).body.json(),
  "undici-fetch": async (url, headers) =>
    (await packaged(url, { headers, dispatcher: new EnvHttpProxyAgent() })).json(),
};

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { searchParams, pathname } = new URL(request.url ?? "/", "http://app.invalid");
  const answer = (body: unknown): void => void response.end(JSON.stringify(body));
  if (pathname !== "/call") return answer(request.headers);
  const call = (): Promise<unknown> => {
    const own = searchParams.get("own");
    const way = ways[searchParams.get("way") ?? "fetch"];
    if (way === undefined) throw new Error("no such way");
    return way(searchParams.get("url") ?? "", own === null ? {} : { traceparent: own });
  };
  const after = searchParams.get("after");
  if (after === "head") response.flushHeaders();
  if (after === "wait") await delay(Number(searchParams.get("ms")));
  // As parsers of bodies without promises do.
  if (after === "body") request.resume().on("end", () => call().then(answer));
  else answer(await call());
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => response.writeHead(500).end(JSON.stringify(String(error.cause ?? error))));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
