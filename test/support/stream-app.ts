/** An application of streams: WebSockets, events, and bodies of any length, that tells what became of each by the `id` in its URL. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { createGzip } from "node:zlib";
import { type WebSocket, WebSocketServer } from "ws";
import { itemsText } from "./items-text.ts";

/** What became of one exchange. */
export interface StreamState {
  sent: number;
  received: number;
  /** The client has gone, or said goodbye: with the code of a WebSocket. */
  closed: boolean;
  code?: number;
  /** The request came whole. */
  complete: boolean;
}

const states = new Map<string, StreamState>();
const held = new Map<string, () => void>();
const CHUNK = Buffer.alloc(64 * 1024, "x");

function stateOf(id: string): StreamState {
  const state = states.get(id) ?? { sent: 0, received: 0, closed: false, complete: false };
  states.set(id, state);
  return state;
}

/** Until somebody asks for `/go` with this id. */
const released = (id: string): Promise<void> => new Promise((done) => held.set(id, done));

async function write(response: ServerResponse, state: StreamState, chunk: Buffer | string): Promise<void> {
  state.sent += chunk.length;
  if (!response.write(chunk) && !state.closed)
    await new Promise<void>((done) => {
      response.once("drain", done);
      response.once("close", done);
    });
}

type Serve = (request: IncomingMessage, response: ServerResponse, url: URL, id: string) => unknown;

const pages: Readonly<Record<string, Serve>> = {
  "/state": (_request, response, _url, id) => response.end(JSON.stringify(stateOf(id))),
  "/go": (_request, response, _url, id) => {
    held.get(id)?.();
    response.end("gone");
  },
  "/events": events,
  "/endless": async (_request, response, _url, id) => {
    const state = stateOf(id);
    response.writeHead(200, { "content-type": "application/octet-stream" });
    while (!state.closed) await write(response, state, CHUNK);
  },
  "/file": async (_request, response, url, id) => {
    const state = stateOf(id);
    const bytes = Number(url.searchParams.get("bytes"));
    response.writeHead(200, { "content-length": bytes });
    while (state.sent < bytes && !state.closed) await write(response, state, CHUNK.subarray(0, bytes - state.sent));
    response.end();
  },
  "/items": async (_request, response, url, id) => {
    const state = stateOf(id);
    const count = Number(url.searchParams.get("count"));
    response.writeHead(200, { "content-type": "application/json" });
    for await (const piece of itemsText(count)) {
      if (state.closed) return;
      await write(response, state, piece);
    }
    response.end();
  },
  "/sink": sink,
  "/broken": (_request, response, url) => {
    response.writeHead(200, url.searchParams.has("length") ? { "content-length": 1000 } : {});
    response.write("half", () => response.socket?.destroy());
  },
  "/trailers": (_request, response) => {
    response.writeHead(200, { trailer: "x-sum" });
    response.write("body");
    response.addTrailers({ "x-sum": "4" });
    response.end();
  },
};

/** The first of so many is sent at once, the rest when somebody has said so, or after a pause. */
async function events(request: IncomingMessage, response: ServerResponse, url: URL, id: string): Promise<void> {
  const state = stateOf(id);
  const count = Number(url.searchParams.get("count"));
  request.resume();
  const encoded = url.searchParams.has("gzip") ? { "content-encoding": "gzip" } : {};
  const control = url.searchParams.get("control") ?? "no-cache";
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": control, ...encoded });
  if (url.searchParams.has("gzip")) return encodedEvents(response, id);
  await write(response, state, "id: 1\ndata: first\n\n");
  const pauseMs = Number(url.searchParams.get("pauseMs"));
  await (pauseMs > 0 ? delay(pauseMs) : released(id));
  for (let event = 2; event <= count && !state.closed; event++)
    await write(response, state, `id: ${event}\ndata: ${"e".repeat(event % 50)}\n\n`);
  response.end();
}

async function encodedEvents(response: ServerResponse, id: string): Promise<void> {
  const zip = createGzip();
  zip.pipe(response);
  zip.write("id: 1\ndata: first\n\n");
  zip.flush();
  await released(id);
  zip.end("id: 2\ndata: last\n\n");
}

/** Counts a body; with `hold` it is not read until somebody says so. */
async function sink(request: IncomingMessage, response: ServerResponse, url: URL, id: string): Promise<void> {
  const state = stateOf(id);
  request.on("error", () => undefined);
  if (url.searchParams.has("hold")) await released(id);
  request.on("data", (chunk: Buffer) => {
    state.received += chunk.length;
  });
  request.on("end", () => {
    state.complete = true;
    response.end(String(state.received));
  });
}

/** Pages about exchanges, which are none. */
const ABOUT = new Set(["/state", "/go"]);
let strangers = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://app.invalid");
  const id = url.searchParams.get("id") ?? String(++strangers);
  response.on("close", () => {
    if (!ABOUT.has(url.pathname)) stateOf(id).closed = true;
  });
  const serve = pages[url.pathname];
  if (serve === undefined) response.writeHead(404).end(JSON.stringify(request.headers));
  else serve(request, response, url, id);
});

const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: true,
  handleProtocols: (protocols) => (protocols.has("chat.v2") ? "chat.v2" : false),
});

server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
  const url = new URL(request.url ?? "/", "http://app.invalid");
  stream.on("error", () => undefined);
  if (url.pathname === "/refuse") stream.end("HTTP/1.1 403 No\r\nx-why: not today\r\ncontent-length: 5\r\n\r\nsorry");
  else if (url.pathname === "/plain") stream.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain");
  else
    sockets.handleUpgrade(request, stream, head, (socket) => {
      serveSocket(socket, stream, url, JSON.stringify(request.headers));
    });
});

function serveSocket(socket: WebSocket, stream: Duplex, url: URL, headers: string): void {
  const state = stateOf(url.searchParams.get("id") ?? "");
  socket.on("error", () => undefined);
  socket.on("close", (code) => {
    state.closed = true;
    state.code = code;
  });
  if (url.pathname === "/headers") socket.send(headers);
  if (url.pathname === "/close") socket.close(Number(url.searchParams.get("code")), "as asked");
  if (url.pathname === "/die") socket.terminate();
  if (url.pathname === "/half") stream.end();
  if (url.pathname === "/stall") socket.pause();
  if (url.pathname === "/flood") flood(socket, state);
  if (url.pathname === "/ping") {
    socket.on("pong", (data) => socket.send(`pong ${data}`));
    socket.ping("are you there");
  }
  socket.on("message", (data: Buffer, isBinary) => {
    state.received += data.length;
    socket.send(data, { binary: isBinary });
  });
}

/** Without end, at the pace of whoever reads. */
function flood(socket: WebSocket, state: StreamState): void {
  socket.send(CHUNK, { compress: false }, (error) => {
    if (error || state.closed) return;
    state.sent += CHUNK.length;
    flood(socket, state);
  });
}

server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
