/** Answers of an agent to callers by gRPC: `Trailers-Only`, or trailers behind what was answered already. */
import { FieldList } from "../../shared/http/field-list.ts";
import { type GrpcCall, type GrpcError, grpcCallOf, grpcFields } from "../../shared/http/grpc-answer.ts";
import type { RequestHead, ResponseHead } from "./engine.ts";

/** Whether a request is a call by gRPC over HTTP/2; gRPC-Web has no trailers and is answered as any other. */
export function isGrpcCall(head: RequestHead): boolean {
  if (head.method !== "POST") return false;
  return head.fields.get("content-type")?.startsWith("application/grpc") === true && grpcCallBy(head)?.kind === "grpc";
}

/** How a request calls by gRPC, if it does. One with several lines of a type does not say what it is. */
export function grpcCallBy({ method, fields }: Pick<RequestHead, "method" | "fields">): GrpcCall | undefined {
  const [contentType = null, ...others] = method === "POST" ? fields.getAll("content-type") : [];
  return others.length > 0 ? undefined : grpcCallOf(method, contentType);
}

/** The head of an answer without a body that says how the call ended. */
export function grpcErrorHead(request: RequestHead, error: GrpcError): ResponseHead {
  const said = grpcCallBy(request);
  const contentType = said?.contentType ?? "application/grpc";
  const fields = FieldList.from([["content-type", contentType], ...grpcFields(error)]);
  return { status: 200, fields, bodyLength: 0 };
}

/** The same where the answer has begun. */
export function grpcErrorTrailers(error: GrpcError): FieldList {
  return FieldList.from(grpcFields(error));
}
