/** One hop with the mesh agent's HTTP/2 engine and nothing above it, tables as agents use them. */
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp2Pool } from "../../../mesh-agent/proxy/http2/client-pool.ts";
import { createHttp2Server } from "../../../mesh-agent/proxy/http2/server-engine.ts";
import { limits } from "../../../shared/limits.ts";

const headerTableBytes = limits.http2.meshHeaderTableBytes;
const pool = createHttp2Pool({ host: "127.0.0.1", port: Number(process.env.UPSTREAM), headerTableBytes });

function forward(inbound: ServerExchange): void {
  const outbound = pool.send(inbound.head, 15_000);
  inbound.body.onChunk((chunk) => {
    if (!outbound.body.write(chunk)) inbound.body.pause();
  });
  outbound.body.onDrain(() => inbound.body.resume());
  inbound.body.onEnd((trailers) => outbound.body.end(trailers));
  inbound.onFail(() => outbound.abort("the client is gone"));
  outbound.onFail((error) => inbound.abort(error.message));
  outbound.onResponse((answer, body) => {
    const writer = inbound.respond(answer);
    body.onChunk((chunk) => {
      if (!writer.write(chunk)) body.pause();
    });
    writer.onDrain(() => body.resume());
    body.onEnd((trailers) => writer.end(trailers));
  });
}

const listen = { host: "127.0.0.1", port: Number(process.env.PORT) };
const server = await createHttp2Server({ listen, limits: { headerTableBytes } });
server.onExchange(forward);
