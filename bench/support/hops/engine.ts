/** One hop with the mesh agent's HTTP/1.1 engine and nothing above it. */
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { requestFields, responseFields } from "./fields.ts";

const pool = createHttp1Pool({ host: "127.0.0.1", port: Number(process.env.UPSTREAM) });

function forward(inbound: ServerExchange): void {
  const { head } = inbound;
  for (const [name, value] of requestFields) head.fields.append(name, value);
  const outbound = pool.send(head, 15_000);
  inbound.body.onChunk((chunk) => {
    if (!outbound.body.write(chunk)) inbound.body.pause();
  });
  outbound.body.onDrain(() => inbound.body.resume());
  inbound.body.onEnd((trailers) => outbound.body.end(trailers));
  inbound.onFail(() => outbound.abort("the client is gone"));
  outbound.onFail((error) => inbound.abort(error.message));
  outbound.onResponse((answer, body) => {
    for (const [name, value] of responseFields) answer.fields.append(name, value);
    const writer = inbound.respond(answer);
    body.onChunk((chunk) => {
      if (!writer.write(chunk)) body.pause();
    });
    writer.onDrain(() => body.resume());
    body.onEnd((trailers) => writer.end(trailers));
  });
}

const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: Number(process.env.PORT) } });
server.onExchange(forward);
