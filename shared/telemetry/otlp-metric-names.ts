/** What metrics are called over OTLP: as `/metrics` has them, and as the semantic conventions do where they have the same. */
import type { MetricFamily, Sample } from "../http/metrics-text.ts";

/** https://opentelemetry.io/docs/specs/semconv/http/http-metrics/, of which these are the stable ones. */
const SERVER = "http.server.request.duration";
const CLIENT = "http.client.request.duration";

interface Convention {
  readonly nameOf: (labels: Sample["labels"]) => string;
  /** Label to attribute, as spans have them. */
  readonly attributes: Readonly<Record<string, string>>;
}

const CONVENTIONS: Readonly<Record<string, Convention>> = {
  selvage_request_duration_seconds: {
    nameOf: ({ direction }) => (direction === "outbound" ? CLIENT : SERVER),
    attributes: { direction: "selvage.hop", service: "selvage.peer" },
  },
  selvage_gateway_request_duration_seconds: { nameOf: () => SERVER, attributes: { route: "selvage.route" } },
  selvage_gateway_upstream_call_duration_seconds: {
    nameOf: () => CLIENT,
    attributes: { upstream: "selvage.upstream" },
  },
};

const UNITS: Readonly<Record<string, string>> = { seconds: "s", bytes: "By", ratio: "1" };

/** A family, or the part of it that has a name of its own. */
export interface OtlpMetric extends MetricFamily {
  /** Of UCUM; empty: none. */
  readonly unit: string;
}

/** @returns what is sent of a family; nothing where it has no sample */
export function otlpMetrics(family: MetricFamily): OtlpMetric[] {
  const [, told = ""] = /_(seconds|bytes|ratio)(?:_total)?$/.exec(family.name) ?? [];
  const unit = UNITS[told] ?? "";
  const convention = CONVENTIONS[family.name];
  if (convention === undefined) return family.samples.length === 0 ? [] : [{ ...family, unit }];
  const named = new Map<string, Sample[]>();
  for (const sample of family.samples) {
    const name = convention.nameOf(sample.labels);
    const samples = named.get(name) ?? [];
    named.set(name, samples);
    samples.push({ ...sample, labels: renamed(sample.labels, convention.attributes) });
  }
  return [...named].map(([name, samples]) => ({ ...family, name, unit, samples }));
}

function renamed(labels: Sample["labels"], names: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [names[name] ?? name, value]));
}
