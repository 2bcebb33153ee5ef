/** Spans as bytes, read by a decoder that is none of ours. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { attributeKey } from "../../../shared/telemetry/attribute-key.ts";
import { otlpRequest, otlpResource } from "../../../shared/telemetry/otlp-request.ts";
import { SpanBuffer, spanKind } from "../../../shared/telemetry/span-buffer.ts";
import { readSpans } from "../../support/read-otlp.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const trace = { traceId, spanId: "00f067aa0ba902b7", flags: "03" };
const resource = otlpResource({ "service.name": "orders" });
const [textKey, numberKey, flagKey] = ["a.text", "a.number", "a.flag"].map(attributeKey) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const sent = (spans: SpanBuffer) => readSpans(otlpRequest(resource, spans.take()));

// Times are exact to 256 ns, as far as a double of milliseconds is.
test("all that a span can say is read as it was said", () => {
  const spans = new SpanBuffer();
  spans.begin(trace, {
    name: "GET /a",
    kind: spanKind.server,
    parentId: "b7ad6b7169203331",
    startMs: 1_700_000_000_000.25,
    endMs: 1_700_000_000_001.5,
  });
  spans.text(textKey, "ä€😀");
  spans.text(textKey, undefined);
  spans.number(numberKey, 503);
  spans.flag(flagKey);
  spans.event("happened", 1_700_000_000_001, textKey, "x");
  spans.fail("it broke");
  spans.end();
  expect(spans.count).toBe(1);
  expect(sent(spans)).toEqual([
    {
      traceId,
      spanId: "00f067aa0ba902b7",
      parentId: "b7ad6b7169203331",
      name: "GET /a",
      kind: "server",
      start: 1_700_000_000_000_250_112n,
      end: expect.any(BigInt),
      flags: 3,
      attributes: { "a.text": "ä€😀", "a.number": 503, "a.flag": true },
      events: [{ name: "happened", attributes: { "a.text": "x" } }],
      failed: true,
      message: "it broke",
      resource: { "service.name": "orders" },
    },
  ]);
  expect([spans.count, spans.bytes]).toEqual([0, 0]);
});

test("texts of any length and content come back, cut at the bound; broken pairs are replaced", () => {
  const spans = new SpanBuffer();
  const texts = fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.string({ maxLength: 2000 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(texts, fc.nat(), (values, number) => {
      for (const value of values) {
        spans.begin(trace, { name: value, kind: spanKind.internal, parentId: "", startMs: 0, endMs: 1 });
        spans.text(textKey, value);
        spans.number(numberKey, number);
        spans.end();
      }
      const read = sent(spans);
      expect(read).toHaveLength(values.length);
      for (const [at, value] of values.entries()) {
        const cut = value.length <= 1024 ? value : value.slice(0, 1024);
        const whole = /[\ud800-\udbff]$/.test(cut) && value.length > 1024 ? value.slice(0, 1025) : cut;
        expect(read[at]).toMatchObject({ name: whole.toWellFormed(), parentId: "" });
        expect(read[at]?.attributes["a.text"] ?? "").toBe(whole.toWellFormed());
        expect(read[at]?.attributes["a.number"] || 0).toBe(number);
      }
    }),
    { numRuns: 200 },
  );
});

test("a lone half of a pair is replaced", () => {
  const spans = new SpanBuffer();
  spans.begin(trace, { name: "a\ud800b\udc00", kind: spanKind.internal, parentId: "", startMs: 0, endMs: 0 });
  spans.end();
  expect(sent(spans)[0]?.name).toBe("a\ufffdb\ufffd");
});

test("an end before its beginning is its beginning", () => {
  const spans = new SpanBuffer();
  spans.begin(trace, { name: "x", kind: spanKind.internal, parentId: "", startMs: 5, endMs: 4 });
  spans.end();
  expect(sent(spans)[0]).toMatchObject({ start: 5_000_000n, end: 5_000_000n });
});
