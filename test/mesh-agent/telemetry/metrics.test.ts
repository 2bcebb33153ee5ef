import { expect, test } from "vitest";
import { Metrics } from "../../../mesh-agent/telemetry/metrics.ts";
import { metricsText } from "../../../shared/http/metrics-text.ts";

test("renders counters and cumulative histograms in Prometheus text form", () => {
  const metrics = new Metrics();
  metrics.request("outbound", "orders", 200, 2);
  metrics.request("outbound", "orders", 200, 40_000);
  metrics.request("outbound", "orders", 0, 1);
  metrics.retry("orders");
  const text = metricsText(metrics.families([{ name: "g", help: "A gauge.", labels: { a: 'b"\n' }, value: 1 }]));
  const labels = 'direction="outbound",service="orders"';
  for (const line of [
    `selvage_requests_total{${labels},status="2xx"} 2`,
    `selvage_requests_total{${labels},status="0"} 1`,
    `selvage_request_duration_seconds_bucket{${labels},le="0.001"} 1`,
    `selvage_request_duration_seconds_bucket{${labels},le="0.0025"} 2`,
    `selvage_request_duration_seconds_bucket{${labels},le="30"} 2`,
    `selvage_request_duration_seconds_bucket{${labels},le="+Inf"} 3`,
    `selvage_request_duration_seconds_count{${labels}} 3`,
    'selvage_retries_total{service="orders"} 1',
    'g{a="b\\"\\n"} 1',
  ])
    expect(text.split("\n")).toContain(line);
});

test("says what is going on, and what the application takes where that is measured", () => {
  const metrics = new Metrics();
  metrics.inFlight.inbound = 3;
  const lines = (): string[] => metricsText(metrics.families([])).split("\n");
  expect(lines()).toContain('selvage_requests_in_flight{direction="inbound"} 3');
  expect(lines().join()).not.toContain("selvage_concurrency_");
  metrics.load = () => ({ utilization: 0.5, places: 8, queueMs: 0, full: [0, 0, 0] });
  expect(lines()).toContain("selvage_concurrency_places 8");
  expect(lines()).toContain("selvage_concurrency_utilization_ratio 0.5");
});
