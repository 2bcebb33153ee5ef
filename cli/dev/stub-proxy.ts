/**
 * What the gateway of `selvage dev --stub` fetches goes through here: on to the upstream, or to the example of its description where
 * nobody listens. So the document that is tried is the one that is deployed.
 */
import { createServer, type IncomingMessage, request as plainRequest, type ServerResponse } from "node:http";
import { request as tlsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { parseTraceparent } from "../../shared/http/trace-context.ts";
import { LOOPBACK } from "../local/ports.ts";
import type { StubAnswer } from "./stub-operations.ts";

export type FindStub = (method: string, path: string, accept: string | undefined) => StubAnswer | undefined;

export interface StubProxy {
  /** `host:port` */
  readonly address: string;
  close(): void;
}

/** @param stubbed told of each answer that was made up, and by the trace of which request */
export async function startStubProxy(
  find: FindStub,
  stubbed: (traceId: string | undefined, operation: string) => void,
): Promise<StubProxy> {
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    const url = targetOf(request);
    if (url === undefined) response.writeHead(400).end();
    else pass(url, request, response, find, stubbed);
  });
  server.on("upgrade", tunnel);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: LOOPBACK, port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { address: `${LOOPBACK}:${port}`, close };
}

/** Of a proxy's request, which has the whole URL in its first line; a page in a browser cannot send one. */
function targetOf({ url = "" }: IncomingMessage): URL | undefined {
  return /^https?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
}

function ask(url: URL, { method = "GET", rawHeaders }: IncomingMessage) {
  const send = url.protocol === "https:" ? tlsRequest : plainRequest;
  // A proxy is told the host in the URL alone.
  const fields = pairs(rawHeaders).filter(([name]) => name.toLowerCase() !== "host");
  return send(url, { method, headers: [["host", url.host], ...fields].flat(), agent: false });
}

function pass(
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  find: FindStub,
  stubbed: (traceId: string | undefined, operation: string) => void,
): void {
  const upstream = ask(url, request);
  upstream.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
    answer.on("error", () => response.destroy()).pipe(response);
  });
  upstream.on("error", (fault: NodeJS.ErrnoException) => {
    const stub = isAbsent(fault) && !response.headersSent ? stubOf(url, request, find) : undefined;
    // Without an answer the gateway sees what it would have seen: a connection that came to nothing.
    if (stub === undefined) return void response.destroy();
    stubbed(traceIdOf(request), stub.operation);
    request.resume();
    response
      .writeHead(stub.status, { ...stub.headers, "x-selvage-stub": encodeURIComponent(stub.operation) })
      .end(request.method === "HEAD" ? "" : stub.body);
  });
  response.on("close", () => upstream.destroy());
  request.on("error", () => upstream.destroy()).pipe(upstream);
}

/** Nobody listens there, or the name means nothing: not one that broke off. */
function isAbsent({ code = "" }: NodeJS.ErrnoException): boolean {
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"].includes(code);
}

function stubOf(url: URL, { method = "GET", headers }: IncomingMessage, find: FindStub): StubAnswer | undefined {
  return find(method, url.pathname, headers.accept);
}

function traceIdOf({ headers }: IncomingMessage): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === "string" ? parseTraceparent(traceparent)?.traceId : undefined;
}

function tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const url = targetOf(request);
  if (url === undefined) return void socket.destroy();
  const upstream = ask(url, request);
  upstream.on("upgrade", (answer, other, first) => {
    const fields = pairs(answer.rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 ${answer.statusMessage ?? ""}\r\n${fields.join("")}\r\n`);
    socket.write(first);
    other.write(head);
    other.on("error", () => socket.destroy()).pipe(socket);
    socket.on("error", () => other.destroy()).pipe(other);
  });
  upstream.on("response", () => socket.destroy());
  upstream.on("error", () => socket.destroy());
  upstream.end();
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""]] : []));
}
