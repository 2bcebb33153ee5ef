/** The one stage that turns errors into answers: a problem document (RFC 9457), and for the caller's agent what was sent. */
import { type SelvageError, toProblem } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { ERROR_CODE, SENT } from "../../shared/http/header-names.ts";
import { limits } from "../../shared/limits.ts";
import type { Call, Stage } from "./call.ts";

/**
 * @param forAgents whether the caller is an agent or the gateway, which act on `selvage-error` and `selvage-sent`
 */
export function answerErrors(forAgents: boolean): Stage {
  return (call, next) => {
    call.answerErrorsBy((error) => answer(call, error, forAgents));
    next();
  };
}

function answer(call: Call, error: SelvageError, forAgents: boolean): void {
  const body = Buffer.from(JSON.stringify(toProblem(error, call.trace?.traceId)));
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  if (forAgents) {
    fields.append(ERROR_CODE, error.code);
    fields.append(SENT, error.sent);
  }
  if (error.code === "overloaded") fields.append("retry-after", String(limits.loadShedding.retryAfterSeconds));
  if (error.facts.status === 401) fields.append("www-authenticate", "Txn-Token");
  const writer = call.respond({ status: error.facts.status, fields, bodyLength: body.length });
  if (call.exchange.head.method !== "HEAD") writer.write(body);
  writer.end();
}
