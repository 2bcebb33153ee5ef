import { describe, expect, test } from "vitest";
import { type MetricFamily, metricsFormat, metricsText } from "../../../shared/http/metrics-text.ts";
import { newCounters, seriesOf } from "../../../shared/policy/counters.ts";
import { gatewayMetrics } from "../../../shared/policy/gateway-metrics.ts";
import { countAnswer } from "../../../shared/policy/usage-counters.ts";

const exemplar = { traceId: "a".repeat(32), spanId: "b".repeat(16), value: 0.25, atMs: 1_500 };
const families: readonly MetricFamily[] = [
  { name: "a_total", type: "counter", help: 'Says "a".', samples: [{ labels: { of: 'q"\\\n' }, value: 1 }] },
  {
    name: "took_seconds",
    type: "histogram",
    help: "Took.",
    samples: [
      { suffix: "_bucket", labels: { le: "1" }, value: 1, exemplar },
      { suffix: "_bucket", labels: { le: "+Inf" }, value: 2 },
    ],
  },
  { name: "empty", type: "gauge", help: "None.", samples: [] },
];

describe("text of metrics", () => {
  test("of Prometheus has HELP and TYPE of each family that has samples", () => {
    expect(metricsText(families).split("\n")).toEqual([
      ...['# HELP a_total Says "a".', "# TYPE a_total counter", 'a_total{of="q\\"\\\\\\n"} 1'],
      ...["# HELP took_seconds Took.", "# TYPE took_seconds histogram"],
      ...['took_seconds_bucket{le="1"} 1', 'took_seconds_bucket{le="+Inf"} 2', ""],
    ]);
    expect(metricsText([])).toBe("");
  });

  test("of OpenMetrics names families without _total, has units and an end", () => {
    expect(metricsText(families, "openmetrics").split("\n")).toEqual([
      ...['# HELP a Says \\"a\\".', "# TYPE a counter", 'a_total{of="q\\"\\\\\\n"} 1'],
      ...["# HELP took_seconds Took.", "# TYPE took_seconds histogram", "# UNIT took_seconds seconds"],
      `took_seconds_bucket{le="1.0"} 1 # {trace_id="${exemplar.traceId}",span_id="${exemplar.spanId}"} 0.25 1.500`,
      ...['took_seconds_bucket{le="+Inf"} 2', "# EOF", ""],
    ]);
    expect(metricsText([], "openmetrics")).toBe("# EOF\n");
  });

  test.each([
    [undefined, "prometheus"],
    ["", "prometheus"],
    ["*/*", "prometheus"],
    ["text/plain", "prometheus"],
    ["application/openmetrics-text", "openmetrics"],
    ["application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", "openmetrics"],
    ["application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "prometheus"],
    ["application/openmetrics-text;q=0.2,text/plain", "prometheus"],
    ["application/openmetrics-text;q=0", "prometheus"],
    ["application/openmetrics-text;q=x, text/html", "prometheus"],
    [",;,q=1;,", "prometheus"],
  ] as const)("Accept: %s gets %s", (accept, format) => {
    expect(metricsFormat(accept)).toBe(format);
  });
});

test("what gateways counted is metrics whose samples are told apart", () => {
  const counters = newCounters();
  for (const labels of [
    ["r", "acme", "gold"],
    ["r", "*", "*"],
    ["", "anonymous", ""],
  ]) {
    const { counts } = seriesOf(counters, "usage", ...labels);
    countAnswer(counts, 200, 3);
    countAnswer(counts, 503, 40_000);
  }
  seriesOf(counters, "call", "orders").counts.noAnswer++;
  Object.assign(seriesOf(counters, "cache", "r").counts, { hit: 2, bytes: 500 });
  seriesOf(counters, "limit", "r", "by-ip").counts.refused++;
  seriesOf(counters, "shadow", "r", "auth", "scope_missing").counts.requests += 2;
  seriesOf(counters, "shadow", "r", "auth", "").counts.requests++;
  const lines = metricsText(gatewayMetrics([...counters.series.values()])).split("\n");
  for (const line of [
    'selvage_gateway_requests_total{route="r",consumer="acme",plan="gold",status="5xx"} 1',
    'selvage_gateway_request_duration_seconds_bucket{route="r",le="0.004"} 2',
    'selvage_gateway_request_duration_seconds_bucket{route="r",le="+Inf"} 4',
    'selvage_gateway_request_duration_seconds_sum{route="r"} 80.006',
    'selvage_gateway_upstream_calls_total{upstream="orders",status="none"} 1',
    'selvage_gateway_cache_bytes_total{route="r"} 500',
    'selvage_gateway_cache_events_total{route="r",event="hit"} 2',
    'selvage_gateway_limit_events_total{route="r",limit="by-ip",event="refused"} 1',
    'selvage_gateway_would_refuse_total{route="r",policy="auth",error="scope_missing"} 2',
    'selvage_gateway_shadow_judged_total{route="r",policy="auth"} 3',
  ])
    expect(lines).toContain(line);
  const samples = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.replace(/ \S+$/, ""));
  expect(new Set(samples).size).toBe(samples.length);
});
