/**
 * The one stage that turns errors into answers: a problem document (RFC 9457), or by gRPC the status of the call; and for the
 * caller's agent what was sent.
 */
import type { SelvageError } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { ERROR_CODE, SENT } from "../../shared/http/header-names.ts";
import { problemAnswer } from "../../shared/http/problem-answer.ts";
import type { Call, Stage } from "./call.ts";
import { answerByGrpc, grpcCallIn } from "./grpc-errors.ts";

/**
 * @param caller an agent or the gateway, which act on `selvage-error` and `selvage-sent`; the application beside this agent;
 *   or a client outside
 */
export function answerErrors(caller: "agent" | "application" | "client"): Stage {
  return (call, next) => {
    call.answerErrorsBy((error) => answer(call, error, caller));
    next();
  };
}

function answer(call: Call, error: SelvageError, caller: "agent" | "application" | "client"): void {
  const problem = problemAnswer(error, call.trace?.traceId);
  const fields = FieldList.from([...problem.fields, ...call.errorFields]);
  if (caller === "agent") {
    fields.append(ERROR_CODE, error.code);
    fields.append(SENT, error.sent);
  }
  if (caller !== "client" && problem.status === 401) fields.append("www-authenticate", "Txn-Token");
  const byGrpc = grpcCallIn(call);
  const body = byGrpc === undefined ? Buffer.from(problem.text) : answerByGrpc(call, byGrpc, error, fields);
  const status = byGrpc === undefined ? problem.status : 200;
  const writer = call.respond({ status, fields, bodyLength: body.length });
  if (call.exchange.head.method !== "HEAD" && body.length > 0) writer.write(body);
  writer.end();
}
