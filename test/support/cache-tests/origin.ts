/** The origin that the public cache tests talk to through the cache: it does what each test tells it beforehand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CacheSuite } from "./suite.ts";

export interface CacheOrigin {
  readonly port: number;
  stop(): void;
}

export async function startCacheOrigin({ origin }: Pick<CacheSuite, "origin">): Promise<CacheOrigin> {
  const server = createServer((request, response) => {
    const segments = new URL(request.url ?? "/", "http://origin").pathname.split("/").slice(1);
    const handler = handlerOf(origin, segments.shift());
    if (handler === undefined) response.writeHead(404).end();
    else handler(segments, request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Handler = (segments: string[], request: IncomingMessage, response: ServerResponse) => void;

function handlerOf(origin: CacheSuite["origin"], name: string | undefined): Handler | undefined {
  return name === "config" || name === "test" || name === "state" ? origin[name] : undefined;
}
