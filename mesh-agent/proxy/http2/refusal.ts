import { SelvageError, toProblem } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import type { ResponseHead } from "../engine.ts";
import { grpcErrorHead, isGrpcCall } from "../grpc-answer.ts";
import type { MessageFault } from "../http1/field-scanner.ts";

/** The answer to what is no request: a problem document as over HTTP/1.1, or the status of a call by gRPC. @param raw its fields as they came */
export function refusalOf(fault: MessageFault, raw: readonly string[]): { head: ResponseHead; content: Buffer } {
  const error = new SelvageError(fault.code, fault.reason);
  const { facts } = error;
  const request = { method: "POST", target: "*", fields: new FieldList(raw), bodyLength: 0 };
  if (request.fields.get(":method") === "POST" && isGrpcCall(request)) {
    const head = grpcErrorHead(request, { status: facts.grpc, message: facts.detail });
    return { head, content: Buffer.alloc(0) };
  }
  const content = Buffer.from(JSON.stringify(toProblem(error)));
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  return { head: { status: facts.status, fields, bodyLength: content.length }, content };
}
