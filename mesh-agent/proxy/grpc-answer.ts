/** Answers of an agent to callers by gRPC: `Trailers-Only`, or trailers behind what was answered already. */
import { FieldList } from "../../shared/http/field-list.ts";
import { type GrpcError, grpcCallOf, grpcFields } from "../../shared/http/grpc-answer.ts";
import type { RequestHead, ResponseHead } from "./engine.ts";

/** Whether a request is a call by gRPC over HTTP/2; gRPC-Web has no trailers and is answered as any other. */
export function isGrpcCall({ method, fields }: RequestHead): boolean {
  if (method !== "POST") return false;
  const contentType = fields.get("content-type");
  return contentType?.startsWith("application/grpc") === true && grpcCallOf(method, contentType)?.kind === "grpc";
}

/** The head of an answer without a body that says how the call ended. */
export function grpcErrorHead(request: RequestHead, error: GrpcError): ResponseHead {
  const said = grpcCallOf(request.method, request.fields.get("content-type") ?? null);
  const contentType = said?.contentType ?? "application/grpc";
  const fields = FieldList.from([["content-type", contentType], ...grpcFields(error)]);
  return { status: 200, fields, bodyLength: 0 };
}

/** The same where the answer has begun. */
export function grpcErrorTrailers(error: GrpcError): FieldList {
  return FieldList.from(grpcFields(error));
}
