import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import { exportEnded, newExportQueue, offerBatch, takeBatch } from "../../../shared/telemetry/export-queue.ts";
import { judgeExport } from "../../../shared/telemetry/otlp-request.ts";
import { otlpMessage } from "../../support/otlp-messages.ts";

const none = new Uint8Array();
const NOW = Date.UTC(2026, 0, 1);

test.each([
  [200, null, { kind: "accepted", rejected: 0 }],
  [202, null, { kind: "accepted", rejected: 0 }],
  [400, null, { kind: "refused", reason: "the receiver answered 400" }],
  [401, "5", { kind: "refused", reason: "the receiver answered 401" }],
  [404, null, { kind: "refused", reason: "the receiver answered 404" }],
  [500, null, { kind: "refused", reason: "the receiver answered 500" }],
  [302, null, { kind: "refused", reason: "the receiver answered 302" }],
  [429, "7", { kind: "retry", afterMs: 7_000, reason: "the receiver answered 429" }],
  [502, null, { kind: "retry", reason: "the receiver answered 502" }],
  [503, "Thu, 01 Jan 2026 00:00:09 GMT", { kind: "retry", afterMs: 9_000, reason: "the receiver answered 503" }],
  [504, null, { kind: "retry", reason: "the receiver answered 504" }],
])("an answer %i with Retry-After %s", (status, retryAfter, outcome) => {
  expect(judgeExport(status, retryAfter, none, NOW)).toEqual(outcome);
});

test("a partial success says how many were not taken, and why; what cannot be read says nothing", () => {
  const schema = otlpMessage("ExportTraceServiceResponse");
  const partialSuccess = { rejectedSpans: 300n, errorMessage: "too old" };
  const body = toBinary(schema, create(schema, { partialSuccess } as never));
  expect(judgeExport(200, null, body, NOW)).toEqual({ kind: "accepted", rejected: 300, message: "too old" });
  for (const broken of [[0x0a], [0x0a, 0x7f, 1], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x0b, 0]])
    expect(judgeExport(200, null, Uint8Array.from(broken), NOW)).toEqual({ kind: "accepted", rejected: 0 });
});

test("what has no room is dropped and counted", () => {
  const queue = newExportQueue();
  expect(offerBatch(queue, new Uint8Array(telemetry.queueBytesMax), 10)).toBe(true);
  expect(offerBatch(queue, new Uint8Array(1), 3)).toBe(false);
  expect(queue).toMatchObject({ dropped: 3, bytes: telemetry.queueBytesMax });
  expect(takeBatch(queue, NOW)).toMatchObject({ items: 10, attempts: 1 });
  expect(queue.bytes).toBe(0);
});

test("retries pause longer each time, and end", () => {
  const queue = newExportQueue();
  offerBatch(queue, new Uint8Array(5), 2);
  const pauses: number[] = [];
  let nowMs = NOW;
  for (;;) {
    const batch = takeBatch(queue, nowMs);
    if (batch === undefined) throw new Error("nothing to send");
    const lost = exportEnded(queue, batch, { kind: "retry", reason: "busy" }, nowMs, 0.5);
    pauses.push(queue.notBeforeMs - nowMs);
    if (lost) break;
    expect(takeBatch(queue, queue.notBeforeMs - 1)).toBeUndefined();
    nowMs = queue.notBeforeMs;
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  expect(queue).toMatchObject({ dropped: 2, sent: 0, bytes: 0, batches: [] });
});

test("the receiver's own pause counts, within a bound", () => {
  const queue = newExportQueue();
  for (const afterMs of [3_000, 1e12]) {
    offerBatch(queue, new Uint8Array(5), 2);
    const batch = takeBatch(queue, queue.notBeforeMs);
    if (batch !== undefined) exportEnded(queue, batch, { kind: "retry", afterMs, reason: "busy" }, NOW, 0);
  }
  expect(queue.notBeforeMs).toBe(NOW + telemetry.retryAfterMsMax);
});

test("what the receiver did not take is counted, and not sent again", () => {
  const queue = newExportQueue();
  offerBatch(queue, new Uint8Array(5), 10);
  const batch = takeBatch(queue, NOW);
  if (batch === undefined) throw new Error("nothing to send");
  expect(exportEnded(queue, batch, { kind: "accepted", rejected: 4 }, NOW, 0)).toBe(true);
  expect(queue).toMatchObject({ sent: 6, rejected: 4, batches: [] });
});
