/** Trouble that the document makes on purpose, before anything is sent: callers see it as that of the service. */
import { SelvageError } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { grpcStatusOfHttp } from "../../shared/http/grpc-call.ts";
import { chooseFault, type Fault } from "../../shared/policy/fault.ts";
import type { Stage } from "../proxy/call.ts";
import { grpcErrorHead } from "../proxy/grpc-answer.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { OutboundCall } from "./outbound-call.ts";

export interface FaultOptions {
  readonly metrics: Metrics;
  /** At least 0, below 1. */
  readonly random: () => number;
}

export function injectFault({ metrics, random }: FaultOptions): Stage<OutboundCall> {
  return (call, next) => {
    const rules = call.cluster?.settings.faults;
    const { fields } = call.exchange.head;
    const fault =
      rules === undefined
        ? undefined
        : chooseFault(rules, call.asked, (name) => fields.get(name), Date.now(), random());
    if (fault === undefined) next();
    else {
      call.spans?.event("selvage.fault", performance.now(), fault.kind);
      metrics.fault(call.cluster?.service ?? "", fault.kind);
      inject(call, fault, next);
    }
  };
}

function inject(call: OutboundCall, fault: Fault, next: () => void): void {
  call.facts.note = `injected fault: ${fault.kind}`;
  if (fault.kind === "delay") delay(call, fault.delayMs, next);
  else if (fault.kind === "slow-body") {
    call.answerBytesPerSecond = fault.bytesPerSecond;
    next();
  } else if (fault.kind === "reset") call.abort("injected fault");
  else answerWith(call, fault.status);
}

function delay(call: OutboundCall, delayMs: number, next: () => void): void {
  const leftMs = Math.max(0, call.deadlineMs - performance.now());
  const late = (): void =>
    call.fail(new SelvageError("deadline_exceeded", "an injected delay took all the time", { sent: "none" }));
  const timer = delayMs < leftMs ? setTimeout(next, delayMs) : setTimeout(late, leftMs);
  call.onFinish(() => clearTimeout(timer));
}

function answerWith(call: OutboundCall, status: number): void {
  if (call.byGrpc) {
    const error = { status: grpcStatusOfHttp(status), message: "Injected fault" };
    call.respond(grpcErrorHead(call.exchange.head, error)).end();
    return;
  }
  const body = Buffer.from(JSON.stringify({ type: "about:blank", title: "Injected fault", status }));
  const fields = FieldList.from([["content-type", "application/problem+json"]]);
  const writer = call.respond({ status, fields, bodyLength: body.length });
  if (call.exchange.head.method !== "HEAD") writer.write(body);
  writer.end();
}
