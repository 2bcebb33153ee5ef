import { expect, test } from "vitest";
import type { Exemplar, MetricFamily } from "../../../shared/http/metrics-text.ts";
import { MetricBuffer } from "../../../shared/telemetry/metric-buffer.ts";
import { otlpRequest, otlpResource } from "../../../shared/telemetry/otlp-request.ts";
import { type ReadPoint, readMetrics } from "../../support/read-otlp.ts";

const times = { startMs: 1_000, nowMs: 61_000.5, exemplarsSinceMs: 30_000 };
const exemplar = (atMs: number): Exemplar => ({ traceId: "a".repeat(32), spanId: "b".repeat(16), value: 0.25, atMs });

function read(...families: readonly MetricFamily[]): ReadPoint[] {
  const out = new MetricBuffer();
  for (const family of families) out.add(family, times);
  const { count } = out;
  const points = readMetrics(otlpRequest(otlpResource({ "service.name": "orders" }), out.take()));
  expect([points.length, out.count, out.bytes]).toEqual([count, 0, 0]);
  return points;
}

const histogram = (name: string, labels: Record<string, string>, old = false): MetricFamily => ({
  ...{ name, type: "histogram", help: "Took." },
  samples: [
    { suffix: "_bucket", labels: { ...labels, le: "0.5" }, value: 2, exemplar: exemplar(old ? 29_999 : 30_000) },
    { suffix: "_bucket", labels: { ...labels, le: "2.5" }, value: 2 },
    { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: 3 },
    { suffix: "_sum", labels, value: 9.25 },
    { suffix: "_count", labels, value: 3 },
  ],
});

test("a counter is a sum since its start, a gauge is what it is now", () => {
  const labels = { service: "orders" };
  expect(
    read(
      { name: "a_total", type: "counter", help: "A.", samples: [{ labels, value: 2 ** 40 + 1 }] },
      { name: "b_bytes_total", type: "counter", help: "B.", samples: [{ labels: {}, value: 1 }] },
      { name: "c_seconds", type: "gauge", help: "C.", samples: [{ labels: {}, value: -1.5 }] },
      { name: "d", type: "gauge", help: "D.", samples: [] },
    ),
  ).toMatchObject([
    ...[{ name: "a_total", unit: "", kind: "sum", value: 2 ** 40 + 1, attributes: labels, start: 1_000_000_000n }],
    ...[{ name: "b_bytes_total", unit: "By", kind: "sum", value: 1 }],
    ...[{ name: "c_seconds", unit: "s", kind: "gauge", value: -1.5, start: 0n, time: 61_000_500_000n }],
  ]);
});

test("a histogram has the count of each bucket for itself, and exemplars that were not sent before", () => {
  const told = { kind: "histogram", value: 3, sum: 9.25, buckets: [2, 0, 1], bounds: [0.5, 2.5], unit: "s" };
  const [point] = read(histogram("selvage_other_seconds", { of: "x" }));
  expect(point).toMatchObject({ ...told, name: "selvage_other_seconds", attributes: { of: "x" } });
  expect(point?.exemplars).toEqual([{ traceId: "a".repeat(32), spanId: "b".repeat(16), value: 0.25 }]);
  expect(read(histogram("selvage_other_seconds", {}, true))[0]?.exemplars).toEqual([]);
});

test.each([
  [{ direction: "outbound", service: "orders" }, "http.client.request.duration"],
  [{ direction: "inbound", service: "web" }, "http.server.request.duration"],
  [{ direction: "ingress", service: "orders" }, "http.server.request.duration"],
])("how long requests of %j took is %s", (labels, name) => {
  const [point] = read(histogram("selvage_request_duration_seconds", labels));
  const { direction, service } = labels;
  expect(point).toMatchObject({ name, unit: "s", attributes: { "selvage.hop": direction, "selvage.peer": service } });
});

test("those of the gateway have their names, too", () => {
  expect(
    read(
      histogram("selvage_gateway_request_duration_seconds", { route: "orders" }),
      histogram("selvage_gateway_upstream_call_duration_seconds", { upstream: "orders" }),
    ),
  ).toMatchObject([
    { name: "http.server.request.duration", attributes: { "selvage.route": "orders" } },
    { name: "http.client.request.duration", attributes: { "selvage.upstream": "orders" } },
  ]);
});

test("more buckets than one byte can say the length of come back", () => {
  const bounds = Array.from({ length: 40 }, (_, at) => at + 1);
  const samples = [
    ...bounds.map((le) => ({ suffix: "_bucket", labels: { le: String(le) }, value: le })),
    { suffix: "_bucket", labels: { le: "+Inf" }, value: 40 },
    { suffix: "_sum", labels: {}, value: 1 },
    { suffix: "_count", labels: {}, value: 40 },
  ];
  expect(read({ name: "x", type: "histogram", help: "X.", samples })[0]?.bounds).toEqual(bounds);
});
