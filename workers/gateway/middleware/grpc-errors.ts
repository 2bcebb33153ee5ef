import type { SelvageError } from "../../../shared/errors.ts";
import { type GrpcCall, grpcCallOf, grpcFields, grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Puts the gateway's own errors into the form of the caller when that calls by gRPC. Outside of all stages that look at an
 * answer's status, which is 200 from here on.
 */
export function grpcErrors(): Stage {
  return {
    leave: (c) => {
      const failure = c.get("failure");
      if (failure === undefined) return;
      const call = grpcCallOf(c.req.raw.method, c.req.raw.headers.get("content-type"));
      if (call === undefined) return;
      const answer = answerOf(c, failure, call);
      c.set("grpcStatus", failure.facts.grpc);
      c.res = answer;
    },
  };
}

function answerOf(c: Context<GatewayEnv>, failure: SelvageError, call: GrpcCall): Response {
  const headers = new Headers(c.res.headers);
  const retryAfter = headers.get("retry-after");
  headers.delete("content-length");
  headers.set("content-type", call.contentType);
  const { grpc: status, detail: message } = failure.facts;
  const fields = grpcFields({
    status,
    message,
    retryAfterSeconds: retryAfter === null ? undefined : Number(retryAfter),
  });
  c.res.body?.cancel().catch(() => undefined);
  if (call.kind !== "grpc") {
    const frame = grpcWebTrailers(fields);
    return new Response(call.kind === "web" ? frame : btoa(String.fromCharCode(...frame)), { headers });
  }
  for (const [name, value] of fields) headers.set(name, value);
  return new Response(null, { headers });
}
