import fc from "fast-check";
import { expect, test } from "vitest";
import { accessLines, type LineFacts } from "../../../mesh-agent/telemetry/access-line.ts";
import { errorTable } from "../../../shared/errors.ts";

const text = fc.string({
  unit: fc.oneof(fc.constantFrom('"', "\\", "\n", "\u0000", "\u2028", "ä", "\ud800"), fc.string()),
});
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
const hexText = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

const facts: fc.Arbitrary<LineFacts> = fc.record({
  traceId: hexText(32),
  spanId: hexText(16),
  method: text,
  host: text,
  path: text,
  status: fc.nat(599),
  durationMs: fc.oneof(fc.nat(1_000_000), fc.double({ min: 0, max: 100_000, noNaN: true })),
  plan: fc.nat(),
  peer: maybe(text),
  endpoint: maybe(text),
  attempts: maybe(fc.nat(9)),
  sub: maybe(text),
  error: maybe(fc.constantFrom(...(Object.keys(errorTable) as (keyof typeof errorTable)[]))),
  wouldRefuse: maybe(fc.constant([{ policy: "shedding" as const, error: "overloaded" as const }])),
  route: maybe(text),
  clientIp: maybe(text),
  grpcStatus: maybe(fc.nat(16)),
  tunnel: maybe(fc.record({ protocol: text, in: fc.nat(), out: fc.nat() })),
  reason: maybe(text),
});

test("property: a line is what JSON.stringify makes of its facts", () => {
  fc.assert(
    fc.property(text, text, fc.integer({ min: 0, max: 4e12 }), facts, (service, instance, atMs, one) => {
      const line = accessLines({ hop: "inbound", service, instance })(atMs, one).toString();
      expect(line).not.toContain("\n");
      const { traceId, spanId, method, host, path, status, durationMs, plan, tunnel, ...rest } = one;
      const passed = tunnel && { protocol: tunnel.protocol, bytesIn: tunnel.in, bytesOut: tunnel.out };
      const told = { traceId, spanId, method, host, path, status, durationMs: Math.round(durationMs * 1000) / 1000 };
      const names = { time: new Date(atMs).toISOString(), kind: "access", hop: "inbound", service, instance };
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify({ ...names, ...told, plan, ...rest, ...passed })));
    }),
  );
});

test("parts of a millisecond do not make the time another one", () => {
  const line = accessLines({ hop: "outbound", service: "a", instance: "a-1" });
  const one: LineFacts = { ...fc.sample(facts, 1)[0] } as LineFacts;
  expect(JSON.parse(line(1_700_000_000_999.7, one).toString()).time).toBe("2023-11-14T22:13:20.999Z");
  expect(JSON.parse(line(1_700_000_001_000.2, one).toString()).time).toBe("2023-11-14T22:13:21.000Z");
});
