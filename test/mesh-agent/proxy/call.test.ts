import { expect, test } from "vitest";
import { Call } from "../../../mesh-agent/proxy/call.ts";
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { FieldList } from "../../../shared/http/field-list.ts";

test("a call that was answered by an error is over for all that still runs for it", () => {
  const head = { method: "POST", target: "/", fields: new FieldList(), bodyLength: "stream" };
  const exchange = {
    ...{ head, onDone: () => undefined, onFail: () => undefined },
    respond: () => ({ end: () => undefined }),
  } as unknown as ServerExchange;
  const call = new Call(exchange, 1, 0);
  const order: string[] = [];
  call.answerErrorsBy(({ code }) => {
    order.push(code);
    call.respond({ status: 400, fields: new FieldList(), bodyLength: 0 }).end();
  });
  call.onFinish(() => order.push("over"));
  call.fail(new SelvageError("bad_request", "first"));
  call.fail(new SelvageError("internal", "second"));
  expect(order).toEqual(["bad_request", "over"]);
  expect(call.finished).toBe(true);
});
