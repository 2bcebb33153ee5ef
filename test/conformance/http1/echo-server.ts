/** A listener that answers each request with what it has understood of it. */
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import {
  createHttp1Server,
  type Http1Server,
  type Http1ServerOptions,
} from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { FieldList } from "../../../shared/http/field-list.ts";

export interface Understood {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

function answer(exchange: ServerExchange): void {
  const chunks: Buffer[] = [];
  exchange.onFail(() => undefined);
  exchange.body.onChunk((chunk) => chunks.push(chunk));
  exchange.body.onEnd((trailers) => {
    const { method, target, fields } = exchange.head;
    const body = Buffer.concat(chunks).toString("latin1");
    const understood: Understood = { method, target, fields: [...fields], body, trailers: [...trailers] };
    const content = Buffer.from(JSON.stringify(understood));
    const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: content.length });
    writer.write(content);
    writer.end();
  });
}

export async function createEchoServer(options: Partial<Http1ServerOptions> = {}): Promise<Http1Server> {
  const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  server.onExchange(answer);
  return server;
}
