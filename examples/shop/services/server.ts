/** What every service of the shop has in common: JSON over node:http, the port from PORT, a graceful end on SIGTERM. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: () => Promise<string>;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON; a text as it is where the headers say what it is. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longer than callers keep an idle connection, so that it is they who close it and no request meets a closing one. */
const KEEP_ALIVE_MS = 30_000;
/** Above what the gateway lets through, so that it is the gateway that refuses. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** After SIGTERM, callers that come on kept-alive connections are answered this long and told to close. */
const FAREWELL_MS = 500;
const STOP_WITHIN_MS = 4_000;

/** Serves until SIGTERM or SIGINT. @param name for the lines on stderr */
export function serve(name: string, handle: (call: Call) => Promise<Answer> | Answer): void {
  let stopping = false;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    if (stopping) response.setHeader("connection", "close");
    respond(request, response, handle).catch((error: unknown) => {
      console.error(`${name}: ${request.method} ${request.url}: ${error instanceof Error ? error.message : error}`);
      if (!response.headersSent) send(response, { status: 500, body: { error: "internal error" } });
      else response.destroy();
    });
  });
  server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
    console.error(`${name} listens on 127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    // Answering goes on while the last callers learn that it ends; close() then waits for what is in flight.
    setTimeout(() => server.close(() => process.exit(0)), FAREWELL_MS);
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

export function notFound(): Answer {
  return { status: 404, body: { error: "not found" } };
}

export function methodNotAllowed(allow: string): Answer {
  return { status: 405, body: { error: "method not allowed" }, headers: { allow } };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (call: Call) => Promise<Answer> | Answer,
): Promise<void> {
  const call: Call = {
    method: request.method ?? "GET",
    url: new URL(request.url ?? "/", "http://localhost"),
    headers: request.headers,
    body: () => readBody(request),
  };
  try {
    send(response, await handle(call));
  } catch (error) {
    if (error instanceof TooLarge) send(response, { status: 413, body: { error: "the body is too large" } });
    // decodeURIComponent throws this for a malformed path.
    else if (error instanceof URIError) send(response, { status: 400, body: { error: "malformed path" } });
    else throw error;
  }
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const isText = typeof body === "string" && (headers["content-type"] !== undefined || body === "");
  const text = isText ? body : `${JSON.stringify(body)}\n`;
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers })
    .end(text);
}

class TooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new TooLarge();
  }
  return text;
}
