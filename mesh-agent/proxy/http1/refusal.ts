import { SelvageError, toProblem } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import type { MessageFault } from "./field-scanner.ts";
import { responseHead } from "./head-writer.ts";

/** The whole answer to what is no request, a problem document (RFC 9457), after which the connection ends. */
export function refusal(fault: MessageFault): Buffer {
  const problem = toProblem(new SelvageError(fault.code, fault.reason));
  const content = Buffer.from(JSON.stringify(problem));
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  return Buffer.concat([responseHead(problem.status, fields, content.length, true), content]);
}
