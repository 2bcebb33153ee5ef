/** What agents counted of the mesh's edges since the beginning, as metrics. Their names and labels are in docs/usage.md, and stay. */
import type { MetricFamily, Sample } from "../http/metrics-text.ts";
import type { SeriesCounts } from "./counters.ts";
import { histogramSamples, statusSamples } from "./gateway-metrics.ts";

/** @param series sums that never fall */
export function meshMetrics(series: readonly SeriesCounts[]): MetricFamily[] {
  const edges = series.filter(({ kind }) => kind === "edge");
  const each = (samples: (labels: Record<string, string>, counts: SeriesCounts["counts"]) => Sample[]): Sample[] =>
    edges.flatMap(({ labels: [source = "", destination = ""], counts }) => samples({ source, destination }, counts));
  return [
    {
      name: "selvage_mesh_requests_total",
      type: "counter",
      help: "Calls between workloads of the mesh by class of status; none: there was no answer.",
      samples: each(statusSamples),
    },
    {
      name: "selvage_mesh_refused_requests_total",
      type: "counter",
      help: "Calls that access rules refused (enforce), or would have (shadow).",
      samples: each((labels, { denied = 0, wouldRefuse = 0 }) => [
        ...(denied > 0 ? [{ labels: { ...labels, mode: "enforce" }, value: denied }] : []),
        ...(wouldRefuse > 0 ? [{ labels: { ...labels, mode: "shadow" }, value: wouldRefuse }] : []),
      ]),
    },
    {
      name: "selvage_mesh_unsecured_requests_total",
      type: "counter",
      help: "Calls to endpoints that proved no identity.",
      samples: each((labels, { plain = 0 }) => (plain > 0 ? [{ labels, value: plain }] : [])),
    },
    {
      name: "selvage_mesh_request_duration_seconds",
      type: "histogram",
      help: "Time of these calls until the end of the answer; connections have none.",
      samples: each((labels, counts) => histogramSamples(labels, counts)),
    },
  ];
}
