import { SelvageError, toProblem } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import type { MessageFault } from "./field-scanner.ts";
import { responseHeadText } from "./head-writer.ts";

/** The whole answer to what is no request, a problem document (RFC 9457), after which the connection ends. */
export function refusalText(fault: MessageFault): string {
  const problem = toProblem(new SelvageError(fault.code, fault.reason));
  const content = JSON.stringify(problem);
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  return responseHeadText(problem.status, fields, content.length, true) + content;
}
