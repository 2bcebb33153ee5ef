import { expect, test } from "vitest";
import { keepDeadline } from "../../../mesh-agent/inbound/keep-deadline.ts";
import type { Call } from "../../../mesh-agent/proxy/call.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";

function deadlineFor(value: string | undefined): number {
  const fields = FieldList.from(value === undefined ? [] : [["selvage-deadline-ms", value]]);
  const call = { exchange: { head: { fields } }, arrivedAtMs: 1_000, deadlineMs: 0 } as unknown as Call;
  let passed = false;
  keepDeadline(call, () => {
    passed = true;
  });
  expect(passed).toBe(true);
  return call.deadlineMs - 1_000;
}

test.each([
  ["the caller's time counts", "250", 250],
  ["a caller that says nothing gets the default", undefined, limits.agent.requestTimeoutMs],
  ["what is no number says nothing", "1e9", limits.agent.requestTimeoutMs],
  ["no caller holds the application for days", "999999999", limits.document.timeoutMsMax],
])("%s", (_, value, ms) => expect(deadlineFor(value)).toBe(ms));
