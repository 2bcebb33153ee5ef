/** Errors of this agent in the form that callers by gRPC understand. */
import type { SelvageError } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { type GrpcCall, grpcFields, grpcWebTrailers } from "../../shared/http/grpc-answer.ts";
import type { Call } from "./call.ts";
import { grpcCallBy } from "./grpc-answer.ts";

/** Whether the caller speaks gRPC, and how. */
export function grpcCallIn({ exchange: { head } }: Call): GrpcCall | undefined {
  return grpcCallBy(head);
}

/**
 * Turns a problem into the status of a call; the HTTP status is then 200.
 * @param fields of the answer, with `Retry-After` where it has one; changed
 * @returns the content
 */
export function answerByGrpc(call: Call, by: GrpcCall, { facts }: SelvageError, fields: FieldList): Buffer {
  const retryAfter = fields.get("retry-after");
  const told = grpcFields({
    status: facts.grpc,
    message: facts.detail,
    retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
  });
  call.facts.grpcStatus = facts.grpc;
  fields.set("content-type", by.contentType);
  if (by.kind === "grpc") {
    for (const [name, value] of told) fields.append(name, value);
    return Buffer.alloc(0);
  }
  const frame = Buffer.from(grpcWebTrailers(told));
  return by.kind === "web" ? frame : Buffer.from(frame.toString("base64"));
}
