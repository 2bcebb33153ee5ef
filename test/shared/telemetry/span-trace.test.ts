import { expect, test } from "vitest";
import { isFailure, isSampled, keptBy } from "../../../shared/telemetry/sampling.ts";
import { SpanTrace } from "../../../shared/telemetry/span-trace.ts";

const settings = { ratio: 0, errors: true };
const digits = `${"a".repeat(32)}${"b".repeat(16)}`;
const parent = (flags: string, traceId = "f".repeat(32)) => ({ traceId, spanId: "c".repeat(16), flags });

test("a share is of the random part of the id, and who keeps more keeps all of who keeps less", () => {
  const ids = Array.from(
    { length: 4_000 },
    (_, at) => `${"0".repeat(18)}${((at * 0x9e3779b1) >>> 0).toString(16).padStart(8, "0")}${"0".repeat(6)}`,
  );
  const kept = (ratio: number) => ids.filter((id) => isSampled(id, ratio));
  expect(kept(0)).toEqual([]);
  expect(kept(1)).toEqual(ids);
  expect(kept(0.1).length).toBeGreaterThan(360);
  expect(kept(0.1).length).toBeLessThan(440);
  expect(kept(0.5)).toEqual(expect.arrayContaining(kept(0.1)));
});

test.each([
  ["begins here, of no share", undefined, true, 0, "02"],
  ["begins here, of the share", undefined, true, 1, "03"],
  ["a trusted caller's choice", parent("01"), true, 0, "01"],
  ["a trusted caller's other choice", parent("02"), true, 1, "02"],
  ["flags that nobody knows are not passed on", parent("ff"), true, 0, "03"],
  ["a stranger's choice", parent("03"), false, 0, "02"],
  ["a stranger's id that would be of any share", parent("00", "f".repeat(32)), false, 0.01, "00"],
])("%s", (_, from, isTrusted, ratio, flags) => {
  const trace = new SpanTrace(from, isTrusted, { ...settings, ratio }, digits);
  expect(trace.flags).toBe(flags);
  expect(trace.spanId).toBe("b".repeat(16));
  expect([trace.traceId, trace.parentId]).toEqual(
    from === undefined ? ["a".repeat(32), ""] : [from.traceId, from.spanId],
  );
});

test("what follows a failed attempt is sampled at others, too", () => {
  const trace = new SpanTrace(undefined, true, settings, digits);
  const to = { resend: 0, isHedge: false, peer: "orders" };
  const first = trace.attempt("1".repeat(16), 10, to);
  first?.answered(503);
  first?.ended(20);
  first?.ended(30, "late");
  const second = trace.attempt("2".repeat(16), 20, { ...to, resend: 1 });
  expect([first?.flags, second?.flags, first?.endMs, first?.error]).toEqual(["02", "03", 20, undefined]);
  expect(trace.keptBy).toBe("error");
});

test("failures keep nothing where they are not to", () => {
  const trace = new SpanTrace(undefined, true, { ratio: 0, errors: false }, digits);
  trace.attempt("1".repeat(16), 10, { resend: 0, isHedge: false, peer: "orders" })?.ended(20, "upstream_reset");
  expect(trace.isKept).toBe(false);
});

test("attempts and events are bounded", () => {
  const trace = new SpanTrace(undefined, true, settings, digits);
  for (let n = 0; n < 1_000; n++) {
    trace.attempt("1".repeat(16), n, { resend: n, isHedge: false, peer: "orders" });
    trace.event("again", n);
    trace.begin("wait", "1".repeat(16), n);
  }
  expect([trace.attempts.length, trace.events?.length, trace.inner?.length]).toEqual([64, 32, 64]);
});

test.each([
  [200, undefined, false],
  [404, undefined, false],
  [500, undefined, true],
  [0, undefined, true],
  [200, 5, false],
  [200, 14, true],
])("status %i and gRPC's %s", (status, grpc, failed) => {
  expect(isFailure(status, grpc)).toBe(failed);
});

test("what is kept by its own", () => {
  expect(keptBy(true, 1, { ratio: 0, errors: true })).toBe("error");
  expect(keptBy(true, 1, { ratio: 0, errors: false })).toBeUndefined();
  expect(keptBy(false, 500, { ratio: 0, errors: true, slowMs: 500 })).toBe("slow");
  expect(keptBy(false, 499, { ratio: 0, errors: true, slowMs: 500 })).toBeUndefined();
});
