import fc from "fast-check";
import { expect, test } from "vitest";
import { type GatewayLogEntry, gatewayLogLine } from "../../../shared/http/access-log.ts";

const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const text = fc.oneof(fc.string({ unit: "binary" }), fc.string());
const hexOf = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

const entries: fc.Arbitrary<GatewayLogEntry> = fc
  .record({
    instance: text,
    traceId: hexOf(32),
    spanId: hexOf(16),
    method: text,
    host: text,
    path: text,
    status: fc.integer({ min: 100, max: 599 }),
    durationMs: fc.nat(),
    plan: fc.nat(),
    route: maybe(text),
    sub: maybe(text),
    clientIp: maybe(text),
    peer: maybe(text),
    endpoint: maybe(text),
    attempts: maybe(fc.nat()),
    cache: maybe(fc.constantFrom("hit" as const, "pass" as const)),
    variant: maybe(text),
    fault: maybe(text),
    error: maybe(fc.constantFrom("no_route" as const, "internal" as const)),
    reason: maybe(text),
    grpcStatus: maybe(fc.nat(16)),
    uncounted: maybe(fc.array(text)),
  })
  .map((some) => ({
    ...({ time: "2026-01-02T03:04:05.678Z", kind: "access", hop: "gateway", service: "gateway" } as const),
    ...some,
  }));
const wouldRefuse = maybe(
  fc.array(
    fc.record({ policy: fc.constant("limit" as const), error: fc.constant("limit_exceeded" as const), limit: text }),
  ),
);

test("a line is what JSON makes of its entry, whatever texts are in it", () => {
  fc.assert(
    fc.property(entries, wouldRefuse, (entry, refusing) => {
      expect(gatewayLogLine(entry, refusing)).toBe(JSON.stringify({ ...entry, wouldRefuse: refusing }));
    }),
  );
});

test.each(['"', "\\", "\n", "\u0000", "\ud800", "\u2028", "\u007f", "a\udc00b", "\u{1f600}"])(
  "%j stays in its place",
  (odd) => {
    const entry = fc.sample(entries, 1)[0] as GatewayLogEntry;
    const line = gatewayLogLine({ ...entry, path: `/a${odd}","status":200` }, undefined);
    expect(line.includes("\n")).toBe(false);
    expect(JSON.parse(line)).toMatchObject({ path: `/a${odd}","status":200`, status: entry.status });
  },
);
