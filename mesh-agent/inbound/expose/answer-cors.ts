/** Answers preflights, without credentials, and marks every other answer, also refusals. */
import { FieldList } from "../../../shared/http/field-list.ts";
import { CORS_OWNED, corsFields, preflightFields, preflightOf } from "../../../shared/policy/cors.ts";
import type { Stage } from "../../proxy/call.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const answerCors: Stage<ExposedCall> = (call, next) => {
  const { cors } = call.held.plan;
  if (cors === undefined) {
    next();
    return;
  }
  const preflight = preflightOf(call.exchange.head.method, call.field);
  if (preflight !== undefined) {
    call.respond({ status: 204, fields: FieldList.from(preflightFields(cors, preflight)), bodyLength: 0 }).end();
    return;
  }
  const origin = call.field("origin") ?? undefined;
  call.onAnswer(({ fields }) => {
    fields.removeWhere((name) => CORS_OWNED.includes(name));
    for (const [name, value] of corsFields(cors, origin)) fields.append(name, value);
  });
  next();
};
