/** Upgrades as the application gets them, over a connection of their own from the answer on. */
import { SelvageError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";
import type { ClientPool } from "../proxy/engine.ts";
import { pumpBody } from "../proxy/pump-body.ts";
import { openTunnel } from "../proxy/tunnel.ts";
import { errorOf, fieldsForApp, withoutOurs } from "./forward-to-app.ts";
import type { InboundCall } from "./inbound-call.ts";

/** @param app connections to the application */
export function forwardUpgrade(app: () => ClientPool): Stage<InboundCall> {
  return (call, next) => {
    if (call.upgrade === undefined) next();
    else send(call, app(), call.upgrade, 1);
  };
}

function send(call: InboundCall, app: ClientPool, upgrade: string, attempt: number): void {
  const nowMs = performance.now();
  const leftMs = call.deadlineMs - nowMs;
  if (leftMs <= 0) {
    call.fail(new SelvageError("deadline_exceeded", "no time is left"));
    return;
  }
  const { method, target } = call.exchange.head;
  const exchange = app.send({ method, target, fields: fieldsForApp(call, leftMs), bodyLength: 0, upgrade }, leftMs);
  let isAnswered = false;
  const stopOnFinish: (() => void)[] = [() => exchange.abort("the caller left")];
  call.onFinish(() => stopOnFinish.forEach((stop) => void stop()));
  exchange.onInform((status, fields) => call.exchange.inform(status, withoutOurs(fields)));
  exchange.onFail((error) => {
    stopOnFinish.length = 0;
    // An idle connection that the application closed in this moment: nothing of the request left.
    const again = error.kind === "reset" && error.sent === "none" && attempt === 1 && !call.finished;
    if (again) send(call, app, upgrade, attempt + 1);
    else call.fail(isAnswered ? new SelvageError("app_reset", "the application broke off") : errorOf(error));
  });
  exchange.onResponse((head, body) => {
    isAnswered = true;
    stopOnFinish.length = 0;
    const fields = withoutOurs(head.fields);
    if (head.status === 101) {
      const abort = (reason: string): void => exchange.abort(reason);
      const idleMs = call.plan.plan.inbound?.streamIdleMs ?? limits.agent.tunnelIdleMs;
      openTunnel(call, { ...head, fields }, { reader: body, writer: exchange.body, abort }, idleMs);
      return;
    }
    const { status, bodyLength } = head;
    const pump = pumpBody(body, call.respond({ status, fields, bodyLength }), {
      idleMs: limits.agent.bodyIdleMs,
      onIdle: () => call.abort("the application's answer stood still"),
      onEnd: () => {
        stopOnFinish.length = 0;
      },
    });
    stopOnFinish.push(
      () => pump.stop(),
      () => exchange.abort("the caller left"),
    );
  });
}
