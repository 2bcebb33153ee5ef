/** A service of streams: a chat by WebSocket, events, and files that are counted. It knows nothing of Selvage. */
import { createServer, type ServerResponse } from "node:http";
import { WebSocket, WebSocketServer } from "ws";

const PING_EVERY_MS = 30_000;
const EVENT_EVERY_MS = 1_000;
const CHUNK = Buffer.alloc(64 * 1024, "x");

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://live");
  if (pathname === "/events") tick(response);
  else if (request.method === "PUT") {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () => response.end(`${bytes} bytes\n`));
  } else if (pathname.startsWith("/files/")) send(response, Number(searchParams.get("bytes") ?? 1_000_000));
  else response.writeHead(404).end();
});

/** The time, once a second, until the client leaves. */
function tick(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const say = (): unknown => response.write(`event: time\ndata: ${new Date().toISOString()}\n\n`);
  say();
  const timer = setInterval(say, EVENT_EVERY_MS);
  response.on("close", () => clearInterval(timer));
}

/** As fast as the client reads. */
function send(response: ServerResponse, bytes: number): void {
  let left = bytes;
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  const more = (): void => {
    while (left > 0) {
      const chunk = CHUNK.subarray(0, left);
      left -= chunk.length;
      if (!response.write(chunk)) return;
    }
    response.end();
  };
  response.on("drain", more);
  more();
}

const sockets = new WebSocketServer({ server, path: "/chat", perMessageDeflate: true });
sockets.on("connection", (socket) => {
  socket.on("error", () => undefined);
  socket.on("message", (data, isBinary) => {
    for (const other of sockets.clients)
      if (other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
  });
});
setInterval(() => sockets.clients.forEach((socket) => void socket.ping()), PING_EVERY_MS);

server.keepAliveTimeout = 65_000;
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
