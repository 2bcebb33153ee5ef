import { expect, test } from "vitest";
import type { KnownPlan } from "../../../mesh-agent/control/known-plan.ts";
import { Versions } from "../../../mesh-agent/control/versions.ts";
import type { Call } from "../../../mesh-agent/proxy/call.ts";
import type { RequestHead } from "../../../mesh-agent/proxy/engine.ts";
import { PLAN_VERSION, TRACEPARENT } from "../../../shared/http/header-names.ts";

const planOf = (version: number): KnownPlan => ({
  version,
  hash: String(version),
  plan: { format: 1, trustDomain: "test.internal", service: "orders", outbound: {} },
});
const [stable, second] = [planOf(7), planOf(8)];
const trace = (digit: string): string => digit.repeat(32);
const span = (digit: string): string => digit.repeat(16);

const head = (fields: Record<string, string>): RequestHead =>
  ({ fields: { get: (name: string) => fields[name] } }) as unknown as RequestHead;

/** A request with that trace; `end` ends it. @param parent span that the caller named */
function request(traceId: string, spanId: string, parent = span("f")): { call: Call; end: () => void } {
  const ends: (() => void)[] = [];
  const fields = { [TRACEPARENT]: `00-${traceId}-${parent}-01` };
  const call = {
    trace: { traceId, spanId, flags: "01" },
    exchange: { head: head(fields) },
    onFinish: (callback: () => void) => void ends.push(callback),
  } as unknown as Call;
  return { call, end: () => ends.forEach((callback) => void callback()) };
}

function both(): Versions {
  const versions = new Versions();
  versions.use(stable, second, false);
  return versions;
}

test("the version that a request names decides it; one that is not held does not, and is counted", () => {
  const versions = both();
  const named = (value?: string) =>
    versions.of(head(value === undefined ? {} : { [PLAN_VERSION]: value }), stable).version;
  expect([named("7"), named("8"), named()]).toEqual([7, 8, 7]);
  expect(versions.unknown).toBe(0);
  for (const other of ["9", "", "08", "8, 8", "8 ", "__proto__"]) expect(named(other)).toBe(7);
  expect(versions.unknown).toBe(6);
});

test("with one plan nobody is asked, but where nobody could tell of another", () => {
  const versions = new Versions();
  versions.use(stable, undefined, false);
  expect(versions.two).toBeUndefined();
  expect(versions.of(head({ [PLAN_VERSION]: "8" }), stable).version).toBe(7);
  expect(versions.unknown).toBe(0);
  versions.use(stable, undefined, true);
  expect(versions.of(head({ [PLAN_VERSION]: "8" }), stable).version).toBe(7);
  expect(versions.unknown).toBe(1);
});

test("what an application calls belongs to the request that it serves, as long as that is under way", () => {
  const versions = both();
  const [one, other] = [request(trace("a"), span("1")), request(trace("b"), span("2"))];
  versions.serve(one.call, second);
  versions.serve(other.call, stable);
  const called = (traceId: string, parent?: string) => versions.callOf(request(traceId, span("9"), parent).call);
  expect([called(trace("a")), called(trace("b")), called(trace("c"))]).toEqual(["8", "7", undefined]);
  one.end();
  expect(called(trace("a"))).toBeUndefined();
});

test("of a trace with requests by both versions the span says which, else nobody knows", () => {
  const versions = both();
  const [one, other] = [request(trace("a"), span("1")), request(trace("a"), span("2"))];
  versions.serve(one.call, second);
  versions.serve(other.call, stable);
  const called = (parent: string) => versions.callOf(request(trace("a"), span("9"), parent).call);
  expect([called(span("1")), called(span("2")), called(span("3"))]).toEqual(["8", "7", undefined]);
  other.end();
  expect(called(span("3"))).toBe("8");
});
