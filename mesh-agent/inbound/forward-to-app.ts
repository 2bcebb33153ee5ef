/** The innermost stage: the request as the application gets it, over loopback, and its answer without a word that is ours. */
import { type ErrorCode, SelvageError } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { TRACEPARENT } from "../../shared/http/header-names.ts";
import { formatTraceparent } from "../../shared/http/trace-context.ts";
import { limits } from "../../shared/limits.ts";
import { isIdempotent } from "../../shared/policy/retry.ts";
import type { Call, Stage } from "../proxy/call.ts";
import { endInTime, endOf, putDeadline } from "../proxy/call-deadline.ts";
import type { BodyReader, ClientPool, ExchangeError, FailReason, ResponseHead } from "../proxy/engine.ts";
import { type Pump, pumpBody } from "../proxy/pump-body.ts";
import { RequestBody } from "../proxy/request-body.ts";
import type { InboundCall } from "./inbound-call.ts";

const CODES: Record<FailReason, ErrorCode> = {
  connect: "app_unreachable",
  identity: "app_unreachable",
  refused: "breaker_open",
  timeout: "deadline_exceeded",
  reset: "app_reset",
  protocol: "upstream_invalid",
};

/** @param app connections to the application */
export function forwardToApp(app: () => ClientPool): Stage<InboundCall> {
  return (call) => {
    send(call, app, new RequestBody(call.body, call.exchange.head.bodyLength), 1);
  };
}

function send(call: InboundCall, app: () => ClientPool, body: RequestBody, attempt: number): void {
  const nowMs = performance.now();
  const leftMs = call.deadlineMs - nowMs;
  if (leftMs <= 0) {
    call.fail(new SelvageError("deadline_exceeded", "no time is left"));
    return;
  }
  const { method, bodyLength } = call.exchange.head;
  const tellsMs = call.isGrpc ? endOf(call) - nowMs : leftMs;
  const head = { method, target: call.appTarget, fields: fieldsForApp(call, tellsMs), bodyLength };
  const exchange = app().send(head, leftMs, attempt > 1);
  if (call.idleMs !== undefined) exchange.idleAfter(call.idleMs);
  let pump: Pump | undefined;
  let over = false;
  call.onFinish(() => {
    pump?.stop();
    if (!over) exchange.abort("the caller left");
  });
  exchange.onInform((status, fields) => call.exchange.inform(status, withoutOurs(fields)));
  exchange.onFail((error) => {
    over = true;
    body.detach();
    if (mayGoAgain(error, method, body, attempt) && call.status === 0 && !call.finished)
      send(call, app, body, attempt + 1);
    else call.fail(errorOf(error));
  });
  exchange.onResponse((head, answer) => {
    body.keepNoMore();
    if (call.isGrpc) endInTime(call);
    pump = passOn(call, head, answer, () => {
      over = body.ended;
    });
  });
  body.attach(exchange.body);
}

/**
 * The application closed an idle connection in this moment, or says that it leaves: nothing has left or was looked at, or what may be
 * sent twice most likely reached nobody.
 */
function mayGoAgain(
  { kind, sent, isStale }: ExchangeError,
  method: string,
  body: RequestBody,
  attempt: number,
): boolean {
  if (!body.replayable || attempt > 1) return false;
  if (sent === "none") return kind === "reset" || kind === "refused";
  return kind === "reset" && isStale && isIdempotent(method);
}

export function fieldsForApp(call: Call, leftMs: number): FieldList {
  const fields = withoutOurs(call.exchange.head.fields);
  putDeadline(fields, call.isGrpc, leftMs);
  if (call.trace !== undefined) fields.set(TRACEPARENT, formatTraceparent(call.trace));
  return fields;
}

/** An application must not be able to speak as its agent does. */
export function withoutOurs(said: FieldList): FieldList {
  const fields = said.clone();
  fields.removePrefixed("selvage-");
  return fields;
}

function passOn(call: Call, head: ResponseHead, body: BodyReader, onEnd: () => void): Pump {
  const { status, fields, bodyLength } = head;
  fields.removePrefixed("selvage-");
  const writer = call.respond({ status, fields, bodyLength });
  return pumpBody(body, writer, {
    idleMs: call.idleMs ?? limits.agent.bodyIdleMs,
    onIdle: () => call.fail(new SelvageError("app_reset", "the application's answer stood still", { sent: "body" })),
    onEnd: (trailers) => {
      call.heardGrpcStatus(trailers);
      onEnd();
    },
  });
}

export function errorOf(error: ExchangeError): SelvageError {
  return new SelvageError(CODES[error.kind], `the application: ${error.message}`, { sent: error.sent, cause: error });
}
