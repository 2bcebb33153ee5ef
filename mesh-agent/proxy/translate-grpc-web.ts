import { SelvageError } from "../../shared/errors.ts";
import type { Call, Stage } from "./call.ts";
import { grpcCallBy } from "./grpc-answer.ts";
import { GrpcWebExchange } from "./grpc-web/grpc-web-exchange.ts";

/**
 * Turns a call by gRPC-Web to a service that speaks gRPC into one by gRPC: all stages from here on see no other, its retries, errors
 * and counts go by its status.
 * @param isForGrpc whether the called service speaks gRPC; others may know gRPC-Web themselves
 */
export function translateGrpcWeb<C extends Call>(isForGrpc: (call: C) => boolean): Stage<C> {
  return (call, next) => {
    const said = isForGrpc(call) ? grpcCallBy(call.exchange.head) : undefined;
    if (said !== undefined && said.kind !== "grpc")
      call.translate(
        new GrpcWebExchange(call.exchange, call.body, said, {
          onRequest: (reason) =>
            call.fail(new SelvageError("grpc_frames_invalid", `the request has ${reason}`, { sent: "body" })),
          onAnswer: (reason) => call.abort(reason),
        }),
      );
    next();
  };
}
