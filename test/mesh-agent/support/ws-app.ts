/** An application of WebSockets, by the `ws` package, that does what the path asks for. */
import { createServer } from "node:http";
import { connect } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ method, url, headers }));
});
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: true,
  handleProtocols: (protocols) => (protocols.has("chat.v2") ? "chat.v2" : false),
});

server.on("upgrade", (request, stream, head) => {
  const url = new URL(request.url ?? "/", "http://app.invalid");
  stream.on("error", () => {});
  if (request.headers.upgrade === "echo-raw") {
    stream.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo-raw\r\nx-from: app\r\n\r\n");
    if (head.length > 0) stream.write(head);
    // Ends when the other side has ended, with a last word.
    stream.on("data", (chunk) => stream.write(chunk));
    stream.on("end", () => stream.end("bye"));
  } else if (url.pathname === "/refuse") {
    const status = url.searchParams.get("status") ?? "403";
    stream.end(`HTTP/1.1 ${status} No\r\nx-why: not today\r\ncontent-length: 5\r\n\r\nsorry`);
  } else if (url.pathname === "/mute") stream.resume();
  else sockets.handleUpgrade(request, stream, head, (socket) => serve(socket, url, JSON.stringify(request.headers)));
});

function serve(socket: WebSocket, url: URL, headers: string): void {
  socket.on("error", () => {});
  if (url.pathname === "/headers") socket.send(headers);
  if (url.pathname === "/close") socket.close(Number(url.searchParams.get("code")), "as asked");
  if (url.pathname === "/die") socket.terminate();
  if (url.pathname === "/exit") process.exit(3);
  if (url.pathname === "/flood") flood(socket, Number(url.searchParams.get("bytes")));
  if (url.pathname === "/count") {
    const port = Number(url.searchParams.get("report"));
    socket.on("close", (code) => connect(port, "127.0.0.1").end(String(code)));
  }
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
}

function flood(socket: WebSocket, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, "x");
  let sent = 0;
  const next = (): void => {
    if (sent >= bytes) {
      socket.close(1000);
      return;
    }
    sent += chunk.length;
    if (socket.readyState === WebSocket.OPEN) socket.send(chunk, { compress: false }, next);
  };
  next();
}

server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
