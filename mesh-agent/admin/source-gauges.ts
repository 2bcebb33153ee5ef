import type { SourceStatus } from "../discovery/found-service.ts";
import type { Gauge } from "../telemetry/metrics.ts";

/** Of the sources that this agent asks for endpoints. @param statuses by service */
export function sourceGauges(statuses: Readonly<Record<string, SourceStatus>>): Gauge[] {
  const all = Object.entries(statuses).map(([service, status]) => ({
    labels: { service, source: status.kind },
    status,
  }));
  return [
    ...all.map(({ labels, status }) => ({
      name: "selvage_source_endpoints",
      help: "Endpoints of a service that its source named and that are in use.",
      labels,
      value: status.endpoints,
    })),
    ...all.map(({ labels, status }) => ({
      name: "selvage_source_up",
      help: "0 while a source of endpoints does not answer.",
      labels,
      value: status.error === undefined ? 1 : 0,
    })),
    ...all.map(({ labels, status }) => ({
      name: "selvage_source_refused_endpoints",
      help: "Endpoints that the last answer of a source named and that are not called.",
      labels,
      value: status.refused ?? 0,
    })),
    ...all.flatMap(({ labels, status: { ageMs } }) =>
      ageMs === undefined
        ? []
        : {
            name: "selvage_source_age_seconds",
            help: "Since a source of endpoints last said, or confirmed, what there is.",
            labels,
            value: ageMs / 1000,
          },
    ),
  ];
}
